"""What the database of a fleet saw (fleet_workers.py): who took which org, and who committed what."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import psycopg

from tests.fleet import PATIENCE_S, Seen
from tests.fleet_workers import Worker

# Written by whoever works on an org; the rest of what a worker writes is no org's, or true whoever writes it (calls).
WATCHED = (
    *(
        "record_link",
        "dirty",
        "dirty_counter",
        "awaited",
        "intent",
        "audit",
        "issue",
        "cursor",
        "directory",
        "identity",
        "unlinked",
    ),
    *("resolution", "connection"),
)

_WATCH = """
CREATE SCHEMA watch;
CREATE TABLE watch.written (id bigserial PRIMARY KEY, pid int, org_id text, what text, owner text, fence bigint, at timestamptz);
CREATE FUNCTION watch.pid() RETURNS int LANGUAGE sql AS
    $$ SELECT NULLIF(substring(current_setting('application_name') FROM 'interlock-([0-9]+)'), '')::int $$;
CREATE FUNCTION watch.row_written() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE row record; connection_id bigint;
BEGIN
    IF TG_OP = 'DELETE' THEN row := OLD; ELSE row := NEW; END IF;
    IF TG_TABLE_NAME = 'cursor' THEN
        -- Up to where people were told: by whichever process comes to it, and each notice once by a key of its own (ADR 23).
        IF row.name = 'notices' THEN RETURN NULL; END IF;
    END IF;
    IF TG_TABLE_NAME = 'connection' THEN connection_id := row.id; ELSE connection_id := row.connection_id; END IF;
    INSERT INTO watch.written (pid, org_id, what, at)
        SELECT watch.pid(), salesforce_org_id, TG_TABLE_NAME, clock_timestamp() FROM public.connection WHERE id = connection_id;
    NOTIFY watch;
    RETURN NULL;
END $$;
CREATE FUNCTION watch.lease_written() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' OR NEW.fence <> OLD.fence THEN
        INSERT INTO watch.written (pid, org_id, what, owner, fence, at)
            VALUES (watch.pid(), NEW.org_id, 'lease', NEW.owner, NEW.fence, clock_timestamp());
    END IF;
    NOTIFY watch;
    RETURN NULL;
END $$;
-- A lease whose name has a colon is that of some work in an org, not the org's (app/owned_work.py, app/package/alone.py).
CREATE TRIGGER watched AFTER INSERT OR UPDATE ON public.lease FOR EACH ROW WHEN (position(':' IN NEW.org_id) = 0)
    EXECUTE FUNCTION watch.lease_written();
