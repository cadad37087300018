"""ipyparallel and locust on this package."""

from __future__ import annotations

from downstream.running import RunProgram
from helpers import free_port


def test_ipyparallel_maps_over_arrays(program: RunProgram) -> None:
    program(
        """
import ipyparallel, numpy
with ipyparallel.Cluster(n=2, engine_timeout=300, log_level=30) as clients:
    direct, balanced = clients[:], clients.load_balanced_view()
    assert len(direct) == 2
    assert direct.apply_sync(lambda: __import__("zmq").__file__) == [os.environ["EXPECTED_FILE"]] * 2
    arrays = [numpy.arange(100_000, dtype=float) + i for i in range(10)]
    expected = [float((a * 2).sum()) for a in arrays]
    assert direct.map_sync(lambda a: float((a * 2).sum()), arrays) == expected
    assert balanced.map_sync(lambda a: float((a * 2).sum()), arrays) == expected
    doubled = balanced.map_sync(lambda a: a * 2, arrays)
    assert all((a * 2 == b).all() for a, b in zip(arrays, doubled))
    direct.push({"shared": arrays[0]}, block=True, track=True)
    assert [float(a.sum()) for a in direct.pull("shared", block=True)] == [float(arrays[0].sum())] * 2
    direct.scatter("part", arrays[1], block=True)
    assert (direct.gather("part", block=True) == arrays[1]).all()
"""
    )


def test_locust_runs_a_distributed_swarm(program: RunProgram) -> None:
    program(
        """
import csv, http.server, socket, subprocess, threading
from pathlib import Path

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *args):
        pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
Path("locustfile.py").write_text(
    "import os, zmq.green\\n"
    "assert zmq.__file__ == os.environ['EXPECTED_FILE']\\n"
    "import gevent\\n"
    "from locust import HttpUser, constant, events, task\\n"
    "from locust.runners import MasterRunner\\n"
    "class Visitor(HttpUser):\\n"
    "    wait_time = constant(0.05)\\n"
    "    @task\\n"
    "    def visit(self):\\n"
    "        self.client.get('/')\\n"
    "@events.init.add_listener\\n"
    "def end_when_enough(environment, **_):\\n"
    "    def wait():\\n"
    "        while environment.stats.total.num_requests <= 50:\\n"
    "            gevent.sleep(0.1)\\n"
    "        environment.runner.quit()\\n"
    "    if isinstance(environment.runner, MasterRunner):\\n"
    "        gevent.spawn(wait)\\n"
)
port = sys.argv[1]
base = [sys.executable, "-m", "locust", "-f", "locustfile.py", "--host", f"http://127.0.0.1:{server.server_address[1]}"]
master = subprocess.Popen(
    [*base, "--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", port, "--headless", "--expect-workers", "2",
     "--expect-workers-max-wait", "200", "-u", "6", "-r", "6", "-t", "200s", "--csv", "result", "--exit-code-on-error", "1"],
    stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
)
workers = [
    subprocess.Popen(
        [*base, "--worker", "--master-host", "127.0.0.1", "--master-port", port], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True,
    )
    for _ in range(2)
]
try:
    outputs = [process.communicate(timeout=300)[0] for process in (master, *workers)]
finally:
    for process in (master, *workers):
        process.kill()
assert [process.returncode for process in (master, *workers)] == [0, 0, 0], "\\n====\\n".join(outputs)
total = next(row for row in csv.DictReader(Path("result_stats.csv").open()) if row["Name"] == "Aggregated")
assert int(total["Request Count"]) > 50, total
assert int(total["Failure Count"]) == 0, total
server.shutdown()
""",
        str(free_port()),
    )
