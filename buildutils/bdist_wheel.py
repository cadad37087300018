"""setuptools' bdist_wheel, with a bill of materials of what the build linked in (PEP 770)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from setuptools.command.bdist_wheel import bdist_wheel as _bdist_wheel

from .config import ABI3_SINCE, BuildConfig
from .locate import Component, Library
from .sources import BUNDLED

SBOM = "sboms/pyzmq.cdx.json"
"""Below .dist-info; auditwheel puts its own beside it when it grafts a library in."""

_LICENCES = {"libzmq": "MPL-2.0", "libsodium": "ISC"}
_HOMES = {"libzmq": "https://github.com/zeromq/libzmq", "libsodium": "https://github.com/jedisct1/libsodium"}
_BEFORE_MPL = "LGPL-3.0-or-later with libzmq's static linking exception"


class bdist_wheel(_bdist_wheel):  # noqa: N801  # setuptools' command name
    """Adds the bill of materials when libzmq was bundled; an installed libzmq is not part of the wheel."""

    def finalize_options(self) -> None:
        if BuildConfig.from_environment().abi3:
            self.py_limited_api = f"cp{ABI3_SINCE[0]}{ABI3_SINCE[1]}"
        super().finalize_options()

    def write_wheelfile(self, wheelfile_base: str, *arguments: Any, **options: Any) -> None:
        """The last step before the archive is written and its files are recorded."""
        super().write_wheelfile(wheelfile_base, *arguments, **options)
        library: Library | None = getattr(self.get_finalized_command("build_ext"), "library", None)
        if library is None or not library.components:
            return
        target = Path(wheelfile_base, SBOM)
        target.parent.mkdir(parents=True, exist_ok=True)
        document = bill(self.distribution.get_name(), self.distribution.get_version(), library.components)
        target.write_text(json.dumps(document, indent=1) + "\n", "utf-8")


def bill(name: str, version: str, components: tuple[Component, ...]) -> dict[str, Any]:
    """A CycloneDX document; no serial number and no date, so that the same build gives the same one."""
    root = f"pkg:pypi/{name}@{version}"
    parts = [_part(component) for component in components]
    refs = [part["bom-ref"] for part in parts]
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {"type": "library", "bom-ref": root, "name": name, "version": version, "purl": root}},
        "components": parts,
        "dependencies": [{"ref": root, "dependsOn": refs}, *({"ref": ref} for ref in refs)],
    }


def _part(component: Component) -> dict[str, Any]:
    purl = f"pkg:generic/{component.name}@{component.version}"
    part: dict[str, Any] = {
        "type": "library",
        "bom-ref": purl,
        "name": component.name,
        "version": component.version,
        "description": component.origin,
        "licenses": [{"license": _licence(component)}],
        "purl": purl,
        "externalReferences": [{"type": "vcs", "url": _HOMES[component.name]}],
    }
    if component.sha256:
        part["hashes"] = [{"alg": "SHA-256", "content": component.sha256}]
    if component.url:
        part["externalReferences"].append({"type": "distribution", "url": component.url})
    if component.patches:
        part["modified"] = True
        part["pedigree"] = {"patches": [_change(name) for name in component.patches]}
    return part


def _licence(component: Component) -> dict[str, str]:
    if component.name == "libzmq" and tuple(map(int, component.version.split(".")[:3])) < (4, 3, 5):
        return {"name": _BEFORE_MPL}
    return {"id": _LICENCES[component.name]}


def _change(name: str) -> dict[str, Any]:
    text = (BUNDLED / "patches" / name).read_text("utf-8")
    return {"type": "unofficial", "diff": {"text": {"contentType": "text/plain", "content": text}}}
