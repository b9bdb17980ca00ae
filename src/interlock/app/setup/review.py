"""The last step: the settings in words, what a first sync would do, and what is to become of the records that exist.

The preview works behind the page on a copy of the connection and tells its counts as it goes on. It looks as *Link and create
missing* would, which is the most that can happen; the other choices do a part of that. It knows of properties that will only be
made at the finish. A preview of other choices than those that stand is stale, and so is one of more than an hour ago: records
come and go. It is begun anew.

However many processes serve the pages, one of them counts (owned_work.py); what it has counted so far stands in the store every few
seconds, where the others show it. One that somebody has begun anew since, with other choices, ends without a word.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from functools import partial
from typing import Any, Literal

import msgspec

from interlock.app import missing_labels, owned_work, preview, what_syncs
from interlock.app.background import failure_of
from interlock.app.connect import load_again
from interlock.app.errors import BadInput, Stale
from interlock.app.new_properties import with_properties
from interlock.app.people.visitor import By
from interlock.app.preview import Counting
from interlock.app.setup import (
    choices,
    connect,
    connecting,
    contacts,
    drift,
    migrate,
    opened,
    owners,
    pipelines,
    properties,
    state,
)
from interlock.app.setup.connecting import Found
from interlock.app.setup.draft import Draft, schemas_to_be
from interlock.app.setup.opened import Opened, task_name
from interlock.app.typed_count import is_typed
from interlock.core.model import LinkState
from interlock.engine.role_labels import NAME as ROLE_NAMES
from interlock.objects.registry import SPECS
from interlock.store import directory, erasures, links, setup_work, setups
from interlock.store.connections import Connection
from interlock.store.lease import Lease
from interlock.store.setups import Setup
from interlock.store.tx import WriteTx

slug = "review"
_PREVIEW = "preview"
Existing = Literal["none", "try", "link", "all"]
EXISTING: tuple[Existing, ...] = ("none", "try", "link", "all")
# More creates than this are confirmed by typing how many (interface, Review).
MANY_CREATES = 1_000
COUNTS_FOR_US = 3_600_000_000  # since it was complete; as long as what was read of the properties and fields


class Values(msgspec.Struct, frozen=True):
    existing: Existing = "none"
    finished: bool = False


class Seen(msgspec.Struct, frozen=True):
    """A preview as it is remembered. `of`: what it was made from; `id`: of this one, among others of the same."""

    state: Literal["running", "done", "failed"]
    of: str
    began_at_us: int
    document: dict[str, Any] = {}
    ended_at_us: int | None = None
    message: str = ""
    fix: str = ""
    id: str = ""

    @property
    def creates(self) -> int:
        return sum(
            each["create_in_hubspot"] + each["create_in_salesforce"]
            for each in self.document.get("objects", {}).values()
        )


def values_of(setup: Setup) -> Values:
    return state.kept(setup, slug, Values)


def applies(setup: Setup) -> bool:
    return True


def done(setup: Setup) -> bool:
    return values_of(setup).finished


def settings_of(setup: Setup, connection: Connection) -> dict[str, Any]:
    """What the steps say, of a connection that may have been set otherwise before."""
    return {
        **choices.settings_of(setup, connection),
        **owners.settings_of(setup, connection),
        **migrate.settings_of(setup),
    }


def fingerprint(setup: Setup, found: Found) -> str:
    """Of all that a preview goes by: choices, and what the mapped properties and fields look like."""
    draft = properties.draft_of(setup, found)
    return _print_of(
        # Two accounts may have the same properties, and are not the same preview.
        connect.accounts_of(setup),
        _what_syncs(setup, found.connection),
        migrate.settings_of(setup),
        draft.document().model_dump(mode="json"),
        [name for name, _ in draft.new_properties()],
        drift.pairs_of(found.schemas, draft),
        pipelines.told(pipelines.parts_of(setup, found)),
        owners.told(setup, found),
        choices.labels_of(setup, draft.objects),
    )


def _what_syncs(setup: Setup, connection: Connection) -> list[what_syncs.WhatSyncs]:
    """The same whether a choice is written out or is as where nobody chose, and before and after it is laid over the connection."""
    settings = {**connection.settings, **settings_of(setup, connection), "pipelines": {}}
    to_be = msgspec.structs.replace(connection, settings=settings)
    return [what_syncs.chosen(to_be, slug) for slug in SPECS]


def chosen(setup: Setup) -> str:
    """Of all that people have chosen on the way to the review; what the CRMs have of it is drift's to watch."""
    pairs = owners.values_of(setup)
    return _print_of(
        connect.accounts_of(setup),
        {**contacts.settings_of(setup), **migrate.settings_of(setup)},
        properties.choices_of(setup),
        pipelines.values_of(setup),
        choices.values_of(setup) if choices.applies(setup) else None,
        # A trial may wait since before there was such a step.
        *([] if pairs == owners.Values() else [pairs]),
    )


