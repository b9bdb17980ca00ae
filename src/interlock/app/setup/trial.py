"""The trial of a set-up: a few records are synced before all of them, and somebody looks; then it is gone on from, or taken back.

Which records they are is remembered before the first of them is written, so that whoever goes on after a crash, or tries once
more, tries these and no others. *Undo these* is an undo (app/undo) of everything since then, after which the pairs are apart
again: whatever is chosen next finds them anew, with the mappings of then. A record that was deleted again is the exception. It
was deleted, by whomever, and no sync makes it a second time.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import msgspec

from interlock.app.errors import Missing
from interlock.app.explain import explain
from interlock.app.keys import object_of
from interlock.app.people.visitor import By
from interlock.app.serve import Clients
from interlock.app.setup.opened import Opened
from interlock.app.try_first import Trial, Tried, try_first
from interlock.app.turns import WAIT_S, when_free
from interlock.app.undo import plan as planning
from interlock.app.undo import run as running
from interlock.app.undo.left import LeftAlone
from interlock.app.undo.plan import UndoPlan
from interlock.core.model import AuditRow, LinkState, Raw, Reason, RecordKey, RecordLink, Side
from interlock.store import Store, connections, dirty, links, undos
from interlock.store.connections import Connection
from interlock.store.undos import WAITING


class TriedField(msgspec.Struct, frozen=True):
    """One value that the trial wrote, and what stood there before."""

    side: str
    name: str
    before: str | None
    after: str | None


class Beside(msgspec.Struct, frozen=True):
    """One mapped field as both sides hold it after the trial."""

    property: str
    field: str
    hubspot: str | None
    salesforce: str | None


class TriedPair(msgspec.Struct, frozen=True):
    """One record of the trial with its counterpart; `why_not`: why there is none (a code), `issues` that it raised. `fields`: what
    was written, `values`: what both sides hold now."""

    hubspot: str | None
    salesforce: str | None
    fields: list[TriedField] = []
    why_not: str | None = None
    issues: int = 0
    label: str | None = None
    values: list[Beside] = []

    @property
    def keys(self) -> list[str]:
        return [key for key in (self.hubspot, self.salesforce) if key is not None]

    @property
    def synced(self) -> bool:
        return self.hubspot is not None and self.salesforce is not None

    @property
    def waits(self) -> bool:
        """For another try: a CRM did not answer, or has not said yet what became of it."""
        return not self.synced and self.why_not is None and not self.issues


class Chosen(msgspec.Struct, frozen=True):
    """The records of a trial, and since when it writes, by our clock."""

    connection_id: int
    keys: list[str]
    began_us: int


class Undone(msgspec.Struct, frozen=True):
    """What became of taking a trial back. `left`: (record, property or none, why as a sentence). `ended_early`: why, if it was."""

    fields: int
    records: int
    left: list[tuple[str, str | None, str]]
    ended_early: str | None = None


async def run(
    interlock: Opened, by: By, connection_id: int, chosen: Chosen | None, remember: Callable[[Chosen], Awaitable[None]]
) -> list[TriedPair]:
    """`chosen`: gone on with. Raises HeldByOther, CrmError."""
    connection = await _connection(interlock.store, connection_id)
    connection.settings = {**connection.settings, "existing": "all"}

    async def on_chosen(keys: Sequence[RecordKey], began_us: int) -> None:
        await remember(Chosen(connection_id, [str(key) for key in keys], began_us))

    async with interlock.clients(connection) as clients:

        async def attempt() -> Trial:
            return await try_first(
                interlock.store,
                connection,
                clients.hubspot,
                clients.salesforce,
                interlock.clock_us,
                keys=[] if chosen is None else [RecordKey.parse(key) for key in chosen.keys],
                began_us=None if chosen is None else chosen.began_us,
                on_chosen=on_chosen,
                by=by,
            )

        # Another connection of the same org may be at work.
        trial = await when_free(attempt, interlock.clock_us, WAIT_S)
        return [await _as_pair(interlock, connection, clients, each) for each in trial.tried]


async def plan_undo(interlock: Opened, chosen: Chosen) -> UndoPlan:
    """What *Undo these* would take back; writes nothing. Raises Missing, CrmError."""
    connection = await _connection(interlock.store, chosen.connection_id)
    async with interlock.clients(connection) as clients:
        return await planning.plan(
            interlock.store,
            connection,
            clients.hubspot,
            clients.salesforce,
            interlock.clock_us,
            since_us=chosen.began_us,
        )


async def undo(interlock: Opened, by: By, chosen: Chosen, delete_records: int | None) -> Undone:
    """Raises BadInput (count_changed), Missing, SignedOut, HeldByOther, CrmError."""
    connection = await _connection(interlock.store, chosen.connection_id)
    if delete_records is not None:
        # Gone on with after a crash, some are deleted already: fewer than were confirmed is no more than was confirmed.
        delete_records = min(delete_records, len((await plan_undo(interlock, chosen)).records))
    done = await running.run(
        interlock.store,
        connection,
        interlock.clients,
        interlock.clock_us,
        since_us=chosen.began_us,
        delete_records=delete_records,
        wait_s=WAIT_S,
        by=by,
    )
    if done.sync.outcome == "done":
        await _part(interlock.store, chosen)
    left = [(_name_of(each), each.property, each.because) for each in done.left]
    return Undone(done.fields, done.records, left, done.sync.stopped_reason)


async def _part(store: Store, chosen: Chosen) -> None:
    """The trial's pairs are no pairs any more, and nothing of them is due or stands, in one transaction. One of which a request
    may still land, or that waits to be taken back, stays until it is settled: what is not known yet cannot be forgotten."""
    async with store.write(chosen.connection_id) as tx:
        keys = {RecordKey.parse(text) for text in chosen.keys}
        pairs: dict[int, RecordLink] = {}
        for key in keys:
            by_id = links.by_hubspot if key.side is Side.HUBSPOT else links.by_salesforce
            link = (await by_id(tx, object_of(key), [key.id])).get(key.id)
            if link is not None and link.id is not None and link.state is LinkState.LINKED:
                pairs[link.id] = link
        rows = await undos.of_links(tx, list(pairs))
        pairs = {id_: link for id_, link in pairs.items() if all(row.state != WAITING for row in rows.get(id_, ()))}
        await links.set_state(tx, sorted(pairs), LinkState.UNLINKED)
        await undos.drop(tx, [row.id for id_ in pairs for row in rows.get(id_, ())])
        keys |= {link.key(side) for link in pairs.values() for side in Side}
        due = await dirty.by_keys(tx, sorted(keys))
        settled = [key for key, row in due.items() if row.reason not in (Reason.PARKED, Reason.RETRY)]
        await dirty.clear(tx, settled, await dirty.horizon(tx))


async def _connection(store: Store, connection_id: int) -> Connection:
    """Raises Missing."""
    async with store.read(None) as tx:
        found = await connections.get(tx, connection_id)
    if found is None:
        raise Missing("The connection of this set-up is gone.", code="no_such_connection", fix="Open /setup.")
    return found


def _name_of(left: LeftAlone) -> str:
    return left.hubspot or left.salesforce_id or left.object


async def _as_pair(interlock: Opened, connection: Connection, clients: Clients, tried: Tried) -> TriedPair:
    """With what both sides hold, read again: somebody is to see whether it is the same person, also where nothing was written."""
    fields = [field for row in tried.written if row.side is not None for field in _written(row, row.side)]
    keys = [None if key is None else str(key) for key in (tried.hubspot, tried.salesforce)]
    both = (clients.hubspot, clients.salesforce)
    told = await explain(interlock.store, connection, keys[0] or keys[1] or "", both, interlock.clock_us)
    values = [
        Beside(each["property"], each["field"], each["hubspot"], each["salesforce"])
        for each in told["fields"]
        if each["hubspot"] or each["salesforce"]
    ]
    return TriedPair(keys[0], keys[1], fields, tried.why_not, len(tried.issues), told["label"], values)


def _written(row: AuditRow, side: Side) -> list[TriedField]:
    """A create is one row that holds all its values by name (engine/audit_rows.py)."""
    if isinstance(row.new, dict):
        return [TriedField(side.value, str(name), None, _text(value)) for name, value in row.new.items()]
    name = row.property if side is Side.HUBSPOT else row.field
    return [] if name is None else [TriedField(side.value, name, _text(row.old), _text(row.new))]


def _text(value: Raw) -> str | None:
    return None if value is None else str(value)
