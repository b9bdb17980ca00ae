"""The files of the package, its zip, and what is made of a deployment that failed."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path

import pytest

from interlock.app.package import parts
from interlock.app.package.failures import troubles
from interlock.app.package.parts import Address, Rights
from interlock.crm.salesforce.deploy import Component, Deployment, Details
from interlock.engine.context import SALESFORCE_CREATION_KEY
from interlock.objects.registry import SPECS

ROOT = Path(__file__).parents[3]
HERE = Address("https://sync.example.com")


def files_of(zipped: bytes) -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(zipped)) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def test_every_object_that_syncs_gets_its_creation_key() -> None:
    wanted = {f"{type_}.{SALESFORCE_CREATION_KEY}" for spec in SPECS.values() for type_ in spec.salesforce_types}
    assert wanted <= set(parts.key_fields())


def test_the_folder_that_a_person_deploys_is_what_is_deployed_without_an_address() -> None:
    folder = ROOT / "salesforce" / "package"
    on_disk = {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*.*") if path.is_file()}
    assert files_of(parts.package(Address(None))) == on_disk


def test_the_version_stands_in_one_place() -> None:
    named = [
        path.name
        for path in (ROOT / "salesforce").rglob("*")
        if path.is_file() and re.search(r"[Pp]ackage version \d", path.read_text())
    ]
    assert named == ["Interlock_Integration.permissionset"]


def test_the_permission_set_grants_exactly_the_key_fields() -> None:
    text = files_of(parts.package(HERE))["permissionsets/Interlock_Integration.permissionset"]
    assert sorted(re.findall("<field>(.*?)</field>", text)) == sorted(parts.key_fields())


def test_the_same_package_is_the_same_bytes() -> None:
    grants = (("Contact.Title", True), ("Account.Phone", False))
    one, other = (
        {parts.PERMISSION_SET: Rights(fields, (("Contact", frozenset(rights)),))}
        for fields, rights in ((grants, ("allowRead", "allowEdit")), (grants[::-1], ("allowEdit", "allowRead")))
    )
    assert parts.package(HERE, one) == parts.package(HERE, other)


def test_an_address_is_written_as_text_whatever_it_holds() -> None:
    text = files_of(parts.package(Address("https://a&b.example.com")))["remoteSiteSettings/Interlock.remoteSite"]
    assert "<url>https://a&amp;b.example.com</url>" in text


@pytest.mark.parametrize(
    ("public_url", "origin"),
    [
        ("https://sync.example.com", "https://sync.example.com"),
        ("https://Sync.Example.com:443/interlock/", "https://sync.example.com"),
        ("https://sync.example.com:8443", "https://sync.example.com:8443"),
        ("https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443"),
        ("http://127.0.0.1:8090", None),
        ("nonsense", None),
        (None, None),
    ],
)
def test_the_address_is_the_origin_of_an_https_url(public_url: str | None, origin: str | None) -> None:
    address = parts.address_of(public_url)
    assert address.origin == origin
    assert (address.why_not is None) == (origin is not None)


def failed(*rows: Component, status: str = "Failed", code: str | None = None, message: str | None = None) -> Deployment:
    details = Details(component_failures=list(rows))
    return Deployment("0Af", status, done=True, error_status_code=code, error_message=message, details=details)


def row(type_: str, problem: str | None, kind: str = "Error") -> Component:
    return Component("Contact.Key__c", type_, problem=problem, problem_type=kind)


def test_what_to_do_depends_on_the_type_of_the_component_and_never_on_the_words() -> None:
    fixes = {type_: troubles(failed(row(type_, "words")))[0].fix for type_ in ("CustomField", "PermissionSet", "Flow")}
    assert len(set(fixes.values())) == 3
    assert troubles(failed(row("CustomField", "other words")))[0].fix == fixes["CustomField"]


def test_a_warning_is_no_reason_to_change_a_field() -> None:
    assert "warns" in troubles(failed(row("CustomField", "words", "Warning")))[0].fix


def test_a_deployment_that_broke_names_no_component() -> None:
    [trouble] = troubles(failed(code="UNABLE_TO_LOCK_ROW", message="unable to lock"))
    assert (trouble.component, trouble.message) == (None, "unable to lock")
    assert "try again" in trouble.fix


def test_a_failure_without_any_reason_is_still_a_failure() -> None:
    [trouble] = troubles(failed())
    assert "Failed" in trouble.message


def test_success_has_no_troubles() -> None:
    assert troubles(Deployment("0Af", "Succeeded", done=True, success=True)) == []
