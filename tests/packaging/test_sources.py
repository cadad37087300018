"""Where the bundled libraries' sources come from, and what happens when one is wrong or absent."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from buildutils import sources
from buildutils.cache import locked, sha256
from buildutils.config import BuildConfig, BuildError

UNREACHABLE = "http://127.0.0.1:9/none.tar.gz"


def offline(config: BuildConfig, env: pytest.MonkeyPatch, tmp_path: Path) -> BuildConfig:
    """A machine without apt whose one address answers nobody."""
    env.setenv("PATH", str(tmp_path))
    return replace(config, libzmq_url=UNREACHABLE, libsodium_url=UNREACHABLE)


def test_pins_are_complete() -> None:
    for pin in sources.pins():
        assert re.fullmatch(r"[0-9a-f]{64}", pin.sha256)
        assert pin.version in pin.file
        assert all(url.startswith("https://") and pin.file in url for url in pin.urls)


def test_a_download_with_another_hash_aborts(
    config: BuildConfig, clean_env: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    wrong = tmp_path / "zeromq-4.3.5.tar.gz"
    wrong.write_bytes(b"not libzmq")
    with pytest.raises(BuildError, match="wrong content") as failure:
        sources.resolve(replace(config, libzmq_url=wrong.as_uri()))
    assert sha256(wrong) in str(failure.value)
    assert not list((config.cache / "downloads").glob("*")), "nothing of it may be kept"


def test_a_damaged_tarball_in_the_cache_aborts_and_is_gone(config: BuildConfig) -> None:
    libzmq, _ = sources.pins()
    damaged = config.cache / "downloads" / libzmq.file
    damaged.parent.mkdir(parents=True)
    damaged.write_bytes(b"cut off")
    with pytest.raises(BuildError, match="wrong content"):
        sources.resolve(config)
    assert not damaged.exists(), "the next build has to fetch it again"


def test_one_error_tells_what_was_tried_and_the_ways_out(
    config: BuildConfig, clean_env: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(BuildError) as failure:
        sources.resolve(offline(config, clean_env, tmp_path))
    text = str(failure.value)
    assert f"{UNREACHABLE}: " in text
    for way in ("libzmq3-dev", "ZMQ_BUNDLED_SOURCE", "LIBSODIUM_BUNDLED_SOURCE", "ZMQ_BUNDLED_URL"):
        assert way in text


def test_without_apt_the_distribution_is_named_as_tried(
    config: BuildConfig, clean_env: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    clean_env.setenv("PATH", str(tmp_path))
    clean_env.setattr(
        sources,
        "pins",
        lambda: tuple(replace(pin, urls=(UNREACHABLE,)) for pin in PINS),
    )
    with pytest.raises(BuildError, match="there is no apt-get") as failure:
        sources.resolve(config)
    assert str(failure.value).count(UNREACHABLE) == len(PINS)


PINS = sources.pins()


def test_given_sources_need_no_network(
    config: BuildConfig, clean_env: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("zmq", "sodium"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    given = replace(config, libzmq_source=tmp_path / "zmq", libsodium_source=tmp_path / "sodium")
    clean_env.setenv("PATH", str(tmp_path))
    first = sources.resolve(given)
    assert [source.path.name for source in first] == ["zmq", "sodium"]
    (tmp_path / "zmq" / "file").write_text("changed")
    assert sources.resolve(given)[0].digest != first[0].digest
    assert sources.resolve(given)[1].digest == first[1].digest


def test_unpacking_never_writes_into_given_sources(config: BuildConfig, tmp_path: Path) -> None:
    given = tmp_path / "given"
    given.mkdir()
    (given / "configure").write_text("original")
    source = sources.Source("libsodium", "given", "test", given, "0")
    tree = sources.unpack(source, tmp_path / "work")
    (tree / "configure").write_text("changed")
    assert (given / "configure").read_text() == "original"


def test_a_lock_keeps_two_builds_apart(tmp_path: Path) -> None:
    import threading

    order: list[str] = []
    entered, leave = threading.Event(), threading.Event()

    def first() -> None:
        with locked(tmp_path / "lock"):
            entered.set()
            assert leave.wait(30)
            order.append("first")

    def second() -> None:
        with locked(tmp_path / "lock"):
            order.append("second")

    threads = [threading.Thread(target=first), threading.Thread(target=second)]
    threads[0].start()
    assert entered.wait(30)
    threads[1].start()
    leave.set()
    for thread in threads:
        thread.join(30)
    assert order == ["first", "second"]
