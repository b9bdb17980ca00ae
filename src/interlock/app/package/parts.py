"""What the package consists of: the files of `salesforce/`, its version, and the zip that is deployed. Pure but for
reading those files.

One copy of the files, which a person can deploy too: `salesforce/` in a check-out, `interlock/salesforce_package` in an
installed package (pyproject.toml, force-include). The version stands in one place, the description of the permission
set, where it can be read back from an org. `package/` is the same for every install; `address/` is filled with the
address of one install, and left out where there is none that Salesforce could reach.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template
from urllib.parse import urlsplit
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import msgspec

from interlock.crm.salesforce import soql
from interlock.crm.salesforce.requests import API_VERSION

PERMISSION_SET = "Interlock_Integration"
# What people get, as far as the install's scope goes: it lets them see the HubSpot id, and never write a key.
USER_SET = "Interlock_User"
SITE = "Interlock"
REMOTE_SITE, TRUSTED_SITE = "RemoteSiteSetting", "CspTrustedSite"
NAMESPACE = "http://soap.sforce.com/2006/04/metadata"
_PERMISSION_FILE = f"permissionsets/{PERMISSION_SET}.permissionset"
_USER_FILE = f"permissionsets/{USER_SET}.permissionset"
_SITE_FILES = {
    REMOTE_SITE: f"remoteSiteSettings/{SITE}.remoteSite",
    TRUSTED_SITE: f"cspTrustedSites/{SITE}.cspTrustedSite",
}
_VERSION = re.compile(r"\bPackage version (\d{1,6})\b")
_GRANTS_END = "</fieldPermissions>\n"
# The earliest moment that a zip can hold: the same files are the same bytes, whenever and wherever they are packed.
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)

Grant = tuple[str, bool]  # Object.Field, may be edited
# Element of a permission set's file -> column of ObjectPermissions (object reference, ObjectPermissions).
OBJECT_RIGHTS = {
    "allowCreate": "PermissionsCreate",
    "allowDelete": "PermissionsDelete",
    "allowEdit": "PermissionsEdit",
    "allowRead": "PermissionsRead",
    "modifyAllRecords": "PermissionsModifyAllRecords",
    "viewAllFields": "PermissionsViewAllFields",
    "viewAllRecords": "PermissionsViewAllRecords",
}


class Rights(msgspec.Struct, frozen=True):
    """What a permission set grants: fields, objects with what may be done with them, user permissions."""

    fields: tuple[Grant, ...] = ()
    objects: tuple[tuple[str, frozenset[str]], ...] = ()
    user_permissions: tuple[str, ...] = ()


class Address(msgspec.Struct, frozen=True):
    """Where Salesforce reaches this install: the origin of its public address, or why there is none."""

    origin: str | None
    why_not: str | None = None


def address_of(public_url: str | None) -> Address:
    """Only https: Salesforce's pages are, and load nothing from elsewhere."""
    if public_url is None:
        return Address(None, "this Interlock has no public address (`public_url` in interlock.yaml)")
    parts = urlsplit(public_url)
    if parts.scheme != "https" or not parts.hostname:
        return Address(None, f"{public_url} is not an https address, and Salesforce's pages load nothing else")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return Address(f"https://{host}" + ("" if parts.port in (None, 443) else f":{parts.port}"))


def version_in(description: str | None) -> int | None:
    """The version that a permission set's description tells; None for one that tells none."""
    found = _VERSION.search(description or "")
    return int(found[1]) if found else None


@cache
def version() -> int:
    """The version of the package that this Interlock brings."""
    root = ElementTree.fromstring(_text("package", _PERMISSION_FILE))  # noqa: S314  (a file of our own)
    found = version_in(root.findtext(f"{{{NAMESPACE}}}description"))
    assert found is not None, "the permission set's description says no version"
    return found


@cache
def key_fields() -> tuple[str, ...]:
    """`Account.Interlock_Creation_Key__c` and its like, in order."""
    found = []
    for name in _object_files():
        root = ElementTree.fromstring(_text("package", name))  # noqa: S314  (a file of our own)
        owner = name.removeprefix("objects/").removesuffix(".object")
        found += [
            f"{owner}.{each.findtext(f'{{{NAMESPACE}}}fullName')}" for each in root.iter(f"{{{NAMESPACE}}}fields")
        ]
    return tuple(found)


@cache
def user_fields() -> frozenset[str]:
    """What people see by the set that is theirs."""
    root = ElementTree.fromstring(_text("package", _USER_FILE))  # noqa: S314  (a file of our own)
    return frozenset(str(each.text) for each in root.iter(f"{{{NAMESPACE}}}field"))


