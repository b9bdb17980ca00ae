"""`interlock package` as a script meets it; what it plans, deploys and refuses is told in test_package.py."""

from __future__ import annotations

import zipfile
from pathlib import Path
from unittest.mock import ANY

from tests.contract.cli_world import Interlock, LocalCrms


def test_the_package_from_plan_to_removal(interlock: Interlock, crms: LocalCrms, tmp_path: Path) -> None:
    assert interlock("package", "plan", "--json").sound(2).error["code"] == "not_connected"
    interlock.connect().sound()
    (interlock.home / "interlock.yaml").write_text("public_url: https://sync.example.com\n")

    planned = interlock("package", "plan", "--zip", str(tmp_path / "package.zip"), "--json").sound().document
    assert (planned["state"], planned["address"]) == ("partly", "https://sync.example.com")
    with zipfile.ZipFile(tmp_path / "package.zip") as archive:
        assert b"<url>https://sync.example.com</url>" in archive.read("remoteSiteSettings/Interlock.remoteSite")
    assert interlock("package", "install", "--plan", "--json").sound().document == planned | {
        "zip": None,
        "generated_at": ANY,
    }
    assert interlock("package", "status", "--json").sound(1).document["state"] == "partly"

    ran = interlock("package", "install", "--json").sound()
    installed = ran.document
    assert (installed["state_before"], installed["state"], installed["assigned"]) == ("partly", "current", True)
    assert installed["deployment"]["status"] == "Succeeded"
    assert "RemoteSiteSetting Interlock: done" in ran.err
    again = interlock("package", "install", "--mapped-fields", "--json").sound().document
    assert again["deployment"] is None
    assert {"field": "Contact.Title", "editable": True} in again["granted"]
    assert {"Contact.LastName", "Lead.Company"} <= {each["field"] for each in again["left_out"]}
    status = interlock("package", "status", "--json").sound().document
    assert status["version_in_org"] == status["version"]
    assert "The package is in the org." in interlock("package", "status").sound().out

    assert interlock("package", "status", "--cancel", "--json").sound(5).error["code"] == "no_deployment"

    links = tmp_path / "links.csv"
    refused = interlock("package", "remove", "--export", str(links), "--json").sound(2).error
    assert refused["code"] == "confirmation_needed"
    assert "would be taken out" in interlock("package", "remove", "--export", str(links), "--plan").sound().out
    assert interlock("package", "status", "--json").sound().document["state"] == "current"
    links.write_text("of another org", encoding="utf-8")
    kept = interlock("package", "remove", "--export", str(links), "--yes", "--json").sound(2).error
    assert (kept["code"], links.read_text(encoding="utf-8")) == ("file_exists", "of another org")
    links.unlink()
    removed = interlock("package", "remove", "--export", str(links), "--yes", "--json").sound().document
    assert removed["exported"]["pairs"] == 0
    assert links.read_text().startswith("connection,hubspot,salesforce,")
    assert {each["type"] for each in removed["removed"]} == {
        "CustomField",
        "RemoteSiteSetting",
        "CspTrustedSite",
        "PermissionSet",
    }
    assert crms.salesforce.query("SELECT Id FROM PermissionSet WHERE Name = 'Interlock_Integration'") == []


def test_an_address_that_salesforce_cannot_load_is_said_and_not_trusted(interlock: Interlock, crms: LocalCrms) -> None:
    interlock.connect().sound()
    document = interlock("package", "install", "--json").sound().document
    assert document["address"] is None
    assert "public_url" in document["no_address_because"]
    assert {each["type"] for each in document["components"]} == {"CustomField", "PermissionSet"}