def _print_of(*what: Any) -> str:
    return hashlib.sha256(msgspec.json.encode(what)).hexdigest()


def check_same(what: Seen, shown: str) -> None:
    """`shown`: what the preview was made from that the person has seen. Raises Stale where that is another by now."""
    if what.of != shown:
        raise Stale(
            "What would be synced is not what this page has shown: somebody has changed a step meanwhile, or a field or property"
            " in a CRM. Nothing was begun.",
            fix="Look at the review again, then finish.",
        )


async def seen(interlock: Opened, by: By, setup: Setup, found: Found, *, again: bool = False) -> Seen:
    """The preview of what stands, begun where there is none that counts; `again`: anew. Raises BadInput, StoreError."""
    draft = properties.draft_of(setup, found)
    of, name = fingerprint(setup, found), task_name(setup.id, _PREVIEW)
    interlock.background.raise_defect(name)
    kept = await counted(interlock, setup.id)
    if kept is not None and kept.of == of and not again:
        return kept
    await interlock.background.cancel(name)
    begun = Seen("running", of, interlock.clock_us(), id=secrets.token_hex(8))
    async with interlock.store.write(None) as tx:
        await setups.lock(tx, setup.id)
        await setup_work.put(tx, setup.id, _PREVIEW, msgspec.to_builtins(begun))
    _start(interlock, setup, found, draft, begun)
    return begun


async def counted(interlock: Opened, setup_id: int) -> Seen | None:
    """The preview as far as it is, of whatever choices, some seconds old where another process counts; asks no CRM. None: there is
    none, it is too old, or its process died."""
    name = task_name(setup_id, _PREVIEW)
    kept = await opened.load(interlock.store, setup_id, _PREVIEW, Seen)
    if kept is None:
        return None
    if kept.state != "running":
        return kept if interlock.clock_us() - (kept.ended_at_us or 0) <= COUNTS_FOR_US else None
    if not await owned_work.runs(interlock, name):
        return None
    return _reached(interlock, name, kept)


def _reached(interlock: Opened, name: str, begun: Seen) -> Seen:
    """With what this process has counted of it by now, if it does."""
    told: tuple[str, Counting] | None = interlock.background.told(name)
    if told is None or told[0] != begun.id:
        return begun
    return msgspec.structs.replace(begun, document=preview.as_document(told[1].so_far()))


async def whole(interlock: Opened, setup_id: int) -> dict[str, dict[str, int]] | None:
    """What a complete preview has counted, by object."""
    kept = await counted(interlock, setup_id)
    return kept.document["objects"] if kept is not None and kept.state == "done" else None


async def pairs_of(interlock: Opened, found: Found) -> int:
    """Linked already: by a sync before it was disconnected, or by a trial."""
    async with interlock.store.read(found.connection.id) as tx:
        counts = (await links.counts(tx)).values()
    return sum(states.get(LinkState.LINKED.value, 0) for states in counts)


async def forget(interlock: Opened, setup_id: int) -> None:
    """What was counted is not so any more, or is of no use. Whichever process counts ends."""
    await interlock.background.cancel(task_name(setup_id, _PREVIEW))
    async with interlock.store.write(None) as tx:
        await setups.lock(tx, setup_id)
        await setup_work.drop(tx, setup_id, _PREVIEW)


async def wait(interlock: Opened, setup_id: int) -> None:
    await interlock.background.wait(task_name(setup_id, _PREVIEW))


def _start(interlock: Opened, setup: Setup, found: Found, draft: Draft, begun: Seen) -> None:
    async def load() -> Seen | None:
        kept = await opened.load(interlock.store, setup.id, _PREVIEW, Seen)
        # Another one is whoever's who has begun it.
        return kept if kept is not None and kept.id == begun.id else None

    async def work(_: Seen, lease: Lease) -> None:
        await _preview(interlock, setup, found, draft, begun, lease)

    owned_work.carry_on(interlock, task_name(setup.id, _PREVIEW), load, work)


async def _preview(interlock: Opened, setup: Setup, found: Found, draft: Draft, begun: Seen, lease: Lease) -> None:
    name, task = task_name(setup.id, _PREVIEW), asyncio.current_task()
    assert task is not None

    async def keep(now: Seen) -> None:
        if not await _keep(interlock, setup.id, found.connection.id, now, lease):
            task.cancel()

    try:
        async with owned_work.shared(lambda: _reached(interlock, name, begun), keep):
            document = await _document(interlock, setup, found, draft, begun)
        ended = msgspec.structs.replace(begun, state="done", document=document)
    except Exception as error:  # noqa: BLE001  (what nobody remembers would be begun anew by every look)
        failure = failure_of(error)
        ended = msgspec.structs.replace(begun, state="failed", message=failure.message, fix=failure.fix)
    ended = msgspec.structs.replace(ended, ended_at_us=interlock.clock_us())
    await owned_work.at_last(lambda: _keep(interlock, setup.id, found.connection.id, ended, lease))


