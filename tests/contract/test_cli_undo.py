"""What a person types at `interlock undo`: yes to the fields, the count to delete the records that a sync created."""

from __future__ import annotations

import os
import pty
import subprocess

import pytest
from tests.contract.cli_world import COMMAND, PATIENCE_S, Interlock, LocalCrms


@pytest.fixture
def created(interlock: Interlock, crms: LocalCrms) -> Interlock:
    interlock.connect().sound()
    crms.salesforce.seed("Contact", {"LastName": "Lovelace", "Email": "ada@example.com"})
    assert interlock("sync", "--once", "--json").sound().document["objects"]["contacts"]["created_in_hubspot"] == 1
    return interlock


def typing(interlock: Interlock, answer: str) -> subprocess.CompletedProcess[str]:
    """Run it with a terminal on which this is typed."""
    ours, theirs = pty.openpty()
    os.write(ours, answer.encode())
    try:
        return subprocess.run(
            [COMMAND, "undo", "--since", "2h"],
            env=interlock.environment,
            stdin=theirs,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )
    finally:
        os.close(ours)
        os.close(theirs)


def test_the_typed_count_deletes_them(created: Interlock) -> None:
    ran = typing(created, "1\n")
    assert "Type 1 to delete them" in ran.stderr
    assert (ran.returncode, "1 record was deleted again" in ran.stdout) == (0, True), ran.stdout + ran.stderr


def test_another_number_changes_nothing(created: Interlock) -> None:
    ran = typing(created, "2\n")
    assert ran.returncode == 4
    assert "'2' is not 1. Nothing was changed." in ran.stderr


def test_an_empty_line_keeps_them(created: Interlock) -> None:
    ran = typing(created, "\n")
    assert ran.returncode == 0
    assert "deleting it was not confirmed" in ran.stdout


def test_a_script_gives_the_count_and_it_works_while_paused(created: Interlock) -> None:
    created("pause").sound()
    left = created("undo", "--since", "2h", "--yes", "--json").sound().document
    assert (left["records_deleted"], left["left_by_why"]) == (0, {"not_confirmed": 1})
    done = created("undo", "--since", "2h", "--yes", "--delete", "1", "--json").sound().document
    assert (done["records_deleted"], done["objects"]["contacts"]["deleted_in_hubspot"]) == (1, 1)
    created("resume").sound()
    again = created("sync", "--once", "--json").sound().document["objects"]["contacts"]
    assert (again["created_in_hubspot"], again["created_in_salesforce"]) == (0, 0)
