"""A HubSpot list and a Salesforce filter limit which records sync; records enter and leave, and people choose others meanwhile.

What has to hold: whoever is inside at the end agrees (check.py); of whoever left, nothing was written since and the pair is
still one; whoever was never inside had nothing made of them, but that new Salesforce records land in HubSpot.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from crm_emulator.hubspot.errors import ApiError
from crm_emulator.kernel.journal import JournalEntry
from interlock.app import what_syncs
from interlock.app.errors import Stopped
from interlock.core.model import AuditKind
from interlock.crm.errors import CrmError
from interlock.store import Store, connections
from interlock.store.connections import Connection
from tests.simulation.desk import Desk
from tests.simulation.journals import OURS, entries_of
from tests.simulation.kinds import CREATION_KEY, KINDS, LINK, Kind
from tests.simulation.themes.theme import Move, Page, Theme

if TYPE_CHECKING:
    from tests.simulation.world import Story, World

NONE = ""
MANUAL = ("first", "second")
DYNAMIC = "dynamic"
# The property that the dynamic list of an object asks for, and its counterpart, which a filter asks for.
ASKED = {"contacts": "fax", "companies": "phone", "deals": "description"}
# What was read before a record left may be written after it: by whoever stood still, or in a request that was late.
UNREAD_US = 120_000_000
# By then those outside have been walked, and whoever was left alone for one of them was looked at again.
A_DAY_S = 90_000.0
_CHOSEN_LIST, _CHOSEN_FILTER, _JOINED, _LEFT, _DELETED, _RESTORED = "list", "filter", "joined", "left", "gone", "back"


@dataclass(frozen=True)
class Filter:
    """`field`: of the record itself, or of its account, that must have a value; none: every record fits."""

    text: str
    field: str | None = None
    of_account: bool = False

    def fits(self, story: Story, row: dict[str, Any]) -> bool:
        if self.of_account:
            account = row.get("AccountId")
            return bool(account) and bool(story.salesforce.user().get("Account", str(account)).get(self.field or ""))
        return self.field is None or bool(row.get(self.field))


EVERYBODY = Filter("CreatedDate > 2001-01-01T00:00:00Z")
OF_ACCOUNT = Filter("Account.Phone != null", "Phone", of_account=True)
FILTERS = {
    "contacts": (Filter("Fax != null", "Fax"), EVERYBODY, OF_ACCOUNT),
    "companies": (Filter("Phone != null", "Phone"), EVERYBODY),
    "deals": (EVERYBODY, OF_ACCOUNT),
}
BY_TEXT = {each.text: each for filters in FILTERS.values() for each in filters}


def _make_lists(world: World) -> None:
    hugo = world.hubspot.user()
    for slug in world.recipe.objects:
        for name in MANUAL:
            hugo.create_list(slug, f"{slug} {name}")
        known = {
            "filterType": "PROPERTY",
            "property": ASKED[slug],
            "operation": {"operationType": "ALL_PROPERTY", "operator": "IS_KNOWN"},
        }
        branch = {"filterBranchType": "AND", "filterBranches": [], "filters": [known]}
        hugo.create_list(
            slug,
            f"{slug} {DYNAMIC}",
            filters={"filterBranchType": "OR", "filters": [], "filterBranches": [branch]},
        )


def _list_id(portal: Any, slug: str, name: str) -> str:
    """Raises LookupError for one that is deleted."""
    return next((each.id for each in portal.lists.all() if each.name == f"{slug} {name}"), None) or _none(name)


def _none(name: str) -> str:
    raise LookupError(name)


async def _limit(world: World, store: Store, connection: Connection) -> None:
    assert connection.id is not None
    chance, desk, lists, filters = world.recipe.chance("inclusion"), world.users.desk, {}, {}
    for slug in world.recipe.objects:
        for name in MANUAL:
            members = [id_ for id_ in desk.hugo.ids(slug) if chance.random() < 0.6]
            _change(desk, slug, name, add=members)
        by = chance.choice(
            ("list", "list", "filter", "filter", "both", "nothing" if len(world.recipe.objects) > 1 else "both")
        )
        if by in ("list", "both"):
            name = chance.choice((*MANUAL, DYNAMIC))
            lists[slug] = _list_id(desk.portal, slug, name)
        if by in ("filter", "both"):
            filters[slug] = chance.choice([each for each in FILTERS[slug] if _possible(world, each)])
        desk.note(_CHOSEN_LIST, slug, lists.get(slug, NONE))
        desk.note(_CHOSEN_FILTER, slug, filters[slug].text if slug in filters else NONE)
    async with store.write(connection.id) as tx:
        found = await connections.get(tx, connection.id)
        assert found is not None
        limits = {
            "inclusion": lists,
            "salesforce_filters": {KINDS[slug].sobject: each.text for slug, each in filters.items()},
        }
        await connections.update(tx, connection.id, settings={**found.settings, **limits})


def _possible(world: World, each: Filter) -> bool:
    return not each.of_account or len(world.recipe.objects) > 1


# --- people ---------------------------------------------------------------------------------------------------------------


def _change(desk: Desk, slug: str, name: str, add: list[str] | None = None, remove: list[str] | None = None) -> None:
    list_id = _list_id(desk.portal, slug, name)
    desk.hugo.change_list(list_id, add or (), remove or ())
    for what, ids in ((_JOINED, add), (_LEFT, remove)):
        for id_ in ids or ():
            desk.note(what, list_id, id_)


def put_into_the_list(desk: Desk, kind: Kind) -> None:
    name = desk.chance.choice(MANUAL)
    members = desk.hugo.list_members(_list_id(desk.portal, kind.slug, name))
    _change(
        desk, kind.slug, name, add=[desk.chance.choice([id_ for id_ in desk.in_hubspot(kind) if id_ not in members])]
    )


def take_out_of_the_list(desk: Desk, kind: Kind) -> None:
    name = desk.chance.choice(MANUAL)
    members = desk.hugo.list_members(_list_id(desk.portal, kind.slug, name))
    _change(
        desk, kind.slug, name, remove=[desk.chance.choice([id_ for id_ in desk.in_hubspot(kind) if id_ in members])]
    )


def fill_in_what_is_asked(desk: Desk, kind: Kind) -> None:
    _set_asked(desk, kind, filled=False)


def empty_what_is_asked(desk: Desk, kind: Kind) -> None:
    _set_asked(desk, kind, filled=True)


def _set_asked(desk: Desk, kind: Kind, *, filled: bool) -> None:
    """On either side: of a record in which it is filled in, or empty."""
    name = ASKED[kind.slug]
    if desk.chance.random() < 0.5:
        here = [id_ for id_ in desk.in_hubspot(kind) if bool(desk.hugo.get(kind.slug, id_).get(name)) is filled]
        desk.hugo.update(kind.slug, desk.chance.choice(here), {name: "" if filled else desk.token(name)})
    else:
        field = kind.fields[name]
        there = [id_ for id_ in desk.in_salesforce(kind) if bool(desk.sally.get(kind.sobject, id_)[field]) is filled]
        desk.sally.update(kind.sobject, desk.chance.choice(there), {field: None if filled else desk.token(name)})


def edit_who_is_in_no_list(desk: Desk, kind: Kind) -> None:
    members = set(desk.hugo.list_members(_list_id(desk.portal, kind.slug, desk.chance.choice((*MANUAL, DYNAMIC)))))
    here, there = desk.chance.choice([pair for pair in desk.pairs(kind) if pair[0] not in members])
    name = desk.chance.choice([name for name in kind.fields if name not in kind.keys])
    if desk.chance.random() < 0.5:
        desk.hugo.update(kind.slug, here, {name: desk.token(name)})
    else:
        desk.sally.update(kind.sobject, there, {kind.fields[name]: desk.token(name)})


def delete_the_list(desk: Desk, kind: Kind) -> None:
    list_id = _list_id(desk.portal, kind.slug, MANUAL[0])
    desk.hugo.delete_list(list_id)
    desk.note(_DELETED, list_id, "")


def restore_the_list(desk: Desk, kind: Kind) -> None:
    gone = [note.object for note in desk.notes if note.what == _DELETED]
    list_id = desk.chance.choice([id_ for id_ in gone if id_ not in {each.id for each in desk.portal.lists.all()}])
    desk.hugo.restore_list(list_id)
    desk.note(_RESTORED, list_id, "")


MOVES: dict[Move, float] = {
    put_into_the_list: 5,
    take_out_of_the_list: 4,
    fill_in_what_is_asked: 3,
    empty_what_is_asked: 2,
    edit_who_is_in_no_list: 3,
    delete_the_list: 0.5,
    restore_the_list: 0.7,
}


async def choose_another_list(world: World, store: Store) -> None:
    chance = world.recipe.chance(f"another list:{len(world.story.pages)}")
    slug = chance.choice(world.recipe.objects)
    lists = [each.id for each in world.hubspot.portal.lists.all() if each.name.startswith(slug)]
    list_id = chance.choice((*lists, None))
    await _choose(world, store, slug, what_syncs.Choice(list_id=list_id))
    world.users.desk.note(_CHOSEN_LIST, slug, list_id or NONE)


async def choose_another_filter(world: World, store: Store) -> None:
    chance = world.recipe.chance(f"another filter:{len(world.story.pages)}")
    slug = chance.choice(world.recipe.objects)
    text = chance.choice((*(each.text for each in FILTERS[slug] if _possible(world, each)), NONE))
    await _choose(world, store, slug, what_syncs.Choice(filters={KINDS[slug].sobject: text}))
    world.users.desk.note(_CHOSEN_FILTER, slug, text)


async def _choose(world: World, store: Store, slug: str, choice: what_syncs.Choice) -> None:
    async with store.read(None) as tx:
        connection = await connections.get(tx, world.connection_id)
    assert connection is not None
    async with world.process(of_pages=True).clients() as clients:
        try:
            await what_syncs.choose(store, connection, slug, choice, clients.hubspot, salesforce=clients.salesforce)
        except CrmError as error:
            raise Stopped(f"a CRM did not answer: {error}") from error


PAGES: dict[Page, float] = {choose_another_list: 1, choose_another_filter: 1}


# --- what has to hold -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Limits:
    """What limits an object at the end, and since when, by HubSpot's clock."""

    list_id: str
    filter: Filter | None
    list_us: int
    filter_us: int