def components(address: Address) -> list[tuple[str, str]]:
    """(type, full name) of all that is deployed, in the order in which Salesforce works it off."""
    sites = [] if address.origin is None else [(REMOTE_SITE, SITE), (TRUSTED_SITE, SITE)]
    return [
        *(("CustomField", name) for name in key_fields()),
        *sites,
        ("PermissionSet", PERMISSION_SET),
        ("PermissionSet", USER_SET),
    ]


def package(address: Address, rights: Mapping[str, Rights] | None = None) -> bytes:
    """The zip of the whole package. `rights`: by name, what the org's permission sets grant now; what their files do not
    name, Salesforce takes back (PermissionSet, API version 40.0)."""
    held = {name: _text("package", name) for name in _object_files()}
    for name, file in ((PERMISSION_SET, _PERMISSION_FILE), (USER_SET, _USER_FILE)):
        held[file] = _with_rights(_text("package", file), (rights or {}).get(name, Rights()))
    if address.origin is not None:
        for name in _SITE_FILES.values():
            held[name] = Template(_text("address", name)).substitute(address=escape(address.origin))
    return zipped({"package.xml": manifest(components(address)), **held})


def removal(there: Iterable[tuple[str, str]]) -> bytes:
    """The zip that deletes components (Metadata API developer guide, deleting components from an organization)."""
    return zipped({"package.xml": manifest([]), "destructiveChanges.xml": manifest(there)})


def manifest(listed: Iterable[tuple[str, str]]) -> str:
    """package.xml, or destructiveChanges.xml."""
    kinds: dict[str, list[str]] = {}
    for kind, name in listed:
        kinds.setdefault(kind, []).append(name)
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', f'<Package xmlns="{NAMESPACE}">']
    for kind, names in kinds.items():
        members = [f"        <members>{escape(name)}</members>" for name in names]
        lines += ["    <types>", *members, f"        <name>{kind}</name>", "    </types>"]
    return "\n".join([*lines, f"    <version>{API_VERSION}</version>", "</Package>", ""])


def zipped(held: Mapping[str, str]) -> bytes:
    """Not compressed: the bytes then depend on nothing but the files, and they are few."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, text in sorted(held.items()):
            entry = zipfile.ZipInfo(name, _ZIP_TIME)
            entry.create_system = 3  # Unix, also where it is packed on Windows
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, text.encode())
    return out.getvalue()


def _with_rights(text: str, rights: Rights) -> str:
    """The file, with what it does not name itself."""
    own = {str(each.text) for each in ElementTree.fromstring(text).iter(f"{{{NAMESPACE}}}field")}  # noqa: S314  (a file of our own)
    fields = "".join(
        f"    <fieldPermissions><editable>{_flag(editable)}</editable><field>{soql.name(field)}</field>"
        "<readable>true</readable></fieldPermissions>\n"
        for field, editable in sorted(dict(rights.fields).items())
        if field not in own
    )
    others = "".join(_object_permissions(name, allowed) for name, allowed in rights.objects) + "".join(
        f"    <userPermissions><enabled>true</enabled><name>{soql.name(name)}</name></userPermissions>\n"
        for name in rights.user_permissions
    )
    # Elements of one kind must stand together.
    at = text.rindex(_GRANTS_END) + len(_GRANTS_END)
    end = text.rindex("</PermissionSet>")
    return text[:at] + fields + text[at:end] + others + text[end:]


def _object_permissions(name: str, allowed: frozenset[str]) -> str:
    # Elements stand by their names, the object among them. One that an older release does not know is left out if not held.
    shown = {each: _flag(each in allowed) for each in OBJECT_RIGHTS if each != "viewAllFields" or each in allowed}
    inside = "".join(
        f"<{each}>{value}</{each}>" for each, value in sorted({**shown, "object": soql.name(name)}.items())
    )
    return f"    <objectPermissions>{inside}</objectPermissions>\n"


def _flag(value: bool) -> str:
    return str(value).lower()


def _object_files() -> list[str]:
    return sorted(f"objects/{each.name}" for each in (_folder() / "package" / "objects").iterdir())


def _text(part: str, name: str) -> str:
    return (_folder() / part / name).read_text(encoding="utf-8")


def _folder() -> Traversable:
    packed = files("interlock") / "salesforce_package"
    if packed.is_dir():
        return packed
    return Path(__file__).resolve().parents[4] / "salesforce"
