"""The census of a first load: who in HubSpot could be found by a record of Salesforce, noted while HubSpot is read anyway.

The load looks at HubSpot first. What it then finds in Salesforce without counterpart is mostly not in HubSpot at all, and to hear
that of HubSpot takes two calls for a hundred of them, one by address and one by our id. The census knows it: a record whose address
nobody there has, and that nobody there names, is not asked after. Of all others HubSpot is asked as always, and its answer decides:
a census links nothing. One that is behind leaves out a question that is put from the other side when detection finds who came, or
after HubSpot has refused to make a second contact of one address (record.py).

Small loads note in memory alone, which is lost with the process, after which all are asked after. In the store addresses stand as
fingerprints, until the load is through.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import msgspec

from interlock.core.model import Observation, Raw, Reason, SyncRule
from interlock.engine.addresses import PROPERTIES, addresses_of
from interlock.engine.candidates import own_seen
from interlock.engine.context import HUBSPOT_ID_PROPERTY, Cycle, ObjectRuntime
from interlock.engine.work import Work
from interlock.store import Tx, census, cursors
from interlock.store.identity import Entry

_ADDRESS, _NAMES = "email", "names"
_IN_STORE = {"census": True}
_FROM_HUBSPOT_ALONE = (SyncRule.DONT_SYNC, SyncRule.ALWAYS_HUBSPOT)
_OF_THE_LOAD = (Reason.EXISTING, Reason.EXISTING_LINK_ONLY)


class Census(msgspec.Struct):
    """`stored`: it stands in the store, and `held` is empty. `rows`: records that were read for it in this process."""

    stored: bool
    held: list[Entry] = []
    rows: int = 0

    @property
    def place(self) -> Mapping[str, object]:
        """What the load keeps with its place, to go on with it after an interruption."""
        return _IN_STORE if self.stored else {}


def begin(runtime: ObjectRuntime, state: Mapping[str, object]) -> Census | None:
    """To begin or go on with, by the place of the load; None where records were read of which nothing is noted."""
    # What HubSpot does not show us, it may still find a record by.
    needed = {HUBSPOT_ID_PROPERTY} | (PROPERTIES if "email" in runtime.spec.identity else set())
    if not needed <= set(runtime.hubspot_properties):
        return None
    if state.get("census"):
        return Census(stored=True)
    return Census(stored=False) if state["phase"] == "hubspot" and state["after"] is None else None


async def note(
    ctx: Cycle,
    runtime: ObjectRuntime,
    counted: Census,
    rows: Sequence[Observation],
    name: str,
    state: Mapping[str, object],
) -> None:
    """Before the load moves on from `state`, under which cursor `name` it stands: rows that were noted twice are noted once."""
    entries = _entries(runtime, rows)
    counted.rows += len(rows)
    if counted.stored:
        async with ctx.store.write(ctx.connection_id, ctx.lease) as tx:
            await census.note(tx, runtime.slug, entries)
    else:
        counted.held += entries
        if counted.rows > ctx.settings.census_rows:
            await keep(ctx, runtime, counted, name, state)


async def keep(ctx: Cycle, runtime: ObjectRuntime, counted: Census, name: str, state: Mapping[str, object]) -> None:
    """They are many: put what is held into the store. In one transaction with the word that it is there."""
    await forget(ctx, runtime)
    async with ctx.store.write(ctx.connection_id, ctx.lease) as tx:
        await census.note(tx, runtime.slug, counted.held)
        await cursors.set(tx, name, {**state, **_IN_STORE})
    counted.stored, counted.held = True, []


async def forget(ctx: Cycle, runtime: ObjectRuntime) -> None:
    more = True
    while more:
        async with ctx.store.write(ctx.connection_id, ctx.lease) as tx:
            more = await census.forget_page(tx, runtime.slug)


def _entries(runtime: ObjectRuntime, rows: Sequence[Observation]) -> list[Entry]:
    return [
        entry
        for row in rows
        for entry in entries_of(row.key.id, addresses_of(runtime, row), row.values.get(HUBSPOT_ID_PROPERTY))
    ]


def entries_of(hubspot_id: str, addresses: Sequence[str], names: Raw) -> list[Entry]:
    """`names`: the Salesforce id that the record holds."""
    entries = [(_ADDRESS, _fingerprint(address), hubspot_id) for address in addresses]
    return [*entries, (_NAMES, _short(str(names)), hubspot_id)] if names else entries


def _fingerprint(address: str) -> str:
    return hashlib.blake2b(address.encode("utf-8", "replace"), digest_size=12).hexdigest()


def _short(salesforce_id: str) -> str:
    """Both forms of an id begin alike."""
    return salesforce_id.strip()[:15]


async def who_has(tx: Tx, object: str, addresses: Sequence[str]) -> dict[str, list[str]]:
    """{address: the ids of all in HubSpot that have it}; one that nobody has is missing."""
    by_print = {_fingerprint(address): address for address in addresses}
    found = await census.find(tx, object, _ADDRESS, list(by_print))
    return {by_print[key]: ids for key, ids in found.items()}


async def may_be_there(ctx: Cycle, runtime: ObjectRuntime, works: list[Work]) -> list[Work]:
    """Those records of Salesforce that HubSpot is to be asked after: all but those of which a whole census knows nobody."""
    if ctx.census != runtime.slug or not works:
        return works
    addresses = {id(work): addresses_of(runtime, own_seen(work)) for work in works}
    async with ctx.store.read(ctx.connection_id) as tx:
        had = await who_has(tx, runtime.slug, [address for of_one in addresses.values() for address in of_one])
        named = await census.find(tx, runtime.slug, _NAMES, [_short(own_seen(work).key.id) for work in works])
    return [
        work
        for work in works
        if not _is_looked_at_first(work)
        or _would_be_made_twice(work, addresses[id(work)])
        or _short(own_seen(work).key.id) in named
        or any(address in had for address in addresses[id(work)])
    ]


def _is_looked_at_first(work: Work) -> bool:
    """By the load, for the first time. If what was made of it was refused, since somebody had come meanwhile, all is asked."""
    return work.reason in _OF_THE_LOAD and not work.intents and not any(each.attempts for each in work.dirty)


def _would_be_made_twice(work: Work, addresses: Sequence[str]) -> bool:
    """Somebody may have come, or have been made by a process whose store is lost. HubSpot refuses a second contact of one address;
    of one that is made with none it has to be asked."""
    return work.reason is Reason.EXISTING and not (addresses and _takes_its_address_along(work))


def _takes_its_address_along(work: Work) -> bool:
    mapping = work.runtime.mapping_for(own_seen(work).key.type)
    return any(each.property == "email" and each.effective_rule not in _FROM_HUBSPOT_ALONE for each in mapping.fields)