def _limits(story: Story, slug: str) -> Limits:
    lists = [note for note in story.notes if note.what == _CHOSEN_LIST and note.object == slug]
    filters = [note for note in story.notes if note.what == _CHOSEN_FILTER and note.object == slug]
    return Limits(lists[-1].id, BY_TEXT.get(filters[-1].id), lists[-1].at_us, filters[-1].at_us)


def _members(story: Story, list_id: str) -> set[str]:
    """Nobody is in a list that is deleted."""
    try:
        return set(story.hubspot.user().list_members(list_id))
    except ApiError:
        return set()


def outside(story: Story, kind: Kind) -> set[str]:
    """Whoever is outside of what limits the object at the end; their counterparts; and whoever would be, had they been linked."""
    limits, hugo, sally = _limits(story, kind.slug), story.hubspot.user(), story.salesforce.user()
    here: set[str] = set()
    there: set[str] = set()
    if limits.list_id:
        here = set(hugo.ids(kind.slug)) - _members(story, limits.list_id)
    if limits.filter is not None:
        rows = {id_: sally.get(kind.sobject, id_) for id_ in sally.ids(kind.sobject)}
        there = {id_ for id_, row in rows.items() if not limits.filter.fits(story, row)}
    found = here | there
    for hubspot_id, salesforce_id in _pairs(story, kind):
        if hubspot_id in here or salesforce_id in there:
            found |= {hubspot_id, salesforce_id}
    return found | _alike(story, kind, here, there)


