"""What this installation consists of, as a software bill of materials (CycloneDX 1.6), read from what is installed, not from what
was once asked for: for whoever must know whether a library with a known weakness is in it. Asks nobody.

A package is here when Interlock needs it, itself or through another one. Its digest is of its RECORD, the list of its files with
theirs (PEP 376): two installations with the same digest have the same files. What the pages load of others has no package: by file.
"""

from __future__ import annotations

import hashlib
import json
import platform
import re
import uuid
from importlib import metadata
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from interlock.app.errors import BadInput
from interlock.app.times import rfc3339

Json = dict[str, Any]
_OWN = "interlock"
_REQUIREMENT = re.compile(r"^\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[([^\]]*)\])?[^;]*(?:;(.*))?$")
_EXTRA = re.compile(r"""extra\s*==\s*['"]([^'"]+)['"]""")


def write(file: Path, now_us: int) -> int:
    """How many components it names. Raises BadInput."""
    document = made(now_us)
    try:
        with file.open("x", encoding="utf-8") as out:
            json.dump(document, out, indent=2)
    except FileExistsError as error:
        raise BadInput(f"{file} exists already.", code="file_exists", fix="Name another file.") from error
    except OSError as error:
        raise BadInput(
            f"{file} cannot be written: {error.strerror}.", code="file_unwritable", fix="Give another path."
        ) from error
    return len(document["components"])


def made(now_us: int) -> Json:
    needed = _needed()
    own = needed[_OWN]
    libraries = [_component(each) for name, each in sorted(needed.items()) if name != _OWN]
    interpreter = {"type": "platform", "name": platform.python_implementation(), "version": platform.python_version()}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid4()}",
        "version": 1,
        "metadata": {"timestamp": rfc3339(now_us), "component": {**_component(own), "type": "application"}},
        "components": [*libraries, interpreter, *_files_of_pages()],
        "dependencies": [
            {
                "ref": _purl(each),
                "dependsOn": [_purl(needed[name]) for name in _asks_for(each, set()) if name in needed],
            }
            for _name, each in sorted(needed.items())
        ],
    }


def _needed() -> dict[str, metadata.Distribution]:
    """{normalised name: what is installed}. What is asked for on another system only is not there."""
    found: dict[str, metadata.Distribution] = {}
    left: list[tuple[str, frozenset[str]]] = [(_OWN, frozenset())]
    seen: set[tuple[str, frozenset[str]]] = set()
    while left:
        name, extras = wanted = left.pop()
        if wanted in seen:
            continue
        seen.add(wanted)
        try:
            found[name] = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        left += [(needs, frozenset(of)) for needs, of in _asks_for(found[name], extras).items()]
    return found


def _asks_for(of: metadata.Distribution, extras: set[str] | frozenset[str]) -> dict[str, set[str]]:
    """{normalised name: its extras that are wanted}, of a package with these extras of its own."""
    found: dict[str, set[str]] = {}
    for line in of.requires or []:
        matched = _REQUIREMENT.match(line)
        if matched is None:
            continue
        name, wanted, condition = matched.groups()
        only_with = set(_EXTRA.findall(condition or ""))
        if not only_with or only_with & extras:
            found.setdefault(_normalised(name), set()).update(filter(None, re.split(r"\s*,\s*", wanted or "")))
    return found


def _component(of: metadata.Distribution) -> Json:
    record = of.read_text("RECORD")
    digest = [] if record is None else [{"name": "record_sha256", "value": hashlib.sha256(record.encode()).hexdigest()}]
    licence = next(iter(of.metadata.get_all("License-Expression") or []), None)
    return {
        "type": "library",
        "bom-ref": _purl(of),
        "name": of.name,
        "version": of.version,
        "purl": _purl(of),
        **({"licenses": [{"expression": licence}]} if licence else {}),
        "properties": digest,
    }


def _purl(of: metadata.Distribution) -> str:
    return f"pkg:pypi/{_normalised(of.name)}@{of.version}"


def _normalised(name: str) -> str:
    """As packages are compared (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _files_of_pages() -> list[Json]:
    vendor = files("interlock.web") / "static" / "vendor"
    return [
        {
            "type": "file",
            "name": name,
            "hashes": [{"alg": "SHA-256", "content": hashlib.sha256(each.read_bytes()).hexdigest()}],
        }
        for name, each in sorted(_below(vendor, ""))
    ]


def _below(folder: Traversable, prefix: str) -> list[tuple[str, Traversable]]:
    if not folder.is_dir():
        return []
    found: list[tuple[str, Traversable]] = []
    for each in folder.iterdir():
        name = f"{prefix}{each.name}"
        found += _below(each, f"{name}/") if each.is_dir() else [(name, each)]
    return found
