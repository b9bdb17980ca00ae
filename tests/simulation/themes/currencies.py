"""Amounts in several currencies, of which each side lacks one that the other has.

What has to hold: an amount is never written beside a currency other than one that people put it in, since the same number
in another currency is another amount, unless somebody chose that currencies do not sync; and where a pair can agree, both do.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from interlock.app.schemas import NAME as SCHEMAS
from interlock.store import directory
from tests.simulation.desk import Desk
from tests.simulation.journals import OURS, entries_of
from tests.simulation.kinds import KINDS, Kind
from tests.simulation.themes.theme import Move, Theme

if TYPE_CHECKING:
    from interlock.store import Store
    from interlock.store.connections import Connection
    from tests.simulation.world import Story, World

DEALS = KINDS["deals"]
AMOUNT, CURRENCY = ("amount", "Amount"), ("deal_currency_code", "CurrencyIsoCode")
# Both have the first, which is the account's own and the org's.
OWN, IN_HUBSPOT, IN_SALESFORCE = "USD", ("USD", "EUR", "GBP"), ("USD", "EUR", "CHF")
# What stands for no amount.
NONE = Decimal(-1)


def _furnish(world: World) -> None:
    for code in IN_HUBSPOT[1:]:
        world.hubspot.settings().add_currency(code, "1.1")
    world.salesforce.enable_currencies({code: 1.0 + number / 10 for number, code in enumerate(IN_SALESFORCE)})


async def _settle(world: World, store: Store, connection: Connection) -> None:
    async with store.write(connection.id) as tx:
        await directory.drop(tx, SCHEMAS)


# --- moves ---------------------------------------------------------------------------------------------------------------


def _some_amount(desk: Desk) -> int:
    """One that nobody else types."""
    number = desk.kept["amounts"] = desk.kept.get("amounts", 1_000) + 1
    return int(number)


def another_amount_in_hubspot(desk: Desk, kind: Kind) -> None:
    desk.hugo.update("deals", desk.some_in_hubspot(DEALS), {AMOUNT[0]: str(_some_amount(desk))})


def another_amount_in_salesforce(desk: Desk, kind: Kind) -> None:
    desk.sally.update("Opportunity", desk.some_in_salesforce(DEALS), {AMOUNT[1]: _some_amount(desk)})


def another_currency_in_hubspot(desk: Desk, kind: Kind) -> None:
    """With another amount, mostly: whoever changes the one alone says that the number was right."""
    here, code = desk.some_in_hubspot(DEALS), desk.chance.choice(IN_HUBSPOT)
    amount = {AMOUNT[0]: str(_some_amount(desk))} if desk.chance.random() < 0.6 else {}
    if amount or (desk.hugo.get("deals", here).get(CURRENCY[0]) or "") != code:
        desk.hugo.update("deals", here, {CURRENCY[0]: code} | amount)


def another_currency_in_salesforce(desk: Desk, kind: Kind) -> None:
    there, code = desk.some_in_salesforce(DEALS), desk.chance.choice(IN_SALESFORCE)
    amount = {AMOUNT[1]: _some_amount(desk)} if desk.chance.random() < 0.6 else {}
    if amount or desk.sally.get("Opportunity", there)[CURRENCY[1]] != code:
        desk.sally.update("Opportunity", there, {CURRENCY[1]: code} | amount)


def amount_here_and_currency_there(desk: Desk, kind: Kind) -> None:
    here, there = desk.some_pair(DEALS)
    code = desk.chance.choice(IN_SALESFORCE)
    desk.hugo.update("deals", here, {AMOUNT[0]: str(_some_amount(desk))})
    if desk.sally.get("Opportunity", there)[CURRENCY[1]] != code:
        desk.sally.update("Opportunity", there, {CURRENCY[1]: code})


MOVES: dict[Move, float] = {
    another_amount_in_hubspot: 3,
    another_amount_in_salesforce: 3,
    another_currency_in_hubspot: 3,
    another_currency_in_salesforce: 3,
    amount_here_and_currency_there: 2,
}

# --- check ---------------------------------------------------------------------------------------------------------------


def check(story: Story) -> Iterator[str]:
    said: set[tuple[Decimal, str]] = set()
    written: list[tuple[str, str, tuple[Decimal, str], int]] = []
    for place, side in enumerate(("hubspot", "salesforce")):
        for id_, ours, money, at_us in _states(story, side, AMOUNT[place], CURRENCY[place]):
            if ours:
                written.append((side, id_, money, at_us))
            else:
                said.add(money)
    rule, changed = story.rules.get(("deals", CURRENCY[0])), ("deals", CURRENCY[0]) in story.reruled
    # Whoever sets the currency to Don't sync and the amount not says that the number alone is to go.
    for side, id_, money, at_us in [] if rule == "dont_sync" or changed else written:
        if money[0] != NONE and money not in said:
            yield f"currencies: {side} {id_} holds {money} after our write at {at_us}, and nobody ever said that"
    yield from _agreement(story)


def _states(
    story: Story, side: str, amount: str, currency: str
) -> Iterator[tuple[str, bool, tuple[Decimal, str], int]]:
    """What each record held of the two after each save of them: whose it was, and when. What is saved together is told together."""
    held: dict[str, dict[str, str]] = {}
    rows = list(entries_of(story, DEALS, side))
    touched = False
    for number, entry in enumerate(rows):
        values = held.setdefault(entry.id, {})
        if entry.field in (amount, currency):
            values[entry.field], touched = entry.new or "", True
        after = rows[number + 1] if number + 1 < len(rows) else None
        if after is not None and (after.id, after.at_us, after.client) == (entry.id, entry.at_us, entry.client):
            continue
        if touched:
            money = (_number(values.get(amount)), values.get(currency) or OWN)
            yield entry.id, entry.client == OURS, money, entry.at_us
        touched = False


def _number(value: Any) -> Decimal:
    return NONE if value in (None, "") else Decimal(str(value)).normalize()


def _agreement(story: Story) -> Iterator[str]:
    rules = {story.rules.get(("deals", name)) for name in (AMOUNT[0], CURRENCY[0])}
    reruled = {("deals", AMOUNT[0]), ("deals", CURRENCY[0])} & story.reruled
    # By two rules the two may go apart, and then neither goes.
    if reruled or len(rules) != 1 or rules & {"dont_sync", "always_hubspot", "always_salesforce", None}:
        return
    hugo, sally = story.hubspot.user(), story.salesforce.user()
    for link in story.links:
        pair = {link.hubspot_id, link.salesforce_id}
        if link.object != "deals" or link.state.value != "linked":
            continue
        if link.hubspot_id not in hugo.ids("deals") or link.salesforce_id not in sally.ids("Opportunity"):
            continue
        if any({each.hubspot_id, each.salesforce_id} & pair for each in story.issues):
            continue
        left, right = hugo.get("deals", link.hubspot_id), sally.get("Opportunity", link.salesforce_id)
        here = (_number(left.get(AMOUNT[0])), left.get(CURRENCY[0]) or OWN)
        there = (_number(right[AMOUNT[1]]), right[CURRENCY[1]])
        if here != there:
            yield f"currencies: {link.hubspot_id} holds {here}, {link.salesforce_id} {there}, and nobody was told"


CURRENCIES = Theme("currencies", check, moves=MOVES, furnish=_furnish, settle=_settle, objects=("deals",))