def _pairs(story: Story, kind: Kind) -> set[tuple[str, str]]:
    hugo = story.hubspot.user()
    named = {(id_, hugo.get(kind.slug, id_).get(LINK) or "") for id_ in hugo.ids(kind.slug)}
    return named | {(link.hubspot_id, link.salesforce_id) for link in story.links if link.object == kind.slug}


def _alike(story: Story, kind: Kind, here: set[str], there: set[str]) -> set[str]:
    """A HubSpot record that matches a Salesforce record outside is left alone: another would be made beside it. So is a Salesforce
    record that was there before the connection and matches a HubSpot record outside: which one was, is told by Salesforce's stamp
    and our clock, however far apart the two are."""
    names = {"hubspot": _names(story, kind, "hubspot"), "salesforce": _names(story, kind, "salesforce")}
    out_there = {name for id_ in there for name in names["salesforce"].get(id_, ())}
    out_here = {name for id_ in here for name in names["hubspot"].get(id_, ())}
    found = {id_ for id_, called in names["hubspot"].items() if called & out_there}
    begun_us = next(note.at_us for note in story.notes if note.what == _CHOSEN_LIST)
    begun_us += round((story.skews_s["ours"] - story.skews_s["hubspot"] + 1.0) * 1e6)
    old = {
        entry.id
        for entry in entries_of(story, kind, "salesforce")
        if entry.action == "create" and entry.at_us // 1_000_000 * 1_000_000 <= begun_us
    }
    return found | {id_ for id_, called in names["salesforce"].items() if called & out_here and id_ in old}