async def _keep(interlock: Opened, setup_id: int, connection_id: int | None, now: Seen, lease: Lease) -> bool:
    """Whether it is still wanted: nobody has begun another meanwhile, or forgotten it. One that may have read a person before they
    were erased is forgotten. Raises Fenced."""
    async with interlock.store.write(connection_id, lease) as tx:
        await setups.lock(tx, setup_id)
        kept = await setup_work.get(tx, setup_id, _PREVIEW)
        if kept is None or kept.get("id") != now.id:
            return False
        if now.began_at_us <= (await erasures.newest_us(tx) or -1):
            await setup_work.drop(tx, setup_id, _PREVIEW)
            return False
        await setup_work.put(tx, setup_id, _PREVIEW, msgspec.to_builtins(now))
    return True


async def _document(interlock: Opened, setup: Setup, found: Found, draft: Draft, begun: Seen) -> dict[str, Any]:
    """Raises AppError, CrmError."""
    name = task_name(setup.id, _PREVIEW)

    def watch(counting: Counting) -> None:
        interlock.background.tell(name, (begun.id, counting))

    settings = settings_of(setup, found.connection)
    connection = await connecting.lay_over(interlock, found.connection, draft, found.schemas, settings)
    there, in_pipelines = pipelines.to_be(found, pipelines.parts_of(setup, found))
    # What exists is looked at as the widest choice would; on a copy, like all of this.
    connection.settings = {**connection.settings, "existing": "all", **pipelines.settings_of(in_pipelines)}
    schemas = with_properties(schemas_to_be(found.schemas, draft), choices.to_make(setup, found))
    schemas = msgspec.structs.replace(schemas, pipelines=there)
    labels = choices.labels_of(setup, draft.objects)
    async with interlock.clients(connection) as clients:
        names = await missing_labels.names_to_be(labels, clients.hubspot, clients.salesforce) if labels else None
        counts = await preview.plan(
            interlock.store,
            connection,
            clients.hubspot,
            clients.salesforce,
            interlock.clock_us,
            only=draft.objects,
            schemas=schemas,
            prepare=partial(_as_begun, names),
            watch=watch,
        )
    return preview.as_document(counts)


async def _as_begun(names: dict[str, Any] | None, tx: WriteTx) -> None:
    """`names`: of roles and labels, where the finish makes some."""
    # One that was disconnected may have been loaded before: the finish has what exists looked at once more.
    await load_again(tx, existing="all")
    if names is not None:
        await directory.put(tx, ROLE_NAMES, names)


async def confirm(interlock: Opened, by: By, setup: Setup, values: Values, shown: str, typed: str) -> tuple[str, Found]:
    """Before a finish: both sides' schemas are read now, and what the page has shown (`shown`) has to be what stands. `typed`: how
    many creates. The choices that were confirmed, and what was read. Raises Stale, BadInput, CrmError."""
    found = await connecting.found_anew(interlock, by, setup)
    pipelines.check_there(setup, found)
    what = await seen(interlock, by, setup, found)
    check_same(what, shown)
    check_count(values, what, typed)
    await drift.remember(interlock, setup, found)
    return chosen(setup), found


async def confirm_rest(interlock: Opened, by: By, setup: Setup, typed: str) -> None:
    """Before *Continue* after a trial, which links and creates like *Link and create missing*. Raises BadInput, CrmError."""
    found = await connecting.found(interlock, by, setup)
    what = await seen(interlock, by, setup, found)
    if what.state == "failed":
        what = await seen(interlock, by, setup, found, again=True)
    check_count(Values("all"), what, typed)


def check_count(values: Values, what: Seen, typed: str) -> None:
    """More than a thousand creates are typed out. Raises BadInput, also before the count is whole."""
    if values.existing != "all":
        return
    if what.state != "done":
        raise BadInput(
            "How many records this would create is not known yet.",
            code="preview_running",
            field="existing",
            fix="Wait until the count is complete (one of more than an hour ago is made again), or choose Only what changes from"
            " now on.",
        )
    if what.creates > MANY_CREATES and not is_typed(typed, what.creates):
        raise BadInput(
            f"{what.creates:,} records would be created.",
            code="count_not_typed",
            field="count",
            fix=f"Type {what.creates} to confirm.",
        )
