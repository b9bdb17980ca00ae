"""The roles of an opportunity's contacts and the labels of a deal's contacts, where a person chose to keep them in step.

A role and a label are the same if they are called the same. For each role those who have it are a set of their own, merged as the
members of the deal are: who was given it on one side gets it on the other, who lost it loses it. A label that is no role is
nobody's concern; a role that no label is called by is an issue, since it cannot be carried over. What is written is idempotent but
for rows that are added, which are added as those of the members themselves are (roles.py).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

import msgspec

from interlock.core.model import AuditKind, AuditRow, Issue, Outcome, Reason, RecordLink, Refused, Side, Written
from interlock.core.reconcile import merge_set
from interlock.crm.hubspot.model import AssociationLabel
from interlock.crm.salesforce.model import FieldDef, SalesforceWrite
from interlock.engine.context import Cycle
from interlock.engine.decide import field_issue
from interlock.engine.not_associated import for_good, note_refused
from interlock.engine.work import RoleChange, SetChange, Type, Work
from interlock.objects.choices import BOTH, ROLE_LABELS
from interlock.store import directory

JUNCTION = "OpportunityContactRole"
PREFIX = "role:"  # of the name of the set of those who have a role
ROLE_WITHOUT_LABEL = "role_without_label"
# As the schemas (app/schemas.py): two calls in so long.
MAX_AGE_US = 6 * 3_600_000_000
# Of one pair of objects (HubSpot, associations API).
MOST_LABELS = 10
OWN = "USER_DEFINED"
NAME = "role_labels"

Roles = Mapping[str, str | None]  # id of a row -> its role


class Names(msgspec.Struct, frozen=True):
    """`labels`: role -> the label that is called the same. `all`: every label that a contact of a deal may have; `plain`: the ids
    of what is no label."""

    labels: dict[str, Type]
    all: list[Type]
    plain: list[int] = []

    @property
    def full(self) -> bool:
        return sum(category == OWN for category, _ in self.all) >= MOST_LABELS

    def knows(self, type_ids: Iterable[int]) -> bool:
        return set(type_ids) <= {*self.plain, *(id_ for _, id_ in self.all)}


async def role_names(ctx: Cycle, works: Iterable[Work], type_ids: Collection[int]) -> Names | None:
    """None: roles are not synced, or the sync user may not read and write them. Read anew for whoever asked for one of these: they
    may have made the label that was missing. And for a type that was made since, among `type_ids`, those that contacts have: a
    label that is not known would be taken away with the next one that is written."""
    if ctx.settings.chosen(ROLE_LABELS, "deals") != BOTH:
        return None
    async with ctx.store.read(ctx.connection_id) as tx:
        kept = await directory.get(tx, NAME, MAX_AGE_US)
    known = None if kept is None else msgspec.convert(kept["names"], Names | None)
    asked = any(work.reason is Reason.RESYNC for work in works)
    if kept is not None and not asked and (known is None or known.knows(type_ids)):
        return known
    fields = await ctx.salesforce.describe(JUNCTION, purpose="setup")
    labels = await ctx.hubspot.association_labels("deals", "contacts", purpose="setup")
    # What HubSpot does not name among its labels is none either, and is not asked about again.
    names = names_of(fields, labels, {*type_ids, *(known.plain if known else ())})
    async with ctx.store.write(ctx.connection_id, ctx.lease) as tx:
        await directory.put(tx, NAME, {"names": msgspec.to_builtins(names)})
    return names


def names_of(
    fields: Iterable[FieldDef], labels: Collection[AssociationLabel], plain: Collection[int] = ()
) -> Names | None:
    """Of what both sides say of themselves; None: as `role_names`. `plain`: ids that are no label as far as is known. Pure."""
    role = next((each for each in fields if each.name == "Role" and each.createable and each.updateable), None)
    if role is None:
        return None
    values = {value.casefold(): value for value, _ in role.picklist_values}
    own = [each for each in labels if each.label]
    pairs = {values[each.label.casefold()]: each.type for each in own if each.label and each.label.casefold() in values}
    no_label = {*plain, *(each.type[1] for each in labels)} - {each.type[1] for each in own}
    return Names(pairs, [each.type for each in own], sorted(no_label))


def plan_roles(
    work: Work,
    names: Names,
    on_it: Collection[int],
    members: Mapping[int | None, RecordLink],
    here: Mapping[str, Collection[int]],
    there: Mapping[str, Roles],
) -> None:
    """`on_it`: who takes part on both sides once the set is carried out. `here`: contact -> its types on the deal; `there`: contact
    -> its rows."""
    role_of = {type_id: role for role, (_, type_id) in names.labels.items()}
    sets = {} if work.link is None else work.link.sets
    labelled = {m: {role_of[t] for t in here.get(members[m].hubspot_id, ()) if t in role_of} for m in on_it}
    given = {m: {role for role in there.get(members[m].salesforce_id, {}).values() if role} for m in on_it}
    change = RoleChange()
    wanted: dict[int, tuple[set[str], set[str]]] = defaultdict(
        lambda: (set(), set())
    )  # member -> roles to add, to take
    for role in sorted(names.labels):
        base, name = sets.get(PREFIX + role), PREFIX + role
        known = None if base is None else [m for m in base if m in on_it]
        merged = merge_set(known, {m for m in on_it if role in labelled[m]}, {m for m in on_it if role in given[m]})
        if merged.agreed or base is not None:
            work.sets = {**work.sets, name: list(merged.agreed)}
        for m in merged.add_in_hubspot:
            change.add_label(members[m].hubspot_id, names.labels[role], (name, m))
        for m in merged.remove_in_hubspot:
            change.take_label(members[m].hubspot_id, names.labels[role], (name, m))
        for m in merged.add_in_salesforce:
            wanted[m][0].add(role)
        for m in merged.remove_in_salesforce:
            wanted[m][1].add(role)
    # Nobody can say of a label that is not there who lost it: once there is one again, those who have the role are given it.
    unnamed = [name for name in sets if name.startswith(PREFIX) and name.removeprefix(PREFIX) not in names.labels]
    work.sets = {**work.sets, **{name: [] for name in unnamed}}
    for contact, added in change.labels.items():
        # What is written replaces what was there: everything that shall stay goes along.
        taken = change.taken.pop(contact, set())
        added |= {each for each in names.all if each[1] in here.get(contact, ())} - taken
    for m, (add, take) in sorted(wanted.items()):
        _in_salesforce(work, change, members[m], m, there.get(members[m].salesforce_id, {}), add, take)
    if change.labels or change.taken or change.roles or change.later:
        work.role_change = change
    nameless = {role for m in on_it for role in given[m] if role not in names.labels}
    if nameless:
        work.issues.append(_without_label(work, nameless, full=names.full))


def _in_salesforce(
    work: Work, change: RoleChange, link: RecordLink, m: int, rows: Roles, add: set[str], take: set[str]
) -> None:
    change.contacts[m] = link.salesforce_id
    adding = next((each for each in work.set_changes if each.side is Side.SALESFORCE), None)
    free = [row for row, role in rows.items() if not role] + [row for row, role in rows.items() if role in take]
    for row, role in rows.items():
        if role in take:
            change.set_role(row, None, (PREFIX + str(role), m))
    for role in sorted(add):
        if free:
            change.set_role(free.pop(0), role, (PREFIX + role, m))
            continue
        if adding is None:
            adding = SetChange("contact_roles", Side.SALESFORCE, [], [], {})
            work.set_changes.append(adding)
        if link.salesforce_id in adding.roles:
            # One row at a time: this one comes with the next look.
            change.later.append((PREFIX + role, m))
            continue
        if link.salesforce_id not in adding.add:
            adding.add.append(link.salesforce_id)
            adding.members[link.salesforce_id] = m
        adding.roles[link.salesforce_id] = role


async def apply_role_changes(ctx: Cycle, works: Iterable[Work], deal_of: Mapping[int, tuple[str, str]]) -> None:
    """`deal_of`: by id() of a work, its deal's ids on both sides."""
    label: dict[tuple[str, str, tuple[Type, ...]], tuple[Work, str]] = {}
    unlabel: dict[tuple[str, str, tuple[Type, ...]], tuple[Work, str]] = {}
    roles: dict[str, Work] = {}
    for work in works:
        change = _change(work)
        deal, _ = deal_of[id(work)]
        label |= {(deal, to, tuple(sorted(types))): (work, to) for to, types in change.labels.items()}
        unlabel |= {(deal, to, tuple(sorted(types))): (work, to) for to, types in change.taken.items()}
        roles |= dict.fromkeys(change.roles, work)
        if change.later:
            _not_done(work, change.later)
            work.wait(ctx.clock_us(), Reason.RETRY)
    if label:
        for key, outcome in (await ctx.hubspot.label("deals", "contacts", list(label), purpose="write")).items():
            _take(ctx, *label[key], outcome, Side.HUBSPOT, deal_of)
    if unlabel:
        for key, outcome in (await ctx.hubspot.unlabel("deals", "contacts", list(unlabel), purpose="write")).items():
            _take(ctx, *unlabel[key], outcome, Side.HUBSPOT, deal_of)
    if roles:
        rows = [SalesforceWrite(row, {"Role": _change(work).roles[row]}) for row, work in roles.items()]
        done = await ctx.salesforce.update_with_before(JUNCTION, rows, ["Role"], purpose="write")
        for row, outcome in done.items():
            _take(ctx, roles[row], row, outcome, Side.SALESFORCE, deal_of)


