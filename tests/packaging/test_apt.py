"""The private sources list: made from both formats, and nothing but the distribution's suites."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from buildutils import apt

DEB822 = """\
# the distribution
Types: deb
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
Trusted: yes

Types: deb
Enabled: no
URIs: http://mirror.example/off
Suites: bookworm
Components: main

Types: deb
URIs: https://vendor.example/node
Suites: nodistro
Components: main
Signed-By: /usr/share/keyrings/vendor.gpg

Types: deb
URIs: https://vendor.example/linux
Suites: bookworm
Components: main
Signed-By: /usr/share/keyrings/vendor.gpg
"""

ONE_LINE = """\
# deb http://mirror.example/commented bookworm main
deb http://mirror.example/debian bookworm main   # all of it
deb-src http://mirror.example/debian bookworm main
deb [arch=amd64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg trusted=yes] \
http://security.example/debian-security bookworm-security main
deb [signed-by=/etc/apt/keyrings/docker.asc] https://vendor.example/docker bookworm stable
deb https://vendor.example/sdk cloud-sdk-bookworm main
"""


def kept(entries: list[apt.Entry]) -> str:
    return apt.as_sources(apt.distribution_entries(entries, "bookworm"))


def test_deb822() -> None:
    text = kept(list(apt.read_deb822(DEB822)))
    assert text == (
        "Types: deb deb-src\n"
        "URIs: http://mirror.example/debian\n"
        "Suites: bookworm bookworm-updates\n"
        "Components: main contrib\n"
        "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n"
    )


def test_one_line() -> None:
    text = kept(list(apt.read_one_line(ONE_LINE)))
    assert text == (
        "Types: deb deb-src\n"
        "URIs: http://mirror.example/debian\n"
        "Suites: bookworm\n"
        "Components: main\n"
        "\n"
        "Types: deb deb-src\n"
        "URIs: http://security.example/debian-security\n"
        "Suites: bookworm-security\n"
        "Components: main\n"
        "Architectures: amd64\n"
        "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n"
    )


def test_an_inline_key_survives() -> None:
    stanza = (
        "Types: deb\nURIs: http://m.example/ubuntu\nSuites: noble\nComponents: main universe\n"
        "Signed-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc\n"
        " -----END PGP PUBLIC KEY BLOCK-----\n"
    )
    (entry,) = apt.distribution_entries(list(apt.read_deb822(stanza)), "noble")
    again = list(apt.read_deb822(apt.as_sources([entry])))
    assert again[0].signed_by == entry.signed_by
    assert "\n .\n" in entry.signed_by


@pytest.mark.parametrize("line", ["trusted", "allow-insecure", "allow-unauthenticated"])
def test_nothing_that_weakens_the_signature_check_is_kept(line: str) -> None:
    assert line not in kept([*apt.read_deb822(DEB822), *apt.read_one_line(ONE_LINE)]).lower()


def test_both_places_are_read(tmp_path: Path) -> None:
    parts = tmp_path / "sources.list.d"
    parts.mkdir()
    (tmp_path / "sources.list").write_text("deb http://a.example/debian bookworm main\n")
    (parts / "b.list").write_text("deb http://b.example/debian bookworm main\n")
    (parts / "c.sources").write_text(DEB822)
    (parts / "d.sources.disabled").write_text(DEB822.replace("mirror", "disabled"))
    uris = [uri for entry in apt.configured_entries(tmp_path) for uri in entry.uris]
    assert "http://a.example/debian" in uris
    assert "http://b.example/debian" in uris
    assert "http://mirror.example/debian" in uris
    assert not any("disabled" in uri for uri in uris)


def test_codename(tmp_path: Path) -> None:
    release = tmp_path / "os-release"
    release.write_text('ID=ubuntu\nVERSION_CODENAME=noble\nUBUNTU_CODENAME="noble"\n')
    assert apt.codename(release) == "noble"
    assert apt.codename(tmp_path / "absent") == ""


@pytest.mark.slow_build
@pytest.mark.timeout(300)
@pytest.mark.skipif(
    not (apt.available() and sys.platform == "linux"), reason="a Debian or Ubuntu machine"
)
def test_source_packages_come_without_root_and_without_traces(tmp_path: Path) -> None:
    """The machine's own lists and archives are as they were; the tarballs match their .dsc."""
    state = [Path("/var/lib/apt/lists"), Path("/var/cache/apt/archives")]
    before = [sorted(path.iterdir()) for path in state if path.is_dir()]
    fetched = apt.PrivateApt(tmp_path).source("zeromq3", "libsodium")
    assert {name: path.name.split("_")[0] for name, (path, _) in fetched.items()} == {
        "zeromq3": "zeromq3",
        "libsodium": "libsodium",
    }
    assert before == [sorted(path.iterdir()) for path in state if path.is_dir()]
