"""What goes wrong in a CRM for a while, and is put right again by an administrator who does not know of Interlock."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from interlock.store import Store, mappings
from tests.simulation.kinds import CUSTOM, KINDS, RULES

if TYPE_CHECKING:
    from tests.simulation.world import World

KINDS_OF_TROUBLE = (
    "session_expired",  # Salesforce's; the next sign-in works
    "token_refused",  # HubSpot's, until somebody puts it right
    "scope_lost",  # HubSpot lets us read contacts and write none
    "field_hidden",  # a Salesforce field is hidden from the sync user
    "property_archived",  # a custom HubSpot property: reads leave it out, nobody can write it, and it comes back with its values
    "field_locked",  # or shown, and not to be written
    "rate_limited",  # one of the two has no request left for us for a while
    "rules_changed",  # somebody chooses other sync rules in Interlock; nothing ends it
)
_FIELDS = ("Title", "Fax", "Description", "Department")
# A mapping cannot be used meanwhile: Interlock looks again when its schemas have aged.
OF_A_FIELD = frozenset({"field_hidden", "field_locked", "property_archived"})


# What a rule that let the two sides differ is mostly changed to: from then on they are to agree.
_LOOSER = ("two_way", "two_way", "prefer_salesforce", "prefer_salesforce", "prefer_hubspot")


@dataclass(frozen=True)
class Trouble:
    number: int
    kind: str
    begins_s: float
    lasts_s: float
    field: str
    side: str


def draw(world: World, busy_s: float) -> list[Trouble]:
    """At most two a story, and in most somebody who changes the rules."""
    chance = world.recipe.chance("troubles")
    kinds = [chance.choice(KINDS_OF_TROUBLE) for _ in range(chance.choice((0, 0, 1, 2)))]
    kinds += ["rules_changed"] * (chance.random() < 0.85)
    drawn = [
        Trouble(
            number,
            kind,
            chance.uniform(0.0, busy_s),
            chance.uniform(5.0, 60.0),
            chance.choice(_FIELDS),
            chance.choice(("hubspot", "salesforce")),
        )
        for number, kind in enumerate(kinds)
    ]
    archived = [trouble for trouble in drawn if trouble.kind == "property_archived"]
    # It cannot be archived once more while it is.
    return [each for each in drawn if each.kind not in world.recipe.without_faults and each not in archived[1:]]


async def befall(world: World, trouble: Trouble) -> None:
    await asyncio.sleep(trouble.begins_s)
    world.network.faults[trouble.kind] += 1
    world.network.note(trouble.kind, "begins")
    _begin(world, trouble)
    try:
        await _lasts(world, trouble)
    finally:
        _end(world, trouble)
        world.network.note(trouble.kind, "ends")


async def _lasts(world: World, trouble: Trouble) -> None:
    """People who see the field go on editing it, the last time near the end: few records are edited again after that."""
    left_s = trouble.lasts_s
    if trouble.kind in OF_A_FIELD:
        chance = world.recipe.chance(f"trouble:{trouble.number}")
        for number, share in enumerate((0.5, 0.8)):
            await asyncio.sleep(left_s * share)
            left_s *= 1 - share
            world.users.edit_meanwhile(f"h{trouble.number}{number}", _field(trouble), chance)
    await asyncio.sleep(left_s)


def _field(trouble: Trouble) -> str:
    return KINDS["contacts"].fields[CUSTOM] if trouble.kind == "property_archived" else trouble.field


def _begin(world: World, trouble: Trouble) -> None:
    token = world.hubspot.account.tokens[world.hubspot.token]
    match trouble.kind:
        case "session_expired":
            for value, session in world.salesforce.sessions.access.items():
                session.revoked = session.revoked or value != world.salesforce.token
        case "token_refused":
            token.revoked = True
        case "scope_lost":
            token.scopes = frozenset(
                {"crm.objects.contacts.read", "crm.objects.companies.read", "crm.objects.deals.read"}
            )
        case "field_hidden" | "field_locked":
            _permit(world, trouble, read=trouble.kind == "field_locked", edit=False)
        case "property_archived":
            world.hubspot.user().archive_property("contacts", CUSTOM)
        case "rate_limited":
            world.network.closed.add(trouble.side)
        case "rules_changed":
            world.operate(change_rules)


def _end(world: World, trouble: Trouble) -> None:
    token = world.hubspot.account.tokens[world.hubspot.token]
    match trouble.kind:
        case "token_refused":
            token.revoked = False
        case "scope_lost":
            token.scopes = None
        case "field_hidden" | "field_locked":
            _permit(world, trouble, read=True, edit=True)
        case "property_archived":
            world.hubspot.user().restore_property("contacts", CUSTOM)
        case "rate_limited":
            world.network.closed.discard(trouble.side)


async def change_rules(world: World, store: Store) -> None:
    """Half of the fields get another rule, and whoever changed them tries them out."""
    chance = world.recipe.chance("rules_changed")
    async with store.write(world.connection_id) as tx:
        slugs = {row.id: row.object for row in await mappings.object_mappings(tx)}
        chosen: dict[tuple[str, str], str] = {}
        for row in await mappings.field_mappings(tx):
            place = (slugs[row.object_mapping_id], row.property)
            if row.locked_reason is None and chance.random() < 0.5:
                others = _LOOSER if row.rule.startswith("always") else RULES
                row.rule = chosen.setdefault(place, chance.choice(others))
                await mappings.save_field_mapping(tx, row)
        world.story.rules |= chosen
        world.story.reruled |= set(chosen)
        world.story.reruled_us = world.loop.now_us()
    world.users.try_out(set(chosen))


def _permit(world: World, trouble: Trouble, *, read: bool, edit: bool) -> None:
    """Field-level security of the user that Interlock signs in as."""
    user = world.salesforce.users[0].id
    world.salesforce.set_field_permission(user, "Contact", trouble.field, read=read, edit=edit)
