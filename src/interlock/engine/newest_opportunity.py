"""What the newest opportunity of a contact says, shown in properties of its HubSpot contact, where a person chose that.

The values are put beside those of the Salesforce contact as if they were its own, and the mappings of
app/opportunity_choice.py carry them over like any other that Salesforce alone decides: with a base, and taken away when the last
opportunity goes. Newest is the one that was created last, of those in which the contact has a role; whether it is open and whether
opportunities sync plays no part. Neither a role nor an opportunity is a value of its contact, so what comes to be said of them is
looked for beside the contacts, roles that were taken away included.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from interlock.core.mapping import FieldMapping
from interlock.core.model import LinkState, Observation, Reason, RecordLink, Side
from interlock.core.reconcile import print_of
from interlock.core.values import Ref, fingerprint
from interlock.crm.errors import CallRefused, Forbidden
from interlock.crm.salesforce.requests import to_us
from interlock.engine import role_rows
from interlock.engine.context import Cycle, ObjectRuntime
from interlock.engine.role_rows import Row, Watched
from interlock.engine.work import Work
from interlock.store import WriteTx, dirty, links

# What is shown, in the order of the properties that show it.
FIELDS = ("Opportunity.Name", "Opportunity.StageName", "Opportunity.Amount", "Opportunity.CloseDate")
# Among the sets of a pair: which one is shown, (when it was created, who it is), empty where none is any more; and which roles in
# it were taken away, of which another is left.
SHOWN, TAKEN = "newest_opportunity", "newest_opportunity_taken"
# The code of the issue.
NOT_READABLE = "opportunities_not_readable"
_CREATED, _DELETED, _TYPE = "Opportunity.CreatedDate", "IsDeleted", "Contact"
_KEYS = ("Id", "ContactId", "OpportunityId", _CREATED)


async def notice_opportunities(ctx: Cycle, runtime: ObjectRuntime, look_back: bool) -> int:
    """Make due whose newest opportunity may say something else by now; how many. One call more a poll."""

    async def mark(tx: WriteTx, rows: list[Row]) -> int:
        return await _mark(ctx, tx, runtime, rows)

    watched = Watched(
        "newest_opportunity",
        (*_KEYS, _DELETED, *runtime.newest_opportunity),
        NOT_READABLE,
        "Salesforce does not show opportunities to the sync user, so no contact shows what its newest one says: {refused}",
        deleted=True,
    )
    return await role_rows.notice(ctx, runtime, watched, look_back, mark)


async def _mark(ctx: Cycle, tx: WriteTx, runtime: ObjectRuntime, rows: Sequence[Row]) -> int:
    by_contact: dict[str, list[Row]] = {}
    for row in rows:
        if row.get("ContactId"):
            by_contact.setdefault(str(row["ContactId"]), []).append(row)
    linked = await links.by_salesforce(tx, runtime.slug, list(by_contact)) if by_contact else {}
    fields = [each for each in runtime.mapping_for(_TYPE).fields if each.field in runtime.newest_opportunity]
    due = [
        link.salesforce
        for id_, link in linked.items()
        if link.state is LinkState.LINKED and any(_is_news(fields, link, row) for row in by_contact[id_])
    ]
    if due:
        await dirty.mark(tx, runtime.slug, due, Reason.CHANGED, ctx.clock_us())
    for key in due:
        ctx.fresh.pop(key, None)
    return len(due)


def _is_news(fields: Iterable[FieldMapping], link: RecordLink, row: Row) -> bool:
    """Of one that is taken away, whether it is the one that is shown; of any other, whether it is newer than that one, or is it and
    says otherwise."""
    shown, this = link.sets.get(SHOWN, []), _mark_of(row)
    if row.get(_DELETED):
        # Of one that was purged since, nothing but its id may be told.
        return bool(shown) and shown[1:] == this[1:] and _print_of(row) not in link.sets.get(TAKEN, ())
    if not shown or shown != this:
        return not shown or this > shown
    return not all(_is_known(field, link, row) for field in fields)


def _is_known(field: FieldMapping, link: RecordLink, row: Row) -> bool:
    """Carried over, or refused as it is."""
    known = link.held.get(field.id) or link.base.get(field.id)
    return known is not None and print_of(field, Side.SALESFORCE, row) == known[1]


def _print_of(row: Row) -> int:
    return fingerprint(Ref("role", str(row["Id"])))


def _mark_of(row: Row) -> list[int]:
    """Of two the newer one's is greater."""
    created = row.get(_CREATED)
    return [to_us(str(created)) if created else 0, fingerprint(Ref("opportunity", str(row["OpportunityId"])))]


async def read_opportunities(ctx: Cycle, runtime: ObjectRuntime, works: Iterable[Work]) -> None:
    """Put what the newest one says beside the values of each contact; nothing, where it has none. What cannot be read is no value
    either: then all stays as it is, and detection says why."""
    read = {
        work.salesforce.key.id: work for work in works if _is_contact(work) and isinstance(work.salesforce, Observation)
    }
    if not read:
        return
    try:
        fields = (*_KEYS, _DELETED, *runtime.newest_opportunity)
        rows = await role_rows.of_contacts(ctx, list(read), fields, include_deleted=True)
    except (CallRefused, Forbidden):
        return
    by_contact: dict[str, list[Row]] = {}
    for row in sorted(rows, key=_mark_of):
        by_contact.setdefault(str(row["ContactId"]), []).append(row)
    for id_, work in read.items():
        _put_beside(runtime, work, by_contact.get(id_, []))


def _put_beside(runtime: ObjectRuntime, work: Work, rows: Sequence[Row]) -> None:
    """`rows`: its roles, those in newer opportunities last."""
    newest = next((row for row in reversed(rows) if not row.get(_DELETED)), None)
    contact, before = work.salesforce, {} if work.link is None else work.link.sets
    assert isinstance(contact, Observation)
    says = {name: newest.get(name) if newest else None for name in runtime.newest_opportunity}
    work.salesforce = msgspec.structs.replace(contact, values={**contact.values, **says})
    shown = _mark_of(newest) if newest else []
    taken = sorted(_print_of(row) for row in rows if row.get(_DELETED) and _mark_of(row) == shown)
    now = {SHOWN: shown, TAKEN: taken}
    work.sets = {**work.sets, **{name: members for name, members in now.items() if members or name in before}}


def _is_contact(work: Work) -> bool:
    there = work.salesforce
    return isinstance(there, Observation) and there.key.type == _TYPE and work.included is True
