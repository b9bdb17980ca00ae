"""`interlock disconnect` as a script meets it, with keys that a person made; OAuth sign-ins are in test_sign_in_to_sync.py."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.contract.cli_world import Interlock, LocalCrms


@pytest.fixture
def synced(interlock: Interlock, crms: LocalCrms) -> Interlock:
    interlock.connect().sound()
    crms.salesforce.seed("Contact", {"LastName": "Lovelace", "Email": "ada@example.com"})
    assert interlock("sync", "--once", "--json").sound().document["objects"]["contacts"]["created_in_hubspot"] == 1
    return interlock


def test_nothing_is_disconnected_without_the_words(synced: Interlock) -> None:
    refused = synced("disconnect", "--json").sound(2).error
    assert refused["code"] == "confirmation_needed"
    assert "Uninstall Salesforce" in refused["message"]
    assert synced("disconnect", "--confirm", "yes", "--json").sound(2).error["code"] == "confirmation_needed"
    assert synced("disconnect", "--keep-package", "--json").sound(2).error["code"] == "confirmation_needed"
    assert synced("sync", "--once", "--json").sound().document["outcome"] == "done"


def test_disconnecting_writes_the_files_takes_the_package_out_and_says_what_it_cannot_end(
    synced: Interlock, crms: LocalCrms, tmp_path: Path
) -> None:
    folder = tmp_path / "kept"
    folder.mkdir()
    done = (
        synced("disconnect", "--confirm", "Uninstall Salesforce", "--export", str(folder), "--json").sound(1).document
    )

    assert "jobtitle" in Path(done["mappings"]).read_text()
    assert "salesforce:Contact:003" in Path(done["links"]).read_text()
    assert (done["pairs"], done["package"]) == (1, "removed")
    assert crms.salesforce.query("SELECT Id FROM PermissionSet WHERE Name = 'Interlock_Integration'") == []
    assert done["ended"] == []
    assert {each["side"] for each in done["not_ended"]} == {"hubspot", "salesforce"}
    (connection,) = synced("connections", "--json").sound().document["connections"]
    assert connection["state"] == "not_connected"
    assert synced("sync", "--once", "--json").sound(4).error["code"] == "not_connected"
    assert synced("resume", "--json").sound(2).error["code"] == "not_connected"
    synced("pause", "--json").sound()
    assert synced("resume", "--json").sound(2).error["code"] == "not_connected"
    (action, *_) = synced("status", "--json").document["connections"][0]["next_actions"]
    assert action["command"] == "interlock connect"
    assert not [
        file for file in synced.home.rglob("*") if file.is_file() and crms.hubspot.token.encode() in file.read_bytes()
    ]


def test_joining_the_same_two_again_goes_on_and_makes_nothing_twice(synced: Interlock, crms: LocalCrms) -> None:
    synced("disconnect", "--keep-package", "--yes", "--json").sound(1)
    synced.connect().sound()
    again = synced("sync", "--once", "--json").sound().document["objects"]["contacts"]
    assert (again["created_in_hubspot"], again["created_in_salesforce"], again["linked"]) == (0, 0, 0)


def test_disconnecting_twice_is_once(synced: Interlock) -> None:
    synced("disconnect", "--keep-package", "--yes", "--json").sound(1)
    again = synced("disconnect", "--confirm", "Uninstall Salesforce", "--json").sound().document
    assert (again["package"], again["not_ended"]) == ("kept", [])
    assert "no sign-in" in again["package_because"]


def test_a_person_can_be_forgotten_after_it_too(synced: Interlock, crms: LocalCrms) -> None:
    """What is remembered of a connection stays, and with it what is remembered of people."""
    (id_,) = [row["Id"] for row in crms.salesforce.query("SELECT Id FROM Contact")]
    key = f"salesforce:Contact:{id_}"
    synced("disconnect", "--keep-package", "--yes", "--json").sound(1)
    assert synced("erase", key, "--everywhere", "--yes", "--json").sound(2).error["code"] == "sign_in_missing"

    erased = synced("erase", key, "--yes", "--json").sound().document

    assert erased["history_rows"] > 0
    assert b"ada@example.com" not in (synced.home / "interlock.db").read_bytes()
    # Nor do its records sync again when the same two are joined again.
    synced.connect().sound()
    crms.salesforce.edit("Contact", id_, Title="Countess")
    counts = synced("sync", "--once", "--json").sound().document["objects"]["contacts"]
    assert (counts["linked"], counts["updated_in_hubspot"]) == (0, 0)


def test_the_plan_changes_nothing(synced: Interlock) -> None:
    planned = synced("disconnect", "--plan", "--json").sound().document
    assert (planned["planned"], planned["package"]) == (True, "removed")
    assert synced("sync", "--once", "--json").sound().document["outcome"] == "done"
