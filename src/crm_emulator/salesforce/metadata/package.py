"""The zip of a deployment: its files, and what its manifests say is to be deployed and deleted.

Nothing here knows the org. A zip holds one package at its root (`singlePackage`) or one in each folder of its root.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from dataclasses import dataclass, field

from crm_emulator.salesforce.metadata.problems import Problem
from crm_emulator.salesforce.metadata.xml import Node, Spec, parse, read

MANIFEST = "package.xml"
# "destructiveChanges.xml" and "...Pre.xml" are worked off before what is added, "...Post.xml" after (Metadata API
# developer guide, deleting components from an organization).
DELETIONS_BEFORE = ("destructiveChangesPre.xml", "destructiveChanges.xml")
DELETIONS_AFTER = ("destructiveChangesPost.xml",)
# "You can deploy or retrieve up to 10,000 files at once", 39 MB zipped, 600 x 1024 x 1024 bytes unzipped (Metadata API
# developer guide, deploy metadata using REST).
MOST_FILES = 10_000
MOST_ZIPPED_BYTES = 39 * 1024 * 1024
MOST_BYTES = 600 * 1024 * 1024

_PACKAGE: Spec = {
    "types": None,
    "version": str,
    "fullName": str,
    "description": str,
    "apiAccessLevel": str,
    "namespacePrefix": str,
}
_VERSION = re.compile(r"(\d{1,3})\.0\Z")


class BadZip(Exception):
    """The file as a whole cannot be taken; the text says why."""


@dataclass(slots=True)
class Manifest:
    """`members` by type, in the order of the file; `version` is None where the file names none."""

    members: dict[str, list[Node]] = field(default_factory=dict)
    version: int | None = None


@dataclass(slots=True)
class Package:
    """`prefix` is the folder it lies in, with its slash, or empty. File names are relative to it."""

    prefix: str
    files: dict[str, bytes]

    def manifest(self, name: str = MANIFEST) -> Manifest | None:
        """None where there is no such file. Raises Problem."""
        data = self.files.get(name)
        return None if data is None else _manifest(data)


def open_packages(data: bytes, *, single: bool) -> list[Package]:
    """Raises BadZip."""
    files = _unzip(data)
    if single:
        return [Package("", files)]
    packages: dict[str, dict[str, bytes]] = {}
    for name, content in files.items():
        folder, slash, rest = name.partition("/")
        if slash:
            packages.setdefault(folder + "/", {})[rest] = content
    return [Package(prefix, held) for prefix, held in sorted(packages.items())]


def _unzip(data: bytes) -> dict[str, bytes]:
    if len(data) > MOST_ZIPPED_BYTES:
        raise BadZip(f"Maximum size of request reached. Maximum size of request is {MOST_ZIPPED_BYTES} bytes")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            if len(entries) > MOST_FILES:
                raise BadZip(f"Too many files in zip: {len(entries)}, maximum is {MOST_FILES}")
            if sum(entry.file_size for entry in entries) > MOST_BYTES:
                raise BadZip(f"Maximum size of unzipped files reached: {MOST_BYTES} bytes")
            return {entry.filename.removeprefix("./"): archive.read(entry) for entry in entries}
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, ValueError) as broken:
        # RuntimeError: an encrypted entry; NotImplementedError: a compression that nobody uses here.
        raise BadZip(f"Error unzipping the file: {broken}") from broken


def _manifest(data: bytes) -> Manifest:
    root = parse(data, "Package")
    values = read(root, "Package", _PACKAGE)
    manifest = Manifest(version=_version(values.get("version")))
    for node in values.get("types", ()):
        held = read(node, "PackageTypeMembers", {"members": None, "name": str}, ("name",))
        manifest.members.setdefault(held["name"], []).extend(held.get("members", ()))
    return manifest


def _version(text: str | None) -> int | None:
    if text is None:
        return None
    match = _VERSION.match(text)
    if match is None:
        raise Problem("Invalid version specified")
    return int(match.group(1))