def _change(work: Work) -> RoleChange:
    assert work.role_change is not None
    return work.role_change


def _take(
    ctx: Cycle, work: Work, key: str, outcome: Outcome, side: Side, deal_of: Mapping[int, tuple[str, str]]
) -> None:
    if isinstance(outcome, Written):
        work.audit += _rows(ctx, work, key, side, deal_of[id(work)])
        return
    _not_done(work, _change(work).of[key])
    if isinstance(outcome, Refused) and for_good(outcome):
        what = "contacts" if side is Side.HUBSPOT else "(role)"
        note_refused(work, side, what, [(key, outcome)], None, None)
    else:
        work.wait(ctx.clock_us() + ctx.settings.retry_base_us, Reason.RETRY)


def _rows(ctx: Cycle, work: Work, key: str, side: Side, deal: tuple[str, str]) -> list[AuditRow]:
    """What one write gave and took: a label is given and taken by writing all that are left, a role by writing the one row."""
    change = _change(work)
    agreed = {(name, m) for name, of in work.sets.items() for m in of}
    return [
        role_row(
            ctx,
            work.object,
            deal,
            side,
            key if side is Side.HUBSPOT else change.contacts[m],
            name.removeprefix(PREFIX),
            given=(name, m) in agreed,
        )
        for name, m in change.of[key]
    ]


