"""Erasing a person on somebody's order: Interlock forgets what it remembers of them, and does not make them again from either side.

What the two CRMs hold is theirs to erase; `everywhere` does it for the pair: for ever in HubSpot (its GDPR delete), and into the
recycle bin of Salesforce. That comes first, so that an interruption leaves a pair with which the same command can go on. A record
that was merged away or converted is refused under its old id: HubSpot would erase whoever it lives on as, Salesforce nobody. Of
whoever it lives on as, what was remembered under the older ids goes too. Other records of theirs are named, not deleted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from interlock.app.errors import AppError, BadInput, Missing
from interlock.app.keys import object_of
from interlock.app.once import owner_name
from interlock.app.people.log import record
from interlock.app.people.visitor import BY_COMMAND, By
from interlock.app.serve import Clients, OpenClients
from interlock.app.turns import WAIT_S, when_free
from interlock.core.model import LinkState, Observation, Outcome, RecordKey, Refused, Side, Written
from interlock.crm.errors import NAMES
from interlock.engine.erasing import addresses
from interlock.engine.fetch import MERGED_IDS, merged_ids
from interlock.engine.ownership import own
from interlock.objects.registry import SPECS
from interlock.store import Store, dirty, erasures, links
from interlock.store.connections import Connection
from interlock.store.known_as import Known, known_as
from interlock.store.lease import Lease

Json = dict[str, Any]
_PERSONS = "contacts"


class Remembered(msgspec.Struct, frozen=True):
    """What is known of a person. `audit` and `issues`: rows that hold values. `others`: records that are still there, and were
    merged or linked with theirs or bear one of their addresses; None: nobody asked the CRMs."""

    hubspot: RecordKey | None
    salesforce: RecordKey | None
    linked: bool
    audit: int
    issues: int
    others: tuple[RecordKey, ...] | None = None

    def records(self) -> list[RecordKey]:
        return [key for key in (self.hubspot, self.salesforce) if key is not None]

    def document(self, *, everywhere: bool, plan: bool) -> Json:
        return {
            "planned": plan,
            "hubspot": str(self.hubspot) if self.hubspot is not None else None,
            "salesforce": str(self.salesforce) if self.salesforce is not None else None,
            "linked": self.linked,
            "history_rows": self.audit,
            "issues": self.issues,
            "everywhere": everywhere,
            "others": None if self.others is None else [str(key) for key in self.others],
        }


class NotDeleted(AppError):
    code = "not_deleted"


class LivesOn(AppError):
    code = "lives_on"

    def __init__(self, key: RecordKey, successor: RecordKey) -> None:
        super().__init__(
            f"{key} was merged or converted and lives on as {successor}. Nothing was deleted, and nothing forgotten.",
            side=key.side.value,
            record=str(key),
            fix=f"Run `interlock sync`, so that the pair follows. Then look at {successor} and erase that, if it is the person.",
        )


async def look(store: Store, connection: Connection, key: RecordKey) -> Remembered:
    """Calls no CRM. Raises BadInput."""
    return (await _look(store, connection, key))[0]


async def _look(
    store: Store, connection: Connection, key: RecordKey, merged: Sequence[RecordKey] = ()
) -> tuple[Remembered, Known]:
    """`merged`: records that a CRM says were merged into it."""
    if object_of(key) != _PERSONS:
        raise BadInput(
            f"{key} is no person.",
            code="not_a_person",
            record=str(key),
            fix="Contacts and leads are erased, nothing else.",
        )
    async with store.read(connection.id) as tx:
        find = links.by_hubspot if key.side is Side.HUBSPOT else links.by_salesforce
        link = (await find(tx, _PERSONS, [key.id])).get(key.id)
        keys = {key.side: key} if link is None else {side: link.key(side) for side in Side}
        known = await known_as(tx, _PERSONS, [*keys.values(), *merged])
        counted = await erasures.remembered(tx, _PERSONS, known.keys)
    hubspot, salesforce = keys.get(Side.HUBSPOT), keys.get(Side.SALESFORCE)
    return Remembered(hubspot, salesforce, link is not None, counted["audit"], counted["issue"]), known


async def erase(
    store: Store,
    connection: Connection,
    open_clients: OpenClients,
    clock_us: Callable[[], int],
    key: RecordKey,
    *,
    everywhere: bool = False,
    by: By = BY_COMMAND,
    wait_s: float = WAIT_S,
) -> Remembered:
    """What there was. Both records are read, for their addresses. Raises BadInput, Missing, LivesOn, NotDeleted, CrmError,
    HeldByOther."""
    if connection.state == "not_connected" and not everywhere:
        # There is nobody left to ask for their addresses: they are recognised by the keys of their records alone.
        async def forget() -> Remembered:
            async with own(store, connection.salesforce_org_id, owner_name(), clock_us) as ownership:
                found, known = await _look(store, connection, key)
                await _forget(store, connection, known, [], by, ownership.lease)
                return found

        return await when_free(forget, clock_us, wait_s)
    async with open_clients(connection) as clients:

        async def attempt() -> Remembered:
            async with own(store, connection.salesforce_org_id, owner_name(), clock_us) as ownership:
                found, _ = await _look(store, connection, key)
                seen = await _read(clients, found)
                await _check_living(clients, found)
                found, known = await _look(store, connection, key, _merged(seen))
                mails = addresses(SPECS[_PERSONS], seen)
                # Both before the delete: whoever tries again after a failure finds no record any more that tells them.
                others = await _living(clients, found, known, mails)
                if everywhere:
                    async with store.write(connection.id, ownership.lease) as tx:
                        await erasures.put(tx, mails)
                    await _delete(clients, found)
                await _forget(store, connection, known, mails, by, ownership.lease, others)
                return msgspec.structs.replace(found, others=others)

        return await when_free(attempt, clock_us, wait_s)


async def _read(clients: Clients, found: Remembered) -> list[Observation]:
    """The records, for what they are recognised by. Raises Missing where neither CRM nor we know the record."""
    seen: list[Observation] = []
    if found.hubspot is not None:
        names = ["email", "hs_additional_emails", MERGED_IDS]
        for archived in (False, True):
            read = await clients.hubspot.read(_PERSONS, [found.hubspot.id], names, archived=archived, purpose="fetch")
            seen += read.values()
    if found.salesforce is not None:
        read = await clients.salesforce.retrieve(
            found.salesforce.type, [found.salesforce.id], ["Id", "Email"], purpose="fetch"
        )
        seen += read.values()
    keys = found.records()
    if not seen and not found.linked and not found.audit:
        raise Missing(
            f"{keys[0]} was not found in either CRM, and nothing is remembered of it.",
            code="no_such_record",
            record=str(keys[0]),
            fix="`interlock find TEXT` looks for a name, an e-mail or an id.",
        )
    return seen


def _merged(seen: list[Observation]) -> list[RecordKey]:
    return [
        RecordKey(Side.HUBSPOT, _PERSONS, id_)
        for each in seen
        if each.key.side is Side.HUBSPOT
        for id_ in merged_ids(each)
    ]


async def _living(clients: Clients, found: Remembered, known: Known, mails: list[str]) -> tuple[RecordKey, ...]:
    """Other records of theirs that a CRM still has, and those that bear one of their addresses."""
    others = [key for key in known.keys if key not in found.records()]
    living: list[RecordKey] = []
    ids = [key.id for key in others if key.side is Side.HUBSPOT]
    if ids:
        living += [seen.key for seen in (await clients.hubspot.read(_PERSONS, ids, [], purpose="fetch")).values()]
    for type_ in ("Contact", "Lead"):
        ids = [key.id for key in others if key.type == type_]
        if ids:
            read = await clients.salesforce.retrieve(type_, ids, ["Id"], purpose="fetch")
            living += [seen.key for seen in read.values()]
    addressed = [mail.removeprefix("email:") for mail in mails]
    if addressed:
        here = await clients.hubspot.read(_PERSONS, addressed, [], id_property="email", purpose="match")
        living += [seen.key for seen in here.values()]
        for type_ in ("Contact", "Lead"):
            there = await clients.salesforce.query_where_in(type_, ["Id"], {"Email": addressed}, purpose="match")
            living += [seen.key for seen in there]
    return tuple(key for key in dict.fromkeys(living) if key not in found.records())


async def _check_living(clients: Clients, found: Remembered) -> None:
    """Raises LivesOn."""
    if found.hubspot is not None:
        # The id of a merged-away record answers with its survivor (HubSpot CRM API, merge).
        seen = await clients.hubspot.read_by_id(_PERSONS, found.hubspot.id, [], purpose="fetch")
        if seen is not None and seen.key.id != found.hubspot.id:
            raise LivesOn(found.hubspot, seen.key)
    if found.salesforce is not None:
        key = found.salesforce
        names = ["Id", "MasterRecordId", *(["ConvertedContactId"] if key.type == "Lead" else [])]
        for row in await clients.salesforce.query_by_ids(key.type, [key.id], names, True, purpose="fetch"):
            if row["MasterRecordId"]:
                raise LivesOn(key, RecordKey(Side.SALESFORCE, key.type, str(row["MasterRecordId"])))
            if row.get("ConvertedContactId"):
                raise LivesOn(key, RecordKey(Side.SALESFORCE, "Contact", str(row["ConvertedContactId"])))


async def _delete(clients: Clients, found: Remembered) -> None:
    """Raises NotDeleted."""
    if found.hubspot is not None:
        _check(Side.HUBSPOT, found.hubspot, await clients.hubspot.erase_contact(found.hubspot.id, purpose="write"))
    if found.salesforce is not None:
        key = found.salesforce
        outcomes = await clients.salesforce.delete_made(key.type, [key.id], purpose="write")
        _check(Side.SALESFORCE, key, outcomes[key.id])


def _check(side: Side, key: RecordKey, outcome: Outcome) -> None:
    if isinstance(outcome, Written) or (isinstance(outcome, Refused) and outcome.gone):
        return
    why = outcome.message if isinstance(outcome, Refused) else outcome.why
    raise NotDeleted(
        f"{NAMES[side]} did not delete {key}: {why}. Nothing was forgotten here.",
        side=side.value,
        record=str(key),
        fix="Correct what it says and run the same command again, or leave --everywhere out and delete it there by hand.",
    )


async def _forget(
    store: Store,
    connection: Connection,
    known: Known,
    mails: list[str],
    by: By,
    lease: Lease,
    others: Sequence[RecordKey] = (),
) -> None:
    async with store.write(connection.id, lease) as tx:
        await erasures.put(tx, [*map(str, known.keys), *mails])
        await links.set_state(tx, known.link_ids, LinkState.UNLINKED)
        await erasures.clear(tx, _PERSONS, known.keys, known.link_ids)
        await erasures.forget_labels(tx, _PERSONS, others)
        await dirty.clear(tx, known.keys, await dirty.horizon(tx))
        await record(tx, by, "erased", f"connection:{connection.id}")
