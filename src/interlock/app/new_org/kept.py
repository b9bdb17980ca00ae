"""What is remembered of a connection that goes over to another sandbox, so that a crash at any point leaves a clear state.

settings["new_org"]            no entry    it goes nowhere
  stage offered                somebody has signed in to the other sandbox; nothing has changed, the old org syncs on
  stage moved                  it belongs to the new org, paused, until somebody begins (`connections.resume` refuses)
directory["new_org"]           how preparing it stands (Run); lost, it is prepared anew
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Literal, Protocol

import msgspec

from interlock.app.background import Background
from interlock.app.connections import NEW_ORG, fresh
from interlock.app.crms import Crms
from interlock.app.errors import Stale, Stopped
from interlock.app.serve import Clients
from interlock.crm.oauth import Identity
from interlock.store import Store, connections, directory, erasures, jobs
from interlock.store.another_org import SetAside
from interlock.store.connections import Connection
from interlock.store.lease import Lease
from interlock.store.tx import WriteTx

_RUN = directory.NEW_ORG

_ERASED = (
    "Somebody was erased while both sides were read, and what was counted may hold something of them. It was not kept."
)
_COUNT_AGAIN = "Try again: what is done is not done twice."

Step = Literal["package", "permissions", "waiting", "ids", "preview", "done"]


class NewOrg(msgspec.Struct, frozen=True):
    """`grant`: of the sign-in. `joined_to`: HubSpot accounts that the new org syncs with already. The rest once it has moved:
    `left`, `left_name`: the old org; `aside`: what was set aside; `not_ended`: why a sign-in there could not be ended;
    `landed_at_us`: from when on no write that was under way can land in HubSpot any more."""

    stage: Literal["offered", "moved"]
    identity: Identity
    grant: int
    by: str
    joined_to: tuple[str, ...] = ()
    left: str = ""
    left_name: str = ""
    moved_at_us: int = 0
    landed_at_us: int = 0
    aside: SetAside | None = None
    not_ended: str = ""
    trusts_address: bool = False  # Salesforce's pages may show what this Interlock sends
    emptied: bool = False  # ids may have been taken on the way to a sandbox before this one, where nobody has begun
    # Of an offer: the move that has not begun to sync, should this one be given up (the sandbox before was deleted meanwhile).
    before: NewOrg | None = None


class Ids(msgspec.Struct, frozen=True):
    """HubSpot records whose stored id is proven in the new org, and those from which it was taken."""

    kept: int = 0
    emptied: int = 0


class Run(msgspec.Struct, frozen=True):
    """One preparation. `of`: the grant of the org that is made ready. `emptying`: ids may have been taken, whether or not it was
    said. `ready_at_us`: not to begin before."""

    state: Literal["running", "done", "failed"]
    step: Step
    of: int
    by: str
    began_at_us: int
    emptying: bool = False
    ids: Ids = Ids()
    ready_at_us: int = 0
    preview: dict[str, Any] = {}
    ended_at_us: int | None = None
    message: str = ""
    fix: str = ""

    @property
    def creates(self) -> int:
        return sum(
            each["create_in_hubspot"] + each["create_in_salesforce"]
            for each in self.preview.get("objects", {}).values()
        )


class Opened(Protocol):
    """Of wiring.Interlock."""

    @property
    def store(self) -> Store: ...

    @property
    def clock_us(self) -> Callable[[], int]: ...

    @property
    def background(self) -> Background: ...

    def clients(
        self, connection: Connection, *, note: bool = True, deploying: bool = False
    ) -> AbstractAsyncContextManager[Clients]: ...

    def clients_with(self, connection: Connection, salesforce_grant: int) -> AbstractAsyncContextManager[Clients]: ...

    def crms(self) -> AbstractAsyncContextManager[Crms]: ...


def of(connection: Connection) -> NewOrg | None:
    kept = connection.settings.get(NEW_ORG)
    return None if kept is None else msgspec.convert(kept, NewOrg)


def offered(connection: Connection) -> NewOrg:
    """Raises Stopped."""
    found = of(connection)
    if found is None or found.stage != "offered":
        raise Stopped(
            "There is no sign-in to a new sandbox that waits to be confirmed: somebody has confirmed it, or given it up.",
            code="no_new_sandbox",
            fix="Open Settings, Connection, Connect to a new sandbox again.",
        )
    return found


def moved(connection: Connection) -> NewOrg:
    """Raises Stopped."""
    found = of(connection)
    if found is None or found.stage != "moved":
        raise Stopped(
            "This connection is not on its way to a new sandbox: somebody has begun to sync there, or nobody has confirmed it.",
            code="no_new_sandbox",
            fix="Open Settings, Connection.",
        )
    return found


def without(settings: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if name != NEW_ORG}


async def put(tx: WriteTx, now: Connection, what: NewOrg) -> None:
    assert now.id is not None
    await connections.update(tx, now.id, settings={**now.settings, NEW_ORG: msgspec.to_builtins(what)})


async def run_of(store: Store, connection: Connection) -> Run | None:
    """None as well for one of another org than that to which the connection has gone over."""
    assert connection.id is not None
    now = of(connection)
    async with store.read(connection.id) as tx:
        found = await directory.get(tx, _RUN)
    run = None if found is None else msgspec.convert(found, Run)
    return run if now is not None and run is not None and run.of == now.grant else None


async def keep_run(
    store: Store, connection_id: int, run: Run, lease: Lease | None = None, counted_from_us: int | None = None
) -> None:
    """`counted_from_us`: when its preview began to read. One that may have read a person before they were erased is not kept, and
    the run has failed. Raises Stopped, Stale where it is of no use any more: somebody has begun, or gone over to yet another
    sandbox; Fenced where `lease` is another's by now."""
    async with store.write(connection_id, lease) as tx:
        await jobs.lock(tx)
        if counted_from_us is not None and counted_from_us <= (await erasures.newest_us(tx) or -1):
            run = msgspec.structs.replace(run, state="failed", preview={}, message=_ERASED, fix=_COUNT_AGAIN)
        if moved(await fresh(tx, connection_id)).grant != run.of:
            raise Stale("The connection has gone over to another sandbox meanwhile.", fix="Open Settings, Connection.")
        await directory.put(tx, _RUN, msgspec.to_builtins(run))


async def drop_run(tx: WriteTx) -> None:
    await directory.drop(tx, _RUN)
