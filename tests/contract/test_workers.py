"""Workers that share a real PostgreSQL: one is killed, one freezes and wakes, and nothing of it can be told from the records.

Real processes of the installed command; the local CRMs and the database tell who did what (tests/fleet.py).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.contract.cli_world import Interlock, validated
from tests.fleet import Crms, crms
from tests.fleet_watch import Watch, asked_unowned, overlaps
from tests.fleet_workers import Installation

CONNECTIONS, ORGS, RECORDS = 7, 6, 4  # the first org serves two HubSpot accounts
SERVED_AGAIN_WITHIN_S = 30.0


@pytest.fixture
def fleet() -> Iterator[Crms]:
    with crms(CONNECTIONS, ORGS, RECORDS) as started:
        yield started


@pytest.fixture
def installation(tmp_path: Path, empty_postgres_url: str, fleet: Crms) -> Iterator[Installation]:
    """Not connected yet: so that no worker has done everything before the others are there."""
    made = Installation(tmp_path / "home", empty_postgres_url, fleet)
    yield made
    made.end()


@pytest.fixture
def watch(installation: Installation) -> Iterator[Watch]:
    installation.migrate()
    made = Watch(installation.url)
    made.begin()
    yield made
    made.close()


def test_a_worker_that_is_killed_and_one_that_freezes_and_wakes_cost_no_edit(
    installation: Installation, fleet: Crms, watch: Watch
) -> None:
    edits = fleet.edit(RECORDS)
    fleet.hold(processes=2)
    workers = {each.pid: each for each in installation.start_workers(3, at_once=2)}
    installation.connect()

    # Both in the middle of a write: it is carried out, and they do not learn of it.
    held = fleet.held(0)
    frozen = workers.pop(held.pid)
    halted = {frozen.pid: frozen.freeze()}
    fleet.let_go(0)
    killed = workers.pop(fleet.held(1).pid)
    halted[killed.pid] = killed.kill()
    fleet.let_go(1)
    (last,) = workers.values()

    # Somebody who wants to know is told, and work that is handed over is done by whoever takes over.
    assert installation.run("status")["worker"]["running"]
    assert installation.run("sync", "--once", "--connection", f"pair{held.org}")["outcome"] == "done"
    watch.until(lambda: set(watch.owners().values()) == {last.pid}, watch.owners, SERVED_AGAIN_WITHIN_S)
    fleet.settle(SERVED_AGAIN_WITHIN_S)

    woken_at = frozen.wake(watch)
    code, said = frozen.end()
    assert code == 0
    assert "is no longer valid" in said
    assert last.end()[0] == 0

    written, seen, state = watch.written(), fleet.seen(), fleet.state()
    assert watch.by_others(written, installation.workers) == []
    assert overlaps(seen, halted) == []
    assert asked_unowned(seen, written, frozen.pid, woken_at, watch.org_ids()) == []
    assert (state.late, state.backwards, state.arrived) == ([], [], edits)
    assert state.records == 2 * CONNECTIONS * RECORDS
    assert watch.left_lying() == 0


def test_serve_is_one_more_worker(installation: Installation, fleet: Crms, watch: Watch) -> None:
    """Beside a worker and beside another `serve`, which on SQLite would be refused."""
    serving = [installation.serve(), installation.serve()]
    installation.start_workers(1)
    fleet.edit(RECORDS)
    installation.connect()
    fleet.settle(SERVED_AGAIN_WITHIN_S)
    assert watch.by_others(watch.written(), installation.workers) == []
    assert [each.end()[0] for each in (*serving, *installation.workers[-1:])] == [0, 0, 0]


def test_on_sqlite_a_worker_says_what_to_do_instead(interlock: Interlock) -> None:
    refused = interlock("worker", "--json").sound(2).error
    assert (refused["code"], refused["field"]) == ("database_not_shared", "database")
    assert "interlock serve" in refused["fix"]
    assert "postgresql" in refused["fix"]


def test_a_worker_says_when_it_is_ready(installation: Installation) -> None:
    (worker,) = installation.start_workers(1)
    assert validated(json.loads(worker.ready))["worker"] == worker.name
    assert worker.end()[0] == 0
