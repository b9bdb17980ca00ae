"""The dispatcher's desk: what a turn on one connection is. How a command hands it work is in handing_over.py.

A turn is done under the org's lease: it runs part of the cycle and notes what it learned; every failure ends as a pause before
the next try or as a state that a person sees. All that it writes is checked against the lease, save how many API calls were
made, which is true whoever made them. Clients stay open from turn to turn, so that a poll costs no new sign-in.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any, Protocol

import msgspec

from interlock.app import states
from interlock.app.compiled import Compiled
from interlock.app.connections import HALTED, active_objects
from interlock.app.errors import Stopped, as_failure, defect
from interlock.app.reach import remember
from interlock.app.runtime import cycle_of
from interlock.app.schemas import NAME as SCHEMAS
from interlock.app.sync import INTERRUPTED, SyncResult, sync
from interlock.app.words import on_one_line
from interlock.core.model import RecordKey
from interlock.crm.budget import Governor
from interlock.crm.errors import BudgetSpent, CrmError, SchemaChanged, SignInRefused
from interlock.crm.hubspot.client import HubSpotClient
from interlock.crm.salesforce.client import SalesforceClient
from interlock.engine.context import Cycle
from interlock.engine.cycle import poll, work_off
from interlock.engine.dispatch.desk import Standing, Work
from interlock.engine.load import loading
from interlock.engine.ownership import Ownership, own
from interlock.engine.pace import poll_interval_s
from interlock.store import (
    Fenced,
    HeldByOther,
    Store,
    StoreError,
    connections,
    directory,
    dirty,
    handovers,
    heartbeat,
)
from interlock.store.connections import Connection
from interlock.store.handovers import Handover
from interlock.store.lease import Lease

US = 1_000_000
# Tries after a failure: 15 s, doubled up to 5 minutes. A budget that is spent frees up slowly.
RETRY_S, RETRY_MOST_S = 15.0, 300.0
BUDGET_RETRY_S = 300.0
HELD_RETRY_S = 5.0
# A row whose process died before it could take it back.
HANDOVER_LOST_US = 3_600 * US
# Open clients that are kept between turns. Of a fleet's connections a process sees ever more; those are opened again.
SESSIONS_MOST = 256
# `Cycle.stop` of a turn that has lasted long enough for others to have theirs.
GAVE_WAY = "gave way to another connection of the org"


class Clients(Protocol):
    @property
    def hubspot(self) -> HubSpotClient: ...

    @property
    def salesforce(self) -> SalesforceClient: ...

    @property
    def governors(self) -> tuple[Governor, Governor]: ...


OpenClients = Callable[[Connection], AbstractAsyncContextManager[Clients]]


class _Session(msgspec.Struct):
    """Open clients of one connection, for as long as its addresses, its settings and what it signs in with stay as they were
    (credentials.CHANGED is in the settings)."""

    stack: AsyncExitStack
    clients: Clients
    made_from: bytes
    compiled: Compiled


class ServeDesk:
    """Implements engine/dispatch/local.py's `Desk`. `say` is told one line about everything that a person may want to know."""

    def __init__(
        self,
        store: Store,
        open_clients: OpenClients,
        clock_us: Callable[[], int],
        owner: str,
        say: Callable[[str], None],
    ) -> None:
        self._store = store
        self._open_clients = open_clients
        self._clock_us = clock_us
        self._owner = owner
        self._say = say
        self._sessions: dict[int, _Session] = {}
        self._failures: dict[int, int] = {}
        self._interval_s: dict[int, float] = {}
        self._under_way: dict[int, Cycle] = {}
        self._cut_short: set[int] = set()
        self._ending = False

    # --- what the dispatcher asks ----------------------------------------------------------------------------------

    async def standings(self, lane: str | None = None) -> list[Standing]:
        now_us = self._clock_us()
        found = []
        async with self._store.read(None) as tx:
            rows = await connections.list_(tx) if lane is None else await connections.of_org(tx, lane)
        for row in rows:
            assert row.id is not None
            async with self._store.read(row.id) as tx:
                rung = await handovers.waiting(tx) > 0
                counts = await dirty.counts(tx, now_us)
            # What nobody may work on (a paused object) is due for ever and must not wake anybody.
            mine = [counts[slug] for slug in active_objects(row) if slug in counts and _runs(row)]
            due = any(each.due for each in mine)
            later_us = min((at for each in mine if (at := each.earliest_waiting_us) is not None), default=None)
            if rung or _runs(row):
                found.append(Standing(row.id, row.salesforce_org_id, due, rung, later_us))
        return found

    async def beat(self) -> None:
        try:
            await heartbeat.beat(self._store, self._owner, self._clock_us())
        except StoreError as error:
            self._say(f"The heartbeat could not be written: {error}")

    async def turn(self, connection_id: int, work: Work, ownership: Ownership | None = None) -> float:
        try:
            async with self._store.read(None) as tx:
                connection = await connections.get(tx, connection_id)
            if connection is None:
                return RETRY_MOST_S
            if ownership is not None:
                return await self._turn(connection, work, ownership)
            async with own(self._store, connection.salesforce_org_id, self._owner, self._clock_us) as ownership:
                return await self._turn(connection, work, ownership)
        except (HeldByOther, Fenced):
            return HELD_RETRY_S
        except StoreError as error:
            self._say(f"The database cannot be used: {error} Next try in {RETRY_S:.0f} s.")
            return RETRY_S

    def end_turns(self) -> None:
        self._ending = True
        for ctx in self._under_way.values():
            ctx.stop = ctx.stop or INTERRUPTED

    def give_way(self, connection_id: int, end: bool) -> None:
        session, ctx = self._sessions.get(connection_id), self._under_way.get(connection_id)
        if session is not None:
            for governor in session.clients.governors:
                governor.impatient = True
        if end and ctx is not None:
            ctx.stop = ctx.stop or GAVE_WAY

    async def close(self) -> None:
        """Close all clients and say that this dispatcher ends on purpose."""
        for session in self._sessions.values():
            await session.stack.aclose()
        self._sessions.clear()
        await heartbeat.end(self._store, self._owner)

    # --- a turn ------------------------------------------------------------------------------------------------------

    async def _turn(self, connection: Connection, work: Work, ownership: Ownership) -> float:
        assert connection.id is not None
        try:
            if work is Work.BELL:
                await self._answer_bells(connection, ownership)
            else:
                await self._run(connection, work, ownership)
        except Exception as error:  # noqa: BLE001  (one connection's trouble must not end the others' sync)
            return await self._failed(connection, error, ownership.lease)
        self._failures.pop(connection.id, None)
        if connection.id in self._cut_short:
            # There is more to do, as soon as the others of the lane had their turn.
            self._cut_short.discard(connection.id)
            return 0.0
        return self._interval_s.get(connection.id, RETRY_S)

    async def _run(self, connection: Connection, work: Work, ownership: Ownership) -> None:
        slugs = active_objects(connection)
        if not slugs or not _runs(connection):
            return
        await self._cycle(connection, ownership, slugs, (), _due_only if work is Work.DUE else poll)

    async def _cycle(
        self,
        connection: Connection,
        ownership: Ownership,
        slugs: Sequence[str],
        keys: Sequence[RecordKey],
        work: Callable[[Cycle], Any] | None,
    ) -> SyncResult:
        assert connection.id is not None
        session = await self._session(connection)
        clients = session.clients
        for governor in clients.governors:
            governor.impatient = False
        async with (
            remember(self._store, connection.id, clients.governors, self._clock_us, ownership.lease),
            cycle_of(
                self._store,
                connection,
                clients.hubspot,
                clients.salesforce,
                self._clock_us,
                ownership,
                slugs,
                session.compiled,
            ) as ctx,
        ):
            self._under_way[connection.id] = ctx
            if self._ending:
                ctx.stop = INTERRUPTED
            try:
                result = await self._worked(connection, ctx, keys, work)
            finally:
                del self._under_way[connection.id]
            self._interval_s[connection.id] = poll_interval_s(ctx)
        if result.outcome == "done" and connection.state_reason is not None:
            await states.go_on(self._store, connection.id, ownership.lease)
        if result.outcome == "stopped" and result.stopped_reason == GAVE_WAY:
            self._cut_short.add(connection.id)
        elif result.outcome == "stopped" and ctx.stop is None:
            # Not because somebody has paused it meanwhile, or this process ends.
            self._say(on_one_line(f"{connection.name}: stopped by a brake. {result.stopped_reason}"))
        return result

    async def _worked(
        self,
        connection: Connection,
        ctx: Cycle,
        keys: Sequence[RecordKey],
        work: Callable[[Cycle], Any] | None,
    ) -> SyncResult:
        first = await loading(ctx)
        await self._note_state(connection, "first_sync" if first else "idle", ctx.lease)
        result = await (sync(ctx, keys) if work is None else sync(ctx, keys, work))
        if first and result.outcome == "done" and not await loading(ctx):
            await self._note_state(connection, "idle", ctx.lease)
        return result

    async def _note_state(self, connection: Connection, state: str, lease: Lease) -> None:
        """Only between the states of a healthy connection: what a person or a brake set is theirs."""
        assert connection.id is not None
        if connection.state in HALTED or connection.state == state:
            return
        async with self._store.write(connection.id, lease) as tx:
            now = await connections.get(tx, connection.id)
            if now is not None and now.state not in HALTED:
                await connections.update(tx, connection.id, state=state, state_reason=None, state_fix=None)
        connection.state = state

    async def _session(self, connection: Connection) -> _Session:
        assert connection.id is not None
        made_from = msgspec.json.encode([connection.hubspot_url, connection.salesforce_url, connection.settings])
        session = self._sessions.get(connection.id)
        if session is not None and session.made_from != made_from:
            await self._close_session(connection.id)
            session = None
        if session is None:
            await self._make_room()
            stack = AsyncExitStack()
            clients = await stack.enter_async_context(self._open_clients(connection))
            session = _Session(stack, clients, made_from, Compiled())
        # The one that was used last stands last.
        self._sessions.pop(connection.id, None)
        self._sessions[connection.id] = session
        return session

    async def _make_room(self) -> None:
        resting = [id_ for id_ in self._sessions if id_ not in self._under_way]
        for id_ in resting[: max(0, len(self._sessions) - SESSIONS_MOST + 1)]:
            await self._close_session(id_)

    async def _close_session(self, connection_id: int) -> None:
        session = self._sessions.pop(connection_id, None)
        if session is not None:
            await session.stack.aclose()

    # --- bells -------------------------------------------------------------------------------------------------------

    async def _answer_bells(self, connection: Connection, ownership: Ownership) -> None:
        assert connection.id is not None
        while not self._ending:
            async with self._store.write(connection.id, ownership.lease) as tx:
                await handovers.drop_older(tx, self._clock_us() - HANDOVER_LOST_US)
                asked = await handovers.take(tx)
                # As it is now: it may have been paused or given other settings while the last one was answered.
                now = None if asked is None else await connections.get(tx, connection.id)
            if asked is None or now is None:
                return
            try:
                result = await self._asked(now, asked, ownership)
            except Fenced:
                # Whoever has the org now finds it taken and not answered.
                raise
            except Exception as error:
                failure = as_failure(error) or defect(error)
                answer = msgspec.structs.asdict(failure)
                await self._answer(connection, asked, handovers.FAILED, answer, ownership.lease)
                raise
            await self._answer(connection, asked, handovers.DONE, msgspec.to_builtins(result), ownership.lease)

    async def _asked(self, connection: Connection, asked: Handover, ownership: Ownership) -> SyncResult:
        if connection.state in HALTED:
            raise Stopped(
                f"{connection.name} is {HALTED[connection.state]}: {connection.state_reason or ''}".rstrip(": "),
                code=connection.state,
                fix=connection.state_fix or "Run `interlock resume`.",
            )
        active = active_objects(connection)
        slugs = [slug for slug in active if not asked.objects or slug in asked.objects]
        if not slugs:
            raise Stopped("Every object that was asked for is paused.", code="paused", fix="Run `interlock resume`.")
        return await self._cycle(connection, ownership, slugs, asked.keys, None)

    async def _answer(
        self, connection: Connection, asked: Handover, state: str, what: dict[str, Any], lease: Lease
    ) -> None:
        async with self._store.write(connection.id, lease) as tx:
            await handovers.answer(tx, asked.id, state, what)

    # --- failures ----------------------------------------------------------------------------------------------------

    async def _failed(self, connection: Connection, error: Exception, lease: Lease) -> float:
        """Say it, remember what a person must know, and how long to wait. Raises Fenced: another process tries itself."""
        assert connection.id is not None
        if isinstance(error, Fenced):
            raise error
        tries = self._failures[connection.id] = self._failures.get(connection.id, 0) + 1
        wait_s = min(RETRY_S * (1 << min(tries - 1, 10)), RETRY_MOST_S)
        failure = as_failure(error)
        if isinstance(error, Stopped):
            return self._interval_s.get(connection.id, RETRY_S)
        if failure is None or isinstance(error, SignInRefused):
            # What was signed in with may be replaced meanwhile: the next turn reads it again.
            await self._close_session(connection.id)
        if failure is None:
            report = "".join(traceback.format_exception(error))
            self._say(f"{on_one_line(connection.name)}: a defect of Interlock stopped this connection.\n{report}")
            why = f"A defect of Interlock: {type(error).__name__}."
            await states.halt(self._store, connection.id, "suspended", why, _DEFECT_FIX, lease)
            return RETRY_MOST_S
        if isinstance(error, SignInRefused):
            await states.halt(self._store, connection.id, "signed_out", failure.message, failure.fix, lease)
        elif isinstance(error, SchemaChanged) and tries == 1:
            # A property or field went away since the schemas were read: mappings that need it are left out from now on.
            async with self._store.write(connection.id, lease) as tx:
                await directory.drop(tx, SCHEMAS)
        elif isinstance(error, CrmError) and error.meaning == "issue":
            await states.halt(self._store, connection.id, "suspended", failure.message, failure.fix, lease)
        elif not isinstance(error, StoreError):
            await states.hold_up(self._store, connection.id, failure, lease)
        if isinstance(error, BudgetSpent):
            wait_s = BUDGET_RETRY_S
        if isinstance(error, CrmError):
            wait_s = max(wait_s, error.retry_after_s or 0.0)
        self._say(on_one_line(f"{connection.name}: {failure.message} Next try in {wait_s:.0f} s."))
        return wait_s


_DEFECT_FIX = "The log of `interlock serve` holds the report: open an issue with it, then run `interlock resume`."


def _runs(connection: Connection) -> bool:
    return connection.state not in HALTED and connection.begun_at_us is not None


async def _due_only(ctx: Cycle) -> None:
    for runtime in ctx.objects.values():
        await work_off(ctx, runtime)
