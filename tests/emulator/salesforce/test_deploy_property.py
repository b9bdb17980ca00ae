"""Whatever a deployment holds, it ends, and one that fails leaves the org as it was."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.emulator.salesforce.calls import Caller
from tests.emulator.salesforce.deploying import (
    INTEGRATION,
    KEY,
    look,
    manifest,
    objects,
    permission_set,
    remote_sites,
    send,
)

EVERYTHING: dict[str, str] = {
    **INTEGRATION,
    **remote_sites(Site="https://sync.example.com"),
    **objects(
        Contact={"Key__c": KEY, "Kept__c": {**KEY, "length": 10}},
        Lead={
            "Key__c": KEY,
            "Firm__c": {"type": "Lookup", "label": "F", "referenceTo": "Account", "relationshipName": "Fs"},
        },
    ),
    **permission_set(
        "Sync",
        fieldPermissions=[{"editable": True, "field": "Contact.Key__c", "readable": True}],
        userPermissions=[{"enabled": True, "name": "ViewSetup"}],
    ),
    "package.xml": manifest(
        {"CustomObject": ["Contact", "Lead"], "PermissionSet": ["Sync"], "RemoteSiteSetting": ["Site"]}
    ),
    "destructiveChangesPost.xml": manifest({"CustomField": ["Account.Old__c"], "PermissionSet": ["Old"]}),
}
LINES = {name: text.splitlines(keepends=True) for name, text in EVERYTHING.items()}


@st.composite
def damaged(draw: st.DrawFn) -> dict[str, bytes]:
    """The package with a few lines dropped, doubled, moved to another file, or with other text in them."""
    files = {name: list(lines) for name, lines in LINES.items()}
    for _ in range(draw(st.integers(0, 4))):
        name = draw(st.sampled_from(sorted(files)))
        lines = files[name]
        if not lines:
            continue
        at = draw(st.integers(0, len(lines) - 1))
        kind = draw(st.sampled_from(["drop", "double", "move", "text", "bytes"]))
        if kind == "drop":
            del lines[at]
        elif kind == "double":
            lines.insert(at, lines[at])
        elif kind == "move":
            files[draw(st.sampled_from(sorted(files)))].append(lines[at])
        elif kind == "text":
            before, _, rest = lines[at].partition(">")
            words = draw(
                st.sampled_from(["", "true", "-1", "Contact.Key__c", "CustomField", "*", "é" * 300, "Lead", "Id__c"])
            )
            lines[at] = f"{before}>{words}{rest[rest.find('<') :] if '<' in rest else rest}"
        else:
            lines[at] = draw(st.text(max_size=20))
    return {name: "".join(lines).encode("utf-8", "surrogatepass") for name, lines in files.items()}


def state(org: Caller) -> Any:
    held = org.emulator.org
    rows = {
        name: {row.id: dict(row.values) for row in held.tables[name].rows.values() if not row.deleted}
        for name in ("PermissionSet", "FieldPermissions", "ObjectPermissions", "Contact", "Account")
    }
    fields = {
        name: {field.name: field.describe() for field in held.objects[name].fields.values() if field.custom}
        for name in ("Contact", "Lead", "Account")
    }
    children = [(child.child, child.field) for child in held.objects["Account"].children]
    return rows, fields, children, dict(held.sites), set(held.field_ids.values())


@settings(max_examples=150, deadline=None)
@given(files=damaged(), rollback=st.booleans(), check=st.booleans(), ignore=st.booleans(), lock=st.booleans())
def test_it_ends_and_leaves_nothing_where_it_fails(
    files: dict[str, bytes], rollback: bool, check: bool, ignore: bool, lock: bool
) -> None:
    org = Caller()
    org.emulator.add_custom_field("Account", "Old__c")
    org.emulator.add_custom_field("Contact", "Kept__c", length=5, unique=True)
    org.create("Account", Name="A", Old__c="x")
    org.create("Contact", LastName="L", Kept__c="y")
    for name in ("Old", "Sync"):
        id = org.create("PermissionSet", Name=name, Label=name)
        if lock:
            org.emulator.lock_row(id)
    before = state(org)
    answer = send(org, files, rollbackOnError=rollback, checkOnly=check, ignoreWarnings=ignore)
    result = look(org, answer.json["id"])
    assert result["done"] is True
    assert result["numberComponentsDeployed"] + result["numberComponentErrors"] == result["numberComponentsTotal"]
    if result["status"] == "Failed" or check:
        assert state(org) == before
    else:
        assert result["status"] in ("Succeeded", "SucceededPartial")
    if result["status"] == "Succeeded" and not check:
        for table in org.emulator.org.tables.values():
            assert all(name in table.sobject.fields for name in table.indexes)


def test_the_undamaged_package_succeeds() -> None:
    """So that the property has something to damage."""
    org = Caller()
    org.emulator.add_custom_field("Account", "Old__c")
    org.create("PermissionSet", Name="Old", Label="Old")
    result = look(org, send(org, EVERYTHING).json["id"])
    assert result["status"] == "Succeeded", result["details"]["componentFailures"]