def _names(story: Story, kind: Kind, side: str) -> dict[str, set[str]]:
    field = kind.identity if side == "hubspot" else kind.fields[kind.identity]
    names: dict[str, set[str]] = {}
    for entry in entries_of(story, kind, side):
        if entry.field == field and entry.new:
            names.setdefault(entry.id, set()).add(entry.new)
    return names


def _at_hubspots(story: Story, side: str, entry: JournalEntry) -> int:
    """When, by HubSpot's clock."""
    return entry.at_us + round((story.skews_s["hubspot"] - story.skews_s[side]) * 1e6)


def check(story: Story) -> Iterator[str]:
    for slug in story.recipe.objects:
        kind = KINDS[slug]
        yield from _written_since(story, kind)
        yield from _pairs_stay(story, kind)
        yield from _made_outside(story, kind)


def _written_since(story: Story, kind: Kind) -> Iterator[str]:
    """Of a pair one of which is outside, nothing of ours since it left."""
    for hubspot_id, salesforce_id in _pairs(story, kind):
        since_us = min(
            (us for us in (_left_list_us(story, kind, hubspot_id), _left_filter_us(story, kind, salesforce_id)) if us),
            default=None,
        )
        if since_us is None:
            continue
        linked_us = _linked_us(story, hubspot_id, salesforce_id)
        for side, id_ in (("hubspot", hubspot_id), ("salesforce", salesforce_id)):
            names = set(
                kind.fields if side == "hubspot" else (*kind.fields.values(), "AccountId", "HasOptedOutOfEmail")
            )
            # A new Salesforce record lands on the HubSpot record that it matches, wherever that one is.
            allowed_us = max(since_us, linked_us if side == "hubspot" else 0) + UNREAD_US
            for entry in entries_of(story, kind, side):
                if entry.client != OURS or entry.id != id_ or entry.action == "create" or entry.field not in names:
                    continue
                if _at_hubspots(story, side, entry) > allowed_us:
                    late_s = (_at_hubspots(story, side, entry) - since_us) / 1e6
                    yield f"inclusion: {side} {id_}.{entry.field} was written by us, {late_s:.0f} s after its pair left"


def _left_list_us(story: Story, kind: Kind, hubspot_id: str) -> int | None:
    """Since when it is outside; None: it is inside, or is gone."""
    limits = _limits(story, kind.slug)
    if not limits.list_id or hubspot_id not in story.hubspot.user().ids(kind.slug):
        return None
    if hubspot_id in _members(story, limits.list_id):
        return None
    moved_us = [
        note.at_us
        for note in story.notes
        if (note.object, note.id) == (limits.list_id, hubspot_id)
        or (note.what in (_DELETED, _RESTORED) and note.object == limits.list_id)
    ]
    moved_us += [
        entry.at_us
        for entry in entries_of(story, kind, "hubspot")
        if entry.id == hubspot_id and (entry.field == ASKED[kind.slug] or entry.action in ("merge", "restore"))
    ]
    return max([limits.list_us, *moved_us])


