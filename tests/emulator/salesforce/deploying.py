"""Deployments as a client makes them: XML files in a zip, sent as multipart, looked at until they are over."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

from tests.emulator.salesforce.calls import Answer, Caller

DEPLOYMENTS = "/metadata/deployRequest"
NAMESPACE = "http://soap.sforce.com/2006/04/metadata"
BOUNDARY = "----------------------------BOUNDARY"
KEY = {"type": "Text", "label": "Key", "length": 64, "externalId": True, "unique": True, "caseSensitive": False}

Elements = Mapping[str, Any]


def xml(tag: str, elements: Elements | Sequence[tuple[str, Any]]) -> str:
    """A metadata file: a value is text, a boolean, a number, a mapping (a structure) or a list (repeated)."""
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{tag} xmlns="{NAMESPACE}">\n{_inside(elements, 1)}</{tag}>\n'


def _inside(elements: Elements | Sequence[tuple[str, Any]], depth: int) -> str:
    pairs = elements.items() if isinstance(elements, Mapping) else elements
    lines = ""
    for tag, value in pairs:
        for one in value if isinstance(value, list) else [value]:
            lines += "    " * depth + f"<{tag}>"
            if isinstance(one, Mapping):
                lines += "\n" + _inside(one, depth + 1) + "    " * depth
            else:
                lines += str(one).lower() if isinstance(one, bool) else str(one)
            lines += f"</{tag}>\n"
    return lines


def manifest(members: Mapping[str, Sequence[str]], version: str = "67.0") -> str:
    types = [{"members": list(names), "name": kind} for kind, names in members.items()]
    return xml("Package", {"types": types, "version": version})


def objects(**fields_of: Mapping[str, Elements]) -> dict[str, str]:
    """Object files: `objects(Contact={"Key__c": KEY})`."""
    return {
        f"objects/{owner}.object": xml(
            "CustomObject", {"fields": [{"fullName": name, **held} for name, held in fields.items()]}
        )
        for owner, fields in fields_of.items()
    }


def fields_package(**fields_of: Mapping[str, Elements]) -> dict[str, str]:
    """Object files, and a package.xml that names every field of them."""
    names = [f"{owner}.{name}" for owner, fields in fields_of.items() for name in fields]
    return {"package.xml": manifest({"CustomField": names}), **objects(**fields_of)}


def grant(*fields: str, editable: bool = True) -> list[dict[str, Any]]:
    return [{"editable": editable, "field": field, "readable": True} for field in fields]


def permission_set(name: str, **elements: Any) -> dict[str, str]:
    return {f"permissionsets/{name}.permissionset": xml("PermissionSet", {"label": name, **elements})}


def remote_sites(**urls: str) -> dict[str, str]:
    """Remote site settings by name, and a package.xml of their own."""
    files = {"package.xml": manifest({"RemoteSiteSetting": list(urls)})}
    for name, url in urls.items():
        site = {"disableProtocolSecurity": False, "isActive": True, "url": url}
        files[f"remoteSiteSettings/{name}.remoteSite"] = xml("RemoteSiteSetting", site)
    return files


def removal(**members: Sequence[str]) -> dict[str, str]:
    return {"package.xml": manifest({}), "destructiveChanges.xml": manifest(members)}


def zipped(files: Mapping[str, str | bytes]) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return held.getvalue()


def form(*parts: tuple[str, str, bytes]) -> bytes:
    """Parts are (name with what follows it in the disposition, content type, body)."""
    body = b""
    for name, media, content in parts:
        head = f"--{BOUNDARY}\r\nContent-Disposition: form-data; {name}\r\nContent-Type: {media}\r\n\r\n"
        body += head.encode() + content + b"\r\n"
    return body + f"--{BOUNDARY}--\r\n".encode()


def send(org: Caller, files: Mapping[str, str | bytes] | bytes, *, version: str = "v67.0", **options: Any) -> Answer:
    """The POST alone, with the options of a careful installer unless others are given."""
    given = {"singlePackage": True, "rollbackOnError": True, **options}
    content = files if isinstance(files, bytes) else zipped(files)
    body = form(
        ('name="json"', "application/json", json.dumps({"deployOptions": given}).encode()),
        ('name="file"; filename="deploy.zip"', "application/zip", content),
    )
    headers = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}
    return org.call("POST", f"/services/data/{version}{DEPLOYMENTS}", raw=body, headers=headers)


def look(org: Caller, id: str, version: str = "v67.0") -> dict[str, Any]:
    """The deployResult, with its details."""
    answer = org.call("GET", f"/services/data/{version}{DEPLOYMENTS}/{id}", query={"includeDetails": "true"})
    assert answer.status == 200, answer.json
    return dict(answer.json["deployResult"])


def deploy(org: Caller, files: Mapping[str, str | bytes] | bytes, **options: Any) -> dict[str, Any]:
    """Sent and looked at: without a configured duration it is over by then."""
    answer = send(org, files, **options)
    assert answer.status == 201, answer.json
    return look(org, answer.json["id"])


def deployed(org: Caller, files: Mapping[str, str | bytes], **options: Any) -> dict[str, Any]:
    """A deployment that must succeed. Its rows by full name, package.xml left out."""
    result = deploy(org, files, **options)
    assert result["status"] == "Succeeded", result["details"]["componentFailures"]
    return {row["fullName"]: row for row in result["details"]["componentSuccesses"] if row["componentType"]}


def refused(org: Caller, files: Mapping[str, str | bytes], **options: Any) -> dict[str, str]:
    """A deployment that must fail. The problems, by full name."""
    result = deploy(org, files, **options)
    assert (result["status"], result["success"]) == ("Failed", False)
    return {row["fullName"]: row["problem"] for row in result["details"]["componentFailures"]}


def describe(org: Caller, sobject: str) -> dict[str, dict[str, Any]]:
    """The fields that the caller can see, by name."""
    answer = org.call("GET", f"/sobjects/{sobject}/describe")
    return {field["name"]: field for field in answer.json["fields"]}


def assign(org: Caller, name: str, user: str) -> str:
    [row] = org.soql(f"SELECT Id FROM PermissionSet WHERE Name = '{name}'")
    return org.create("PermissionSetAssignment", AssigneeId=user, PermissionSetId=row["Id"])


# What an integration installs: a key on two objects, and a permission set that grants it.
INTEGRATION = {
    "package.xml": manifest({"CustomField": ["Contact.Key__c", "Lead.Key__c"], "PermissionSet": ["Sync"]}),
    **objects(Contact={"Key__c": KEY}, Lead={"Key__c": KEY}),
    **permission_set("Sync", fieldPermissions=grant("Contact.Key__c", "Lead.Key__c")),
}