def role_row(
    ctx: Cycle, object_: str, deal: tuple[str | None, str | None], side: Side, contact: str, role: str, *, given: bool
) -> AuditRow:
    shown = f"{role}: {contact}"
    return AuditRow(
        at_us=ctx.clock_us(),
        kind=AuditKind.ASSOCIATE if given else AuditKind.DISASSOCIATE,
        object=object_,
        hubspot_id=deal[0],
        salesforce_id=deal[1],
        side=side,
        field="contact_roles",
        new=shown if given else None,
        old=None if given else shown,
        cause="role" if side is Side.SALESFORCE else "label",
    )


def _not_done(work: Work, of: Iterable[tuple[str, int]]) -> None:
    """The base says of them what it said before, so that the next look finds the difference again."""
    for name, m in of:
        before = [] if work.link is None else work.link.sets.get(name, [])
        now = [each for each in work.sets.get(name, ()) if each != m] + ([m] if m in before else [])
        work.sets = {**work.sets, name: sorted(now)}


def leave_out(work: Work, refused: Collection[int]) -> None:
    """Those who could not be put on the deal, or taken off it, get no role there either."""
    for name, agreed in list(work.sets.items()):
        if name.startswith(PREFIX):
            _not_done(work, [(name, m) for m in refused if m in agreed])
    change = work.role_change
    if change is not None:
        gone = {key for key, of in change.of.items() if any(m in refused for _, m in of)}
        for part in (change.labels, change.taken, change.roles):
            for key in gone & set(part):
                del part[key]


def _without_label(work: Work, roles: Collection[str], *, full: bool) -> Issue:
    named = ", ".join(sorted(roles))
    cause = f"Contacts have a role in Salesforce that no label of deals and contacts in HubSpot is called by: {named}."
    if full:
        cause = (
            f"Contacts have a role in Salesforce that no label of deals and contacts in HubSpot is called by: {named}. HubSpot"
            f" allows {MOST_LABELS} labels for two objects, and there are as many: delete one that is not needed first."
        )
    return field_issue(work, None, "Role", ROLE_WITHOUT_LABEL, cause, None)