def _left_filter_us(story: Story, kind: Kind, salesforce_id: str) -> int | None:
    limits, sally = _limits(story, kind.slug), story.salesforce.user()
    if limits.filter is None or salesforce_id not in sally.ids(kind.sobject):
        return None
    if limits.filter.fits(story, sally.get(kind.sobject, salesforce_id)):
        return None
    entries = [entry for entry in entries_of(story, kind, "salesforce") if entry.id == salesforce_id]
    fields = {limits.filter.field}
    if limits.filter.of_account:
        fields = {"AccountId"}
        entries += [entry for entry in story.salesforce.journal.entries() if entry.object == "Account"]
        fields |= {"Phone"}
    moved_us = [
        _at_hubspots(story, "salesforce", entry)
        for entry in entries
        if entry.field in fields or entry.action in ("merge", "undelete", "delete", "restore")
    ]
    return max([limits.filter_us, *moved_us])


def _linked_us(story: Story, hubspot_id: str, salesforce_id: str) -> int:
    skew_us = round((story.skews_s["hubspot"] - story.skews_s["ours"]) * 1e6)
    kinds = (AuditKind.LINK, AuditKind.RELINK, AuditKind.CREATE)
    return max(
        (
            row.at_us + skew_us
            for row in story.audit
            if row.kind in kinds and (row.hubspot_id, row.salesforce_id) == (hubspot_id, salesforce_id)
        ),
        default=0,
    )


def _pairs_stay(story: Story, kind: Kind) -> Iterator[str]:
    """Leaving takes no id away."""
    moved = {
        id_
        for side in ("hubspot", "salesforce")
        for entry in entries_of(story, kind, side)
        if entry.action in ("merge", "delete", "restore", "undelete")
        for id_ in (entry.id, entry.old, entry.new)
    }
    for entry in entries_of(story, kind, "hubspot"):
        parted = entry.client == OURS and entry.field == LINK and entry.old and not entry.new
        if parted and not {entry.id, entry.old} & moved:
            yield f"inclusion: HubSpot {entry.id} was parted from {entry.old} by us, and both are there"


def _made_outside(story: Story, kind: Kind) -> Iterator[str]:
    """Who never was inside has had no counterpart made in Salesforce, nor in HubSpot any Salesforce record that never fitted."""
    chosen = [note for note in story.notes if note.what in (_CHOSEN_LIST, _CHOSEN_FILTER) and note.object == kind.slug]
    if len(chosen) > 2:
        return  # another list or filter held for a while
    limits = _limits(story, kind.slug)
    merged = {
        id_ for entry in entries_of(story, kind, "hubspot") if entry.action == "merge" for id_ in (entry.id, entry.new)
    }
    inside = {note.id for note in story.notes if note.what == _JOINED and note.object == limits.list_id} | merged
    inside |= (
        {entry.id for entry in entries_of(story, kind, "hubspot") if entry.field == ASKED[kind.slug] and entry.new}
        if _dynamic(story, kind, limits.list_id)
        else set()
    )
    for entry in entries_of(story, kind, "salesforce"):
        if entry.client == OURS and entry.action == "create" and entry.field == CREATION_KEY:
            made_for = (entry.new or "").rpartition(":")[2]
            if limits.list_id and made_for not in inside:
                yield f"inclusion: {entry.id} was made in Salesforce for {made_for}, which never was in the list"
    if limits.filter is None or limits.filter.of_account or limits.filter.field is None:
        return
    fitted = {
        entry.id for entry in entries_of(story, kind, "salesforce") if entry.field == limits.filter.field and entry.new
    }
    for entry in entries_of(story, kind, "hubspot"):
        if entry.client == OURS and entry.action == "create" and entry.field == LINK and entry.new not in fitted:
            yield f"inclusion: {entry.id} was made in HubSpot for {entry.new}, which never fitted the filter"


def _dynamic(story: Story, kind: Kind, list_id: str) -> bool:
    return any(each.id == list_id and each.dynamic for each in story.hubspot.portal.lists.all())


INCLUSION = Theme(
    "inclusion",
    check,
    moves=MOVES,
    pages=PAGES,
    furnish=_make_lists,
    settle=_limit,
    outside=outside,
    modules=("inclusion", "filtered", "joined"),
    later_s=A_DAY_S,
)