CREATE VIEW watch.lease AS SELECT * FROM public.lease WHERE position(':' IN org_id) = 0;
"""


class Written(NamedTuple):
    id: int
    pid: int
    org_id: str
    what: str
    owner: str | None
    fence: int | None
    at: float  # seconds since 1970


class Watch:
    """From `begin` on notes, in each transaction that changes something of an org, which process it was: in the order of what
    stood when."""

    def __init__(self, url: str) -> None:
        self._raw = psycopg.connect(url.replace("postgresql+psycopg://", "postgresql://"), autocommit=True)

    def begin(self) -> None:
        self._raw.execute(_WATCH.encode())
        for table in WATCHED:
            self._raw.execute(
                f"CREATE TRIGGER watched AFTER INSERT OR UPDATE OR DELETE ON public.{table}"
                " FOR EACH ROW EXECUTE FUNCTION watch.row_written()".encode()
            )
        # Who owned what before anybody looked; the number stands in the owner's name.
        self._raw.execute(
            "INSERT INTO watch.written (pid, org_id, what, owner, fence, at)"
            " SELECT substring(owner FROM '-([0-9]+)-[0-9a-f]+$')::int, org_id, 'lease', owner, fence, clock_timestamp()"
            " FROM watch.lease l WHERE NOT EXISTS (SELECT 1 FROM watch.written w WHERE w.org_id = l.org_id AND w.what = 'lease')"
        )
        self._raw.execute("LISTEN watch")

    def written(self, after: int = 0) -> list[Written]:
        rows = self._raw.execute(
            "SELECT id, pid, org_id, what, owner, fence, extract(epoch FROM at)::float8 FROM watch.written"
            " WHERE id > %s ORDER BY id",
            (after,),
        )
        return [Written(*row) for row in rows]

    def until(self, what: Callable[[], Any], told: Callable[[], object], within_s: float = PATIENCE_S) -> Any:
        """The first thing that `what` finds; it looks again whenever a worker has committed something. Raises AssertionError
        with what `told` says when it finds nothing for so long."""
        end = time.monotonic() + within_s
        while not (found := what()):
            if time.monotonic() > end:
                raise AssertionError(f"not within {within_s:.0f} s: {told()}")
            for _ in self._raw.notifies(timeout=1.0, stop_after=1):
                pass
        return found

    def row(self, sql: str) -> Any:
        return self._raw.execute(sql.encode()).fetchone()

    def owners(self) -> dict[str, int]:
        """Who took each org last."""
        return {each.org_id: each.pid for each in self.written() if each.what == "lease"}

    def bytes_a_row(self, table: str) -> float:
        """As it is once vacuum has been there."""
        self._raw.execute(f"VACUUM FULL {table}".encode())
        return float(self.row(f"SELECT pg_total_relation_size('{table}')::float8 / COUNT(*) FROM {table}")[0])

    def held_by(self, owner: str) -> set[str]:
        """Orgs whose term runs."""
        sql = "SELECT org_id FROM watch.lease WHERE owner = %s AND until_us > extract(epoch FROM clock_timestamp()) * 1000000"
        return {str(row[0]) for row in self._raw.execute(sql.encode(), (owner,))}

    def until_nobody_drains(self) -> None:
        under_way = "SELECT COUNT(*) FROM watch.lease WHERE until_us > extract(epoch FROM clock_timestamp()) * 1000000"
        self.until(lambda: self.row(under_way)[0] == 0, lambda: self.row(under_way))

    def make_everything_due(self) -> None:
        """As if the time of every poll had come; but a drain that is under way may say otherwise when it ends."""
        self._raw.execute("DELETE FROM cursor WHERE name = 'turns'")
        self._raw.execute("UPDATE schedule SET seq = seq + 1, due_at_us = 0")

    def until_everything_was_drained(self) -> None:
        """Since everything was made due."""
        left = "SELECT COUNT(*) FROM schedule WHERE due_at_us <= extract(epoch FROM clock_timestamp()) * 1000000"
        polled = (
            "SELECT COUNT(*) FROM connection WHERE id NOT IN (SELECT connection_id FROM cursor WHERE name = 'turns')"
        )
        self.until(lambda: self.row(left)[0] == 0 and self.row(polled)[0] == 0, lambda: self.row(left))

    def org_ids(self) -> dict[int, str]:
        """Number -> id."""
        rows = self._raw.execute("SELECT name, salesforce_org_id FROM connection ORDER BY id DESC").fetchall()
        found = {int(name.removeprefix("pair")): str(org_id) for name, org_id in rows}
        orgs = len(set(found.values()))
        return {number: org_id for number, org_id in found.items() if number < orgs}

    def left_lying(self) -> int:
        """Jobs that stand in the queue as begun or ended. One that waits there for a worker, put there just before the last one was
        told to stop, is nothing that was left lying: the next worker takes it."""
        (schema,) = self.row("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'interlock_queue%'")
        return int(self.row(f"SELECT COUNT(*) FROM {schema}.procrastinate_jobs WHERE status <> 'todo'")[0])

    def by_others(self, written: list[Written], workers: list[Worker]) -> list[str]:
        """Commits to an org by a worker that did not own it at that moment. Empty, or the fence is no fence. Of an org that was
        owned already when the watch began, from the first that is known of it."""
        pids = {each.pid for each in workers}
        owner: dict[str, int] = {}
        fences: dict[str, int] = {}
        found = []
        for each in written:
            if each.what == "lease":
                if each.fence is not None and each.fence <= fences.get(each.org_id, -1):
                    found.append(f"{each.org_id}: fence {each.fence} after {fences[each.org_id]}")
                owner[each.org_id], fences[each.org_id] = each.pid, each.fence or 0
            elif each.pid in pids and owner.get(each.org_id, each.pid) != each.pid:
                found.append(f"{each.org_id}: {each.what} by {each.pid}, while {owner[each.org_id]} owned it")
        unknown = {each.org_id for each in written} - owner.keys()
        return found + [f"{org_id}: written to, and never owned" for org_id in sorted(unknown)]

    def close(self) -> None:
        self._raw.close()


def overlaps(seen: list[Seen], halted: dict[int, float]) -> list[str]:
    """Requests of two processes for one org at the same time, as its CRMs saw them. `halted`: when a process was killed or
    frozen; what was under way then may last."""
    found = []
    for org in {each.org for each in seen}:
        mine = sorted((each for each in seen if each.org == org), key=lambda each: each.begun)
        for number, each in enumerate(mine):
            at = halted.get(each.pid)
            if at is not None and each.begun <= at and (not each.ended or each.ended >= at):
                continue
            for later in mine[number + 1 :]:
                if each.ended and later.begun >= each.ended:
                    break
                if later.pid != each.pid:
                    found.append(f"org {org}: {each.pid} from {each.begun:.3f} to {each.ended:.3f}, {later.pid}")
    return found


def asked_unowned(
    seen: list[Seen], written: list[Written], pid: int, since: float, org_ids: dict[int, str]
) -> list[Seen]:
    """Requests of a process that was woken, for orgs that it has not taken since then."""
    leases = [each for each in written if each.what == "lease" and each.pid == pid and each.at > since]
    taken = {each.org_id: each.at for each in reversed(leases)}
    mine = [each for each in seen if each.pid == pid and each.begun > since]
    return [each for each in mine if each.begun < taken.get(org_ids[each.org], float("inf"))]
