"""Carrying out what settings ask of the org: one after the other for a connection, behind the page, by one process.

A deployment takes seconds in a small org and minutes in a large one: no browser and no proxy waits for that. What was asked for
is kept before anything is sent (kept.py), and each can be done again from its beginning: after a failure, or by another process
when the one that had it died (owned_work.py). One at a time, since a deployment puts a permission set to what it granted when
that began, and so would take back what another has added meanwhile.

    running -> done      said on the page, and the administrator's sign-in that it had for itself is ended
            -> failed    said with what to do; *Try again* begins another
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from functools import partial
from typing import Any

import msgspec

from interlock.app import object_rules, owned_work, sign_offs, until_permitted
from interlock.app.background import failure_of
from interlock.app.connections import fresh, objects_on
from interlock.app.disconnect import how_far
from interlock.app.errors import Missing, Stale, Stopped
from interlock.app.key_fields import WITHOUT_SITES
from interlock.app.mapping_effect import extend
from interlock.app.org_work import kept
from interlock.app.org_work.alone import task_name
from interlock.app.org_work.kept import Kind, Run, WorkFailed
from interlock.app.package import bring, permit
from interlock.app.package.install import PackageFailed
from interlock.app.package.kept import Keeper
from interlock.app.package.lines import lines_of
from interlock.app.package.parts import Address
from interlock.app.package.permit import MappedField, Permitted
from interlock.app.people.visitor import By
from interlock.app.schemas import keep_schemas, read_schemas
from interlock.app.setup.opened import Opened
from interlock.crm.salesforce.deploy import Deployment
from interlock.objects.registry import SPECS
from interlock.store import connections
from interlock.store.connections import Connection
from interlock.store.lease import Lease


async def begin(
    interlock: Opened,
    by: By,
    connection: Connection,
    kind: Kind,
    part: str,
    *,
    edition: str | None = None,
    fields: Sequence[MappedField] | None = None,
    mapped_fields: bool = False,
    origin: str | None = None,
    grant: int | None = None,
) -> Run:
    """See kept.Run. What is under way already is not begun twice. Calls no CRM. Raises Missing."""
    assert connection.id is not None
    run = Run(
        secrets.token_hex(8),
        connection.id,
        kind,
        part,
        connection.salesforce_org_id,
        by.actor,
        interlock.clock_us(),
        edition=edition,
        fields=None if fields is None else tuple(fields),
        mapped_fields=mapped_fields,
        origin=origin,
        grant=grant,
    )
    async with interlock.store.write(connection.id) as tx:
        await fresh(tx, connection.id)  # of two who ask at once the second sees what the first has kept
        known = await kept.runs(tx)
        same = next((each for each in known if each.state == "running" and each.asks_the_same(run)), None)
        if same is None:
            for each in known:
                if _settles(run, each):
                    run = _with_what_failed(run, each)
                    await kept.drop(tx, each)
            await kept.put(tx, run)
    _start(interlock, by, connection.id)
    return same or run


def _settles(run: Run, before: Run) -> bool:
    """Whether nobody needs the word about an earlier one any more: it is done, or what failed is done by this one."""
    if before.state == "running":
        return False
    if run.kind == "give" and run.mapped_fields and before.kind in ("give", "extend"):
        return True  # it gives the user the set with all that is mapped, whichever tab asked
    return run.part == before.part and (before.state == "done" or run.kind == before.kind)


def _with_what_failed(run: Run, before: Run) -> Run:
    """Fields that could not be granted are granted with the next ones, and not forgotten with the word about them."""
    if (run.kind, before.kind, before.state) != ("extend", "extend", "failed") or run.fields is None:
        return run
    if before.fields is None:
        return msgspec.structs.replace(run, fields=None)
    return msgspec.structs.replace(run, fields=tuple(dict.fromkeys([*before.fields, *run.fields])))


async def standing(interlock: Opened, connection_id: int) -> list[Run]:
    """All that is known, the oldest first, live where it runs in this process; what a process left is continued, what another
    process works on is not touched."""
    found = await kept.runs_of(interlock.store, connection_id)
    name = task_name(connection_id)
    interlock.background.raise_defect(name)
    running = [each for each in found if each.state == "running"]
    if running and not interlock.background.runs(name):
        _start(interlock, By(running[0].by), connection_id)
    told = interlock.background.told(name)
    if told is None:
        return found
    return [told if (each.id, each.state) == (told.id, "running") else each for each in found]


async def go_on_with_what_was_left(interlock: Opened) -> None:
    """By a process that died: whoever asked was told that the page may be left."""
    async with interlock.store.read(None) as tx:
        found = await connections.list_(tx)
    for connection in found:
        assert connection.id is not None
        await standing(interlock, connection.id)


async def administrators_in_use(interlock: Opened) -> set[int]:
    """Sign-ins that something under way still needs, and ends."""
    async with interlock.store.read(None) as tx:
        found = await connections.list_(tx)
    wanted: set[int] = set()
    for each in found:
        async with interlock.store.read(each.id) as tx:
            wanted |= await kept.administrators(tx)
    return wanted


async def wait(interlock: Opened, connection_id: int, seconds: float | None = None) -> None:
    """Until nothing is under way any more, but no longer than `seconds`."""
    await interlock.background.wait(task_name(connection_id), seconds)


async def being_turned_on(interlock: Opened, connection_id: int) -> set[str]:
    """Objects."""
    found = await standing(interlock, connection_id)
    return {each.part for each in found if (each.kind, each.state) == ("turn_on", "running")}


async def ended(interlock: Opened, run: Run, seconds: float) -> Run:
    """As it ended, for a program, which waits for it; as it was begun where that takes longer, or nothing is known of it any more.
    Raises WorkFailed."""
    await standing(interlock, run.connection_id)
    await wait(interlock, run.connection_id, seconds)
    found = await kept.runs_of(interlock.store, run.connection_id)
    now = next((each for each in found if each.id == run.id), run)
    if now.state == "failed" and now.failure is not None:
        raise WorkFailed(now.failure)
    return now


def _start(interlock: Opened, by: By, connection_id: int) -> None:
    async def load() -> Run | None:
        found = await kept.runs_of(interlock.store, connection_id)
        return next((each for each in found if each.state == "running"), None)

    async def work(run: Run, lease: Lease) -> None:
        following: Run | None = run
        while following is not None:
            who = by if by.actor == following.by else By(following.by)
            await _Work(interlock, who, connection_id, following, lease).finish()
            following = await load()

    owned_work.carry_on(interlock, task_name(connection_id), load, work)


class _Work:
    def __init__(self, interlock: Opened, by: By, connection_id: int, run: Run, lease: Lease) -> None:
        self._interlock = interlock
        self._by = by
        self._connection_id = connection_id
        self._run = run
        self._lease = lease

    def _tell(self, **changes: Any) -> None:
        self._run = msgspec.structs.replace(self._run, **changes)
        # Not that it has ended: that is known once it is kept.
        if self._run.state == "running":
            self._interlock.background.tell(task_name(self._connection_id), self._run)

    def _progress(self, deployment: Deployment) -> None:
        self._tell(
            done=deployment.number_components_deployed,
            total=deployment.number_components_total,
            lines=lines_of(deployment),
        )

    async def finish(self) -> None:
        try:
            async with owned_work.shared(lambda: self._run, self._keep):
                await self._carry_out()
            state = "done"
        except Exception as error:  # noqa: BLE001  (what nobody remembers would be begun anew by every look)
            failure, state = failure_of(error), "failed"
            found = error.troubles if isinstance(error, PackageFailed) else []
            self._tell(failure=failure, troubles=found)
        if self._run.grant is not None:
            self._tell(not_ended=await self._end(self._run.grant))
        self._tell(state=state, ended_at_us=self._interlock.clock_us())
        await owned_work.at_last(lambda: self._keep(self._run))

    async def _keep(self, run: Run) -> None:
        """Unless nobody knows of it any more: the connection is gone, or has gone over to another org (store/another_org.py)."""
        async with self._interlock.store.write(self._connection_id, self._lease) as tx:
            if await kept.is_known(tx, run):
                await kept.put(tx, run)

    async def _end(self, grant_id: int) -> str:
        """The administrator's sign-in, whatever came of it. Why it could not be ended at the CRM, and where to do that; else
        nothing."""
        try:
            async with self._interlock.crms() as crms:
                ended = await sign_offs.revoke(self._interlock.store, crms, grant_id)
        except Missing:
            return ""  # nobody's any more
        except Exception as error:  # noqa: BLE001  (how the work itself ended has to be kept in any case)
            failure = failure_of(error)
            return f"{failure.message} {failure.fix}".strip()
        return "" if ended.why_not is None else f"{ended.why_not} {ended.fix}"

    async def _carry_out(self) -> None:
        """Raises AppError, CrmError, StoreError."""
        connection = await self._connection()
        match self._run.kind:
            case "turn_on":
                await self._turn_on(connection)
            case "extend":
                await self._extend(connection)
            case "give":
                await self._give(connection)
            case "package":
                await self._package(connection)

    async def _connection(self) -> Connection:
        """Raises Missing, Stale, Stopped."""
        async with self._interlock.store.read(None) as tx:
            now = await fresh(tx, self._connection_id)
        if now.salesforce_org_id != self._run.org_id:
            raise Stale(
                "The connection has gone over to another org since this was asked for. Nothing was done there.",
                fix="Look at the tab as it is now, then ask again.",
            )
        ended = how_far(now)
        # Whose sign-ins may have been ended is kept by signing in again, which gives that user the set.
        if ended != "nowhere" and (ended, self._run.kind) != ("ending", "give"):
            raise Stopped(
                f"{now.name} was disconnected since this was asked for, or is being disconnected. Nothing was done in the org.",
                code="not_connected",
                fix="To keep the connection, run `interlock resume`, or connect it again; then ask again.",
            )
        return now

    async def _turn_on(self, connection: Connection) -> None:
        interlock, slug = self._interlock, self._run.part
        async with (
            interlock.clients(connection) as clients,
            interlock.clients(connection, deploying=True) as administrator,
        ):
            await object_rules.turn_on(
                interlock.store,
                connection,
                slug,
                clients.hubspot,
                clients.salesforce,
                administrator.salesforce,
                interlock.clock_us,
                self._by,
                edition=self._run.edition,
                keeper=Keeper(interlock.store, self._connection_id),
                progress=self._progress,
            )
        # As with all mappings that are saved, once they are: the object is on, whatever becomes of it.
        mapped = await permit.mapped_fields(interlock.store, self._connection_id)
        fields = [each for each in mapped if each.sobject in SPECS[slug].salesforce_types]
        await begin(interlock, self._by, connection, "extend", slug, fields=fields)

    async def _extend(self, connection: Connection) -> None:
        # Of now: what was asked for may be mapped no more, or only be read.
        fields = await permit.mapped_fields(self._interlock.store, self._connection_id)
        if self._run.fields is not None:
            asked = {(each.sobject, each.field) for each in self._run.fields}
            fields = [each for each in fields if (each.sobject, each.field) in asked]
        granted = await extend(self._interlock, connection, fields, self._progress)
        self._note(granted)
        if granted.added:
            await self._read_again(connection)

    async def _give(self, connection: Connection) -> None:
        """Another user sees none of Interlock's fields before the permission set is theirs. Which addresses the org trusts was
        asked at the install, and is not touched."""
        interlock = self._interlock
        installed, granted = await bring.give(
            interlock.store,
            connection,
            partial(interlock.clients, administrator=self._run.grant),
            WITHOUT_SITES,
            interlock.clock_us,
            self._progress,
            mapped_fields=self._run.mapped_fields,
        )
        self._note(granted)
        if granted.added or not installed.before.complete:
            await self._read_again(connection)
        await until_permitted.go_on(interlock.store, self._connection_id)

    async def _package(self, connection: Connection) -> None:
        interlock, origin = self._interlock, self._run.origin
        installed, _granted = await bring.bring(
            interlock.store,
            connection,
            interlock.clients,
            WITHOUT_SITES if origin is None else Address(origin),
            interlock.clock_us,
            self._progress,
            mapped_fields=False,
            by=self._by,
        )
        if not installed.before.complete:
            await self._read_again(connection)
        await until_permitted.go_on(interlock.store, self._connection_id)

    def _note(self, granted: Permitted) -> None:
        self._tell(added=tuple(field for field, _editable in granted.added), left_out=granted.left_out)

    async def _read_again(self, connection: Connection) -> None:
        """What the sync user could not see was not in what is kept of the org, so that mappings of it were left out."""
        async with self._interlock.clients(connection) as clients:
            schemas = await read_schemas(clients.hubspot, clients.salesforce, objects_on(connection))
        await self._connection()  # it may have gone over to another org meanwhile, of which these are not
        await keep_schemas(self._interlock.store, self._connection_id, schemas)
