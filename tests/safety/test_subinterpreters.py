"""Subinterpreters: an import there is refused with what to do instead, and harms nobody."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from helpers import RunChild

PRELUDE = """
import sys
try:
    import _interpreters as interpreters
    def create(): return interpreters.create(kind)
except ImportError:
    import _xxsubinterpreters as interpreters
    def create(): return interpreters.create(isolated=kind == "isolated")
kind = sys.argv[1]
code = f'''
import sys
sys.path[:] = {sys.path!r}
try:
    import zmq
except ImportError as error:
    message = str(error)
else:
    message = "imported"
with open({sys.argv[2]!r}, "a") as said:
    print(message, file=said)
'''
def run():
    one = create()
    failure = interpreters.run_string(one, code)
    assert failure is None, failure
    interpreters.destroy(one)
import zmq
def unharmed():
    with zmq.Context() as context, context.socket(zmq.PAIR) as a, context.socket(zmq.PAIR) as b:
        a.bind("inproc://x"); b.connect("inproc://x")
        data = bytearray(100_000)
        tracker = a.send(data, copy=False, track=True)
        assert b.recv() == data
        tracker.wait(30)
"""

pytest.importorskip("_interpreters" if sys.version_info >= (3, 13) else "_xxsubinterpreters")


@pytest.mark.parametrize("kind", ["isolated", "legacy"])
def test_import_is_refused_with_what_to_do(run_child: RunChild, tmp_path: Path, kind: str) -> None:
    script = (
        PRELUDE
        + """
unharmed()
for _ in range(8):
    run()
    unharmed()
said = open(sys.argv[2]).read().splitlines()
assert len(said) == 8, said
assert all("ProcessPoolExecutor" in line for line in said), said
"""
    )
    run_child(script, kind, str(tmp_path / "said")).ok()
