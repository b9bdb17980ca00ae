"""Disconnecting a HubSpot account from its org: the mappings and the links to files, the package out, both sign-ins ended.

In this order, so that an interruption leaves something that the same command can go on with: the files are written, the connection
is paused so that no sync comes in between, the package is taken out while the sign-in still works, and only then the sign-ins are
ended. What we cannot end (a key that a person made in the CRM) is forgotten here and said, with where to end it. The links stay in
the store as well, so that joining the same two again makes nothing twice.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Literal

import msgspec

from interlock.app import mapping_files, sign_offs
from interlock.app.connections import NEW_ORG, fresh
from interlock.app.crms import Crms
from interlock.app.errors import BadInput
from interlock.app.once import owner_name
from interlock.app.org_work.alone import alone
from interlock.app.package import deploy, export
from interlock.app.package import remove as package
from interlock.app.package.export import Exported
from interlock.app.package.kept import Keeper
from interlock.app.people.log import record
from interlock.app.people.visitor import BY_COMMAND, By
from interlock.app.serve import Clients
from interlock.app.times import rfc3339
from interlock.app.turns import WAIT_S, when_free
from interlock.core.model import Side
from interlock.engine.ownership import own
from interlock.store import Store, connections, grants, secrets
from interlock.store.connections import Connection

PHRASE = "Uninstall Salesforce"
# Why it is paused: nothing is ended yet; from here on sign-ins may have been.
_BEGUN, _ENDING = (
    "It is being disconnected.",
    "It is being disconnected, and sign-ins of it may have been ended already.",
)
NOT_CONNECTED = "not_connected"

# Of each way to sign in that is not ours to end: names of its secrets, and where a person ends it.
KEYS = (
    (Side.HUBSPOT, "hubspot_token", "In HubSpot: Settings, Integrations, delete the service key or private app."),
    (Side.SALESFORCE, "salesforce_client_id", "In Salesforce: Setup, App Manager, block or delete the connected app."),
    (Side.SALESFORCE, "salesforce_token", "In Salesforce: Setup, Session Management, end the session."),
)

Json = dict[str, Any]
OpenClients = Callable[[Connection], AbstractAsyncContextManager[Clients]]
OpenCrms = Callable[[], AbstractAsyncContextManager[Crms]]


class NotEnded(msgspec.Struct, frozen=True):
    """A sign-in that a person must end in the CRM."""

    side: Side
    why: str
    fix: str


class Files(msgspec.Struct, frozen=True):
    mappings: str
    links: Exported


class Disconnected(msgspec.Struct, frozen=True):
    """`package`: removed | kept | absent; `package_why`: why it was kept. `ended`: users whose sign-in was ended."""

    files: Files
    package: str
    package_why: str | None
    components: list[tuple[str, str]]
    ended: list[str]
    not_ended: list[NotEnded]

    def document(self) -> Json:
        return {
            "planned": False,
            "mappings": self.files.mappings,
            "links": self.files.links.path,
            "pairs": self.files.links.pairs,
            "package": self.package,
            "package_because": self.package_why,
            "removed": [{"type": type_, "name": name} for type_, name in self.components],
            "ended": self.ended,
            "not_ended": [{"side": each.side.value, "why": each.why, "fix": each.fix} for each in self.not_ended],
        }


def plan_document(package_stays: bool) -> Json:
    return {
        "planned": True,
        "mappings": None,
        "links": None,
        "pairs": None,
        "package": "kept" if package_stays else "removed",
        "package_because": None,
        "removed": [],
        "ended": [],
        "not_ended": [],
    }


def check_phrase(typed: str | None) -> None:
    """Raises BadInput unless a person has typed what will happen."""
    if typed != PHRASE:
        raise BadInput(
            f"To take the package out of the org, with the keys on its records, confirm with the words {PHRASE!r}.",
            code="confirmation_needed",
            field="confirm",
            fix=f"Give exactly {PHRASE!r} (a command: --confirm), or have the package kept (--keep-package).",
        )


async def shares_org(store: Store, connection: Connection) -> str | None:
    """The name of another connection that needs the package too; None: nobody does."""
    async with store.read(None) as tx:
        others = await connections.of_org(tx, connection.salesforce_org_id)
    names = [each.name for each in others if each.id != connection.id and each.state != NOT_CONNECTED]
    return names[0] if names else None


async def disconnect(
    store: Store,
    connection: Connection,
    open_clients: OpenClients,
    open_crms: OpenCrms,
    clock_us: Callable[[], int],
    folder: Path,
    *,
    keep_package: bool,
    reason: str = "",
    progress: deploy.Progress = lambda _: None,
    by: By = BY_COMMAND,
    wait_s: float = WAIT_S,
) -> Disconnected:
    """`reason`: why, in a person's words, for whoever looks at the connection afterwards.

    Raises BadInput, Busy (org_work_running), PackageFailed, CrmError, HeldByOther, StoreError; how far it came then: `how_far`. The
    same again goes on."""
    assert connection.id is not None
    async with alone(store, [connection], clock_us):
        files = await write_files(store, connection, folder, clock_us())
        await _pause(store, connection.id)

        async def attempt() -> Disconnected:
            async with own(store, connection.salesforce_org_id, owner_name(), clock_us):
                return await _under_lease(
                    store, connection, open_clients, open_crms, clock_us, files, keep_package, reason, progress, by
                )

        return await when_free(attempt, clock_us, wait_s)


def links_file(folder: Path, connection: Connection, now_us: int) -> Path:
    return folder / f"{connection.name}-links-{_stamp(now_us)}.csv"


def _stamp(now_us: int) -> str:
    return (rfc3339(now_us) or "")[:19].replace(":", "") + "Z"


async def write_files(store: Store, connection: Connection, folder: Path, now_us: int) -> Files:
    """Raises BadInput."""
    mappings = folder / f"{connection.name}-mappings-{_stamp(now_us)}.yaml"
    text = await mapping_files.written(store, connection)
    try:
        mappings.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BadInput(
            f"{mappings} cannot be written: {error.strerror}.",
            code="file_unwritable",
            fix="Let Interlock's process write to that folder, or make room; then disconnect again.",
        ) from error
    links = await export.write(store, connection.salesforce_org_id, links_file(folder, connection, now_us))
    return Files(str(mappings), links)


def how_far(connection: Connection) -> Literal["nowhere", "paused", "ending", "over"]:
    """Where a disconnect that failed has left it: `nowhere`: not even paused; `ending`: sign-ins may have been ended."""
    if connection.state == NOT_CONNECTED:
        return "over"
    if connection.state != "paused" or connection.state_reason not in (_BEGUN, _ENDING):
        return "nowhere"
    return "ending" if connection.state_reason == _ENDING else "paused"


async def _pause(store: Store, connection_id: int) -> None:
    async with store.write(connection_id) as tx:
        if how_far(await fresh(tx, connection_id)) == "nowhere":
            await connections.update(
                tx,
                connection_id,
                state="paused",
                state_reason=_BEGUN,
                state_fix="Run `interlock disconnect` again to go on, or `interlock resume` to keep it.",
            )


async def _note_that_sign_ins_end(store: Store, connection_id: int) -> Connection:
    """The connection as it is now."""
    async with store.write(connection_id) as tx:
        if (await fresh(tx, connection_id)).state != NOT_CONNECTED:
            await connections.update(
                tx,
                connection_id,
                state="paused",
                state_reason=_ENDING,
                state_fix="Run `interlock disconnect` again to go on, or sign in again to keep it.",
            )
        return await fresh(tx, connection_id)


async def _under_lease(
    store: Store,
    connection: Connection,
    open_clients: OpenClients,
    open_crms: OpenCrms,
    clock_us: Callable[[], int],
    files: Files,
    keep_package: bool,
    reason: str,
    progress: deploy.Progress,
    by: By,
) -> Disconnected:
    assert connection.id is not None
    state, why, components = "kept", None, []
    other = await shares_org(store, connection)
    if keep_package:
        why = "It was asked to be kept."
    elif other is not None:
        why = f"The connection {other} syncs with the same org and needs it."
    elif not await _signed_in(store, connection):
        why = "There is no sign-in to Salesforce any more to take it out with."
    else:
        # What a sync made after the files were written would be missing in them.
        links = await export.write(store, connection.salesforce_org_id, Path(files.links.path))
        files = Files(files.mappings, links)
        async with open_clients(connection) as clients:
            keeper = Keeper(store, connection.id)
            removed = await package.remove(store, clients.salesforce, keeper, links, clock_us, progress)
        components = removed.components
        state = "removed" if components else "absent"
    now = await _note_that_sign_ins_end(store, connection.id)
    async with open_crms() as crms:
        ended = await sign_offs.end_all(store, crms, connection.id)
        if (offered := now.settings.get(NEW_ORG)) is not None and offered["stage"] == "offered":
            # Of a sandbox that it was to go over to: no connection's yet.
            ended.append(await sign_offs.revoke(store, crms, offered["grant"]))
    not_ended = [NotEnded(each.side, each.why_not, each.fix or "") for each in ended if each.why_not is not None]
    not_ended += await _forget(store, connection, by, state, reason)
    users = [each.user for each in ended if each.why_not is None]
    return Disconnected(files, state, why, components, users, not_ended)


async def _signed_in(store: Store, connection: Connection) -> bool:
    async with store.read(connection.id) as tx:
        held = {name.removeprefix("sign_in.") for name in await secrets.names(tx)}
        granted = (await grants.in_use(tx)).get(Side.SALESFORCE.value)
    return granted is not None or not held.isdisjoint({"salesforce_token", "salesforce_client_id"})


async def _forget(store: Store, connection: Connection, by: By, package_state: str, reason: str) -> list[NotEnded]:
    """Everything that could sign in, and the state, in one transaction."""
    assert connection.id is not None
    left: list[NotEnded] = []
    async with store.write(connection.id) as tx:
        names = set(await secrets.names(tx))
        for side, name, fix in KEYS:
            if f"sign_in.{name}" in names:
                left.append(NotEnded(side, "It was made by a person in the CRM, and only there it can be ended.", fix))
        for side in Side:
            await sign_offs.drop_other_ways(tx, side)
        settings = (await fresh(tx, connection.id)).settings
        await connections.update(
            tx,
            connection.id,
            settings={name: value for name, value in settings.items() if name != NEW_ORG},
            state=NOT_CONNECTED,
            state_reason=f"A person has disconnected it: {reason}" if reason else "A person has disconnected it.",
            state_fix="Run `interlock connect`, or sign in again on the pages.",
        )
        await record(tx, by, "disconnected", f"connection:{connection.id}", package=package_state)
    return left
