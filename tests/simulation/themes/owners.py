"""Records are handed over on either side, to people whom both CRMs know, whom one knows, and who are gone.

What has to hold: where an owner who is known to both stands on a side, the other side's is that one's counterpart, or somebody
was told why not; and no owner changes by us on a side where only the other one may change it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from interlock.core.model import Side
from interlock.objects.choices import OWNER_CHANGES, OWNER_UNMATCHED
from tests.simulation.desk import Desk
from tests.simulation.kinds import KINDS, Kind
from tests.simulation.themes.theme import Move, Theme

if TYPE_CHECKING:
    from tests.simulation.recipe import Recipe
    from tests.simulation.world import Story, World

KNOWN_TO_BOTH = ("olga@example.com", "piet@example.com")
LEFT_SALESFORCE = "gone@example.com"
ONLY_IN_SALESFORCE = "only.there@example.com"
ONLY_IN_HUBSPOT = "only.here@example.com"
PROPERTY, FIELD = "hubspot_owner_id", "OwnerId"


def _employ(world: World) -> None:
    account = world.hubspot.settings()
    for address in (*KNOWN_TO_BOTH, LEFT_SALESFORCE):
        account.add_user(address.partition("@")[0].title(), "Owner", address)
        world.salesforce.add_user(address, address, active=address != LEFT_SALESFORCE)
    world.salesforce.add_user(ONLY_IN_SALESFORCE, ONLY_IN_SALESFORCE)


def _choices(recipe: Recipe) -> dict[str, dict[str, str]]:
    chance = recipe.chance("owners")
    return {
        each.name: {slug: chance.choice(each.values) for slug in recipe.objects}
        for each in (OWNER_UNMATCHED, OWNER_CHANGES)
    }


def hand_over_in_hubspot(desk: Desk, kind: Kind) -> None:
    address = desk.chance.choice((*KNOWN_TO_BOTH, *KNOWN_TO_BOTH, LEFT_SALESFORCE, ONLY_IN_HUBSPOT))
    owner_id = next(str(user.owner_id) for user in desk.portal.account.users if user.email == address)
    _hand_over_here(desk, kind, owner_id)


def take_the_owner_away_in_hubspot(desk: Desk, kind: Kind) -> None:
    _hand_over_here(desk, kind, "")


def _hand_over_here(desk: Desk, kind: Kind, owner_id: str) -> None:
    here = desk.some_in_hubspot(kind)
    if (desk.hugo.get(kind.slug, here).get(PROPERTY) or "") != owner_id:
        desk.hugo.update(kind.slug, here, {PROPERTY: owner_id})


def hand_over_in_salesforce(desk: Desk, kind: Kind) -> None:
    address = desk.chance.choice((*KNOWN_TO_BOTH, *KNOWN_TO_BOTH, ONLY_IN_SALESFORCE))
    there = desk.some_in_salesforce(kind)
    user_id = _user_id(desk, address)
    if desk.sally.get(kind.sobject, there)[FIELD] != user_id:
        desk.sally.update(kind.sobject, there, {FIELD: user_id})


def _user_id(desk: Desk, address: str) -> str:
    return next(id_ for id_ in desk.sally.ids("User") if desk.sally.get("User", id_)["Email"] == address)


MOVES: dict[Move, float] = {
    hand_over_in_hubspot: 4,
    hand_over_in_salesforce: 4,
    take_the_owner_away_in_hubspot: 1,
}


def check(story: Story) -> Iterator[str]:
    for slug in story.recipe.objects:
        yield from _agreement(story, KINDS[slug])
        yield from _changed_where_it_may(story, KINDS[slug])


def _agreement(story: Story, kind: Kind) -> Iterator[str]:
    if story.rules.get((kind.slug, PROPERTY)) != "two_way" or (kind.slug, PROPERTY) in story.reruled:
        return
    hugo, sally = story.hubspot.user(), story.salesforce.user()
    addresses = {str(user.owner_id): user.email for user in story.hubspot.users}
    told = {each.hubspot_id for each in story.issues} | {each.salesforce_id for each in story.issues}
    for link in story.links:
        if link.object != kind.slug or {link.hubspot_id, link.salesforce_id} & told:
            continue
        if link.hubspot_id not in hugo.ids(kind.slug) or link.salesforce_id not in sally.ids(kind.sobject):
            continue
        here = addresses.get(hugo.get(kind.slug, link.hubspot_id).get(PROPERTY) or "")
        there = sally.get("User", sally.get(kind.sobject, link.salesforce_id)[FIELD])["Email"]
        if here != there and here in KNOWN_TO_BOTH and there in KNOWN_TO_BOTH:
            yield f"owners: {kind.slug} {link.hubspot_id} is {here}'s and {link.salesforce_id} is {there}'s"


def _changed_where_it_may(story: Story, kind: Kind) -> Iterator[str]:
    where = story.recipe.choices.get(OWNER_CHANGES.name, {}).get(kind.slug)
    if where not in ("in_hubspot", "in_salesforce"):
        return
    kept = Side.HUBSPOT if where == "in_hubspot" else Side.SALESFORCE
    for row in story.audit:
        if row.object == kind.slug and row.property == PROPERTY and row.side is kept and row.old:
            yield f"owners: {row.hubspot_id} was handed over in {kept.value} by us, where only people may: {row.old} -> {row.new}"


OWNERS = Theme("owners", check, moves=MOVES, furnish=_employ, choices=_choices, modules=("ownership",))
