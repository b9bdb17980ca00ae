"""Records are handed over on either side, to people whom both CRMs know, whom one knows, and who are gone.

What has to hold: where an owner who is known to both stands on a side, the other side's is that one's counterpart, or somebody
was told why not; no owner changes by us on a side where only the other one may change it; nobody's owner is replaced without a row
in the log, nor by somebody whom nobody chose; and where Salesforce's owner stands on both sides, HubSpot shows who that is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from interlock.app import what_syncs
from interlock.app.owner_choices import OWNER_ID, OWNER_NAME
from interlock.app.owner_pairs import pair, part
from interlock.app.people.visitor import BY_COMMAND
from interlock.app.schemas import NAME as SCHEMAS
from interlock.app.shown_properties import make_properties, needed
from interlock.core.model import AuditRow, Issue, Side
from interlock.objects.choices import OWNER_CHANGES, OWNER_UNMATCHED, SALESFORCE
from interlock.store import directory
from tests.simulation.desk import Desk
from tests.simulation.kinds import KINDS, Kind
from tests.simulation.themes.at_the_pages import AtThePages
from tests.simulation.themes.chosen_values import (
    Place,
    Same,
    Tells,
    invented,
    last_by_a_person_us,
    replaced_unlogged,
)
from tests.simulation.themes.theme import Move, Page, Theme

if TYPE_CHECKING:
    from interlock.store import Store
    from interlock.store.connections import Connection
    from tests.simulation.recipe import Recipe
    from tests.simulation.world import Story, World

Values = dict[str, Any]
OLGA, PIET = KNOWN_TO_BOTH = ("olga@example.com", "piet@example.com")
MAY_LEAVE = "nina@example.com"
LEFT_SALESFORCE = "gone@example.com"
ONLY_IN_SALESFORCE = "only.there@example.com"
ONLY_IN_HUBSPOT = "only.here@example.com"
SYNC_USER = "integration@example.com"
PROPERTY, FIELD = "hubspot_owner_id", "OwnerId"
# From when a pair or a choice is saved until no process works by what was before: a batch, and what it left unproved.
IN_USE_US = 60_000_000
SIDES = ("hubspot", "salesforce")
CONVERGING = ("two_way", "prefer_salesforce", "prefer_hubspot")
MAY_GIVE_WAY = ("two_way", "prefer_salesforce", "always_salesforce")


# --- who there is --------------------------------------------------------------------------------------------------------


def _employ(world: World) -> None:
    account = world.hubspot.settings()
    for address in (*KNOWN_TO_BOTH, MAY_LEAVE, LEFT_SALESFORCE):
        account.add_user(address.partition("@")[0].title(), "Owner", address)
        world.salesforce.add_user(address, address, active=address != LEFT_SALESFORCE)
    world.salesforce.add_user(ONLY_IN_SALESFORCE, ONLY_IN_SALESFORCE)


def _choices(recipe: Recipe) -> dict[str, dict[str, str]]:
    chance = recipe.chance("owners")
    return {
        each.name: {slug: chance.choice(each.values) for slug in recipe.objects}
        for each in (OWNER_UNMATCHED, OWNER_CHANGES)
    }


async def _make_properties(world: World, store: Store, connection: Connection) -> None:
    """As saving the choice does."""
    async with AtThePages(world, store).clients(connection) as clients:
        for slug, chosen in world.recipe.choices[OWNER_UNMATCHED.name].items():
            if chosen == SALESFORCE:
                await make_properties(clients.hubspot, slug, needed({OWNER_UNMATCHED.name: SALESFORCE}))
    async with store.write(connection.id) as tx:
        await directory.drop(tx, SCHEMAS)


# --- moves ---------------------------------------------------------------------------------------------------------------


def hand_over_in_hubspot(desk: Desk, kind: Kind) -> None:
    address = desk.chance.choice((*KNOWN_TO_BOTH, *KNOWN_TO_BOTH, MAY_LEAVE, LEFT_SALESFORCE, ONLY_IN_HUBSPOT))
    _hand_over_here(desk, kind, _owner_id(desk, address))


def take_the_owner_away_in_hubspot(desk: Desk, kind: Kind) -> None:
    _hand_over_here(desk, kind, "")


def _hand_over_here(desk: Desk, kind: Kind, owner_id: str) -> None:
    here = desk.some_in_hubspot(kind)
    if (desk.hugo.get(kind.slug, here).get(PROPERTY) or "") != owner_id:
        desk.hugo.update(kind.slug, here, {PROPERTY: owner_id})


def hand_over_in_salesforce(desk: Desk, kind: Kind) -> None:
    address = desk.chance.choice((*KNOWN_TO_BOTH, *KNOWN_TO_BOTH, MAY_LEAVE, ONLY_IN_SALESFORCE))
    _hand_over_there(desk, kind, desk.some_in_salesforce(kind), address)


def hand_over_on_both_sides(desk: Desk, kind: Kind) -> None:
    """To two people, before anybody can know."""
    here, there = desk.some_pair(kind)
    left, right = desk.chance.sample((*KNOWN_TO_BOTH, ONLY_IN_HUBSPOT, ONLY_IN_SALESFORCE), 2)
    if left != ONLY_IN_SALESFORCE:
        desk.hugo.update(kind.slug, here, {PROPERTY: _owner_id(desk, left)})
    if right != ONLY_IN_HUBSPOT:
        _hand_over_there(desk, kind, there, right)


def _hand_over_there(desk: Desk, kind: Kind, there: str, address: str) -> None:
    user_id = _user_id(desk, address)
    if desk.sally.get(kind.sobject, there)[FIELD] != user_id:
        desk.sally.update(kind.sobject, there, {FIELD: user_id})


def somebody_leaves_or_comes_back(desk: Desk, kind: Kind) -> None:
    """In Salesforce, where an inactive user keeps what they own and may own nothing else."""
    user_id = _user_id(desk, MAY_LEAVE)
    desk.sally.update("User", user_id, {"IsActive": not desk.sally.get("User", user_id)["IsActive"]})


def _owner_id(desk: Desk, address: str) -> str:
    return next(str(user.owner_id) for user in desk.portal.account.users if user.email == address)


def _user_id(desk: Desk, address: str) -> str:
    return next(id_ for id_ in desk.sally.ids("User") if desk.sally.get("User", id_)["Email"] == address)


MOVES: dict[Move, float] = {
    hand_over_in_hubspot: 4,
    hand_over_in_salesforce: 4,
    hand_over_on_both_sides: 2,
    take_the_owner_away_in_hubspot: 1,
    somebody_leaves_or_comes_back: 0.4,
}

# --- pages ---------------------------------------------------------------------------------------------------------------


async def pair_by_hand(world: World, store: Store) -> None:
    """Those who are known on one side each, or somebody who has an account of another address there."""
    address = world.recipe.chance(f"pair by hand:{len(world.story.deeds)}").choice(
        (ONLY_IN_HUBSPOT, ONLY_IN_HUBSPOT, PIET)
    )
    people = _People.of(world.story)
    owner_id, user_id = people.owner_of[address], people.user_of[ONLY_IN_SALESFORCE]
    opened = AtThePages(world, store)
    await pair(opened, await opened.connection(), owner_id, user_id, BY_COMMAND)
    world.did("paired", owner_id, user_id)


async def part_by_hand(world: World, store: Store) -> None:
    opened = AtThePages(world, store)
    for owner_id in _paired(world.story):
        await part(opened, await opened.connection(), owner_id, BY_COMMAND)
        world.did("parted", owner_id)
        return


async def choose_who_stands(world: World, store: Store) -> None:
    """For one object another choice of what becomes of an owner whom Salesforce does not know, or of who may change owners."""
    chance = world.recipe.chance(f"who stands:{len(world.story.deeds)}")
    slug, choice = chance.choice(world.recipe.objects), chance.choice((OWNER_UNMATCHED, OWNER_CHANGES))
    value = chance.choice(choice.values)
    opened = AtThePages(world, store)
    connection = await opened.connection()
    async with opened.clients(connection) as clients:
        wanted = what_syncs.Choice(choices={choice.name: value})
        await what_syncs.choose(store, connection, slug, wanted, clients.hubspot)
    world.did("chose", choice.name, slug, value)


PAGES: dict[Page, float] = {pair_by_hand: 3, part_by_hand: 1.5, choose_who_stands: 1.5}

# --- check ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _People:
    owner_of: dict[str, str]  # address -> HubSpot's owner id
    user_of: dict[str, str]  # address -> Salesforce's user id

    @classmethod
    def of(cls, story: Story) -> _People:
        sally = story.salesforce.user()
        users = {sally.get("User", id_)["Email"]: id_ for id_ in sally.ids("User")}
        return cls({user.email: str(user.owner_id) for user in story.hubspot.users}, users)

    def by_address(self) -> dict[str, str]:
        """Owner id -> user id."""
        return {owner: self.user_of[email] for email, owner in self.owner_of.items() if email in self.user_of}


def _paired(story: Story) -> dict[str, str]:
    """By hand, as it stands in the end."""
    pairs: dict[str, str] = {}
    for deed in story.deeds:
        if deed.what == "paired":
            pairs[deed.about[0]] = deed.about[1]
        elif deed.what == "parted":
            pairs.pop(deed.about[0], None)
    return pairs


def check(story: Story) -> Iterator[str]:
    people = _People.of(story)
    for slug in story.recipe.objects:
        place = Place(KINDS[slug], PROPERTY, FIELD)
        yield from _pairs(story, place, people)
        yield from _changed_where_it_may(story, place.kind)
        yield from replaced_unlogged(story, place, _same(story, people), _tells(people))
        # Whoever signs in owns what it makes, where nobody else is named.
        yield from invented(story, place, _same(story, people), {people.user_of[SYNC_USER]})


def _same(story: Story, people: _People) -> Same:
    """Whom an owner stands for on the other side, at any time of the story."""
    both = set(people.by_address().items())
    both |= {(deed.about[0], deed.about[1]) for deed in story.deeds if deed.what == "paired"}

    def same(side: str, id_: str) -> set[str]:
        return (
            {right for left, right in both if left == id_}
            if side == "hubspot"
            else {left for left, right in both if right == id_}
        )

    return same


def _tells(people: _People) -> Tells:
    """The log names owners by what they are matched by."""
    addresses = {id_: address for ids in (people.owner_of, people.user_of) for address, id_ in ids.items()}

    def tells(row: AuditRow, id_: str) -> bool:
        told = str(row.old)
        return told in (id_, f"hubspot:{id_}", f"salesforce:{id_}", addresses[id_]) or told.startswith("pair:")

    return tells


def _chosen(story: Story, choice: str, slug: str) -> str:
    values = [deed.about[2] for deed in story.deeds if deed.what == "chose" and deed.about[:2] == (choice, slug)]
    return values[-1] if values else story.recipe.choices[choice][slug]


def _chosen_later(story: Story, slug: str) -> bool:
    return any(deed.what == "chose" and deed.about[1] == slug for deed in story.deeds)


def _rule(story: Story, kind: Kind) -> str:
    """What owners of the object follow in the end."""
    rule = story.rules[kind.slug, PROPERTY]
    where = _chosen(story, OWNER_CHANGES.name, kind.slug)
    return rule if rule == "dont_sync" or where == "both" else f"prefer_{where.removeprefix('in_')}"


def _pairs(story: Story, place: Place, people: _People) -> Iterator[str]:
    kind = place.kind
    # A new rule is for what changes from then on, and so is what was chosen on the way.
    if (kind.slug, PROPERTY) in story.reruled or _chosen_later(story, kind.slug):
        return
    hugo, sally = story.hubspot.user(), story.salesforce.user()
    for link in story.links:
        if link.object != kind.slug or link.state.value != "linked":
            continue
        if link.hubspot_id not in hugo.ids(kind.slug) or link.salesforce_id not in sally.ids(kind.sobject):
            continue
        left, right = hugo.get(kind.slug, link.hubspot_id), sally.get(kind.sobject, link.salesforce_id)
        yield from _agreement(story, place, people, left, right, (link.hubspot_id, link.salesforce_id))
        yield from _shown(story, place, left, right, (link.hubspot_id, link.salesforce_id))


def _agreement(
    story: Story, place: Place, people: _People, left: Values, right: Values, pair_: tuple[str, str]
) -> Iterator[str]:
    here, there = left.get(PROPERTY) or "", right[FIELD]
    by_hand = _paired(story)
    known = {
        owner: user
        for owner, user in people.by_address().items()
        if owner not in by_hand and user not in by_hand.values()
    } | by_hand
    rule, stands = _rule(story, place.kind), _chosen(story, OWNER_UNMATCHED.name, place.kind.slug) == SALESFORCE
    issues = _issues(story, pair_)
    if known.get(here) == there:
        if any(each.property == PROPERTY and not _could_not_go_back(story, each) for each in issues):
            yield f"owners: {pair_} have one owner, {here}, and an issue says otherwise: {issues}"
        return
    if rule not in (*CONVERGING, *(("always_salesforce",) if stands else ())) or issues:
        return
    if _unsettled(story, place, people, pair_, {here, there}):
        return
    what = f"owners: {place.kind.slug} {pair_} under {rule}: {here!r} and {there!r}"
    if here in known and there in known.values():
        yield f"{what} are known to both, and are two"
    elif not here and there in known.values() and rule != "always_hubspot":
        yield f"{what}: nobody owns it in HubSpot"
    elif stands and rule in MAY_GIVE_WAY and there in known.values():
        yield f"{what}: Salesforce's owner is to stand on both sides"
    elif stands and rule in ("two_way", "prefer_hubspot") and here in known and _taken_over_last(story, place, pair_):
        yield f"{what}: whoever took it over in HubSpot last owns it in Salesforce"


def _issues(story: Story, pair_: tuple[str, str]) -> list[Issue]:
    return [
        each
        for each in story.issues
        if {each.hubspot_id, each.salesforce_id} & set(pair_) and each.property in (None, PROPERTY)
    ]


def _could_not_go_back(story: Story, issue: Issue) -> bool:
    """An owner who was replaced unseen, though they were to win, and whom Salesforce cannot have: a person is told."""
    return any(
        row.reason == "lost_race"
        and (row.hubspot_id, row.property, row.old) == (issue.hubspot_id, PROPERTY, issue.value)
        for row in story.conflicts
    )


def _unsettled(story: Story, place: Place, people: _People, pair_: tuple[str, str], owners: set[str]) -> bool:
    """Whether one of the owners came to be somebody else's counterpart, or left, after people changed them last: then who owns
    the record was no change, and nothing is handed over by itself."""
    changed_us = max(last_by_a_person_us(story, place, side, id_) for side, id_ in zip(SIDES, pair_, strict=True))
    moved = [deed for deed in story.deeds if deed.what in ("paired", "parted") and deed.at_us + IN_USE_US > changed_us]
    partners = {id_ for deed in story.deeds for id_ in deed.about if deed.what in ("paired", "parted")}
    partners |= {people.by_address().get(id_, "") for id_ in partners}
    gone = {people.owner_of[LEFT_SALESFORCE], people.user_of[LEFT_SALESFORCE]}
    gone |= {people.owner_of[MAY_LEAVE], people.user_of[MAY_LEAVE]}
    return bool(moved and owners & partners) or bool(owners & gone)


def _taken_over_last(story: Story, place: Place, pair_: tuple[str, str]) -> bool:
    here_us = last_by_a_person_us(story, place, "hubspot", pair_[0])
    there_us = last_by_a_person_us(story, place, "salesforce", pair_[1])
    return here_us > there_us + 20_000_000 and _linked_before(story, pair_, here_us)


def _linked_before(story: Story, pair_: tuple[str, str], at_us: int) -> bool:
    """What stood when the two met is no change."""
    ours_us = round(story.skews_s["ours"] * 1e6)
    return any(
        (row.hubspot_id, row.salesforce_id) == pair_
        and row.kind.value in ("link", "create")
        and row.at_us - ours_us < at_us - 20_000_000
        for row in story.audit
    )


def _shown(story: Story, place: Place, left: Values, right: Values, pair_: tuple[str, str]) -> Iterator[str]:
    """Who owns it in Salesforce, in the two properties for that."""
    if _chosen(story, OWNER_UNMATCHED.name, place.kind.slug) != SALESFORCE or _any_issue(story, pair_):
        return
    owner_id = right[FIELD]
    name = story.salesforce.user().get("User", owner_id)["Name"]
    if left.get(OWNER_ID) != owner_id or left.get(OWNER_NAME) not in (name, owner_id):
        shown = (left.get(OWNER_ID), left.get(OWNER_NAME))
        yield f"owners: {place.kind.slug} {pair_} is {name}'s ({owner_id}) in Salesforce, and HubSpot shows {shown}"


def _any_issue(story: Story, pair_: tuple[str, str]) -> bool:
    return any({each.hubspot_id, each.salesforce_id} & set(pair_) for each in story.issues)


def _changed_where_it_may(story: Story, kind: Kind) -> Iterator[str]:
    where = story.recipe.choices.get(OWNER_CHANGES.name, {}).get(kind.slug)
    if where not in ("in_hubspot", "in_salesforce") or _chosen_later(story, kind.slug):
        return
    kept = Side.HUBSPOT if where == "in_hubspot" else Side.SALESFORCE
    for row in story.audit:
        if row.reason == "lost_race":
            continue  # what filled a blank met somebody who was quicker; it goes back, or a person is told
        if row.object == kind.slug and row.property == PROPERTY and row.side is kept and row.old:
            yield f"owners: {row.hubspot_id} was handed over in {kept.value} by us, where only people may: {row.old} -> {row.new}"


# Owners have no work of their own in the engine: they are decided, written and told as any field is.
OWNERS = Theme("owners", check, moves=MOVES, pages=PAGES, furnish=_employ, choices=_choices, settle=_make_properties)
