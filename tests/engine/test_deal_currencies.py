"""Amounts in several currencies: each goes with its own, or waits with it."""

from __future__ import annotations

import pytest

from interlock.core.model import RecordKey, Side
from tests.engine.test_undo import undo
from tests.world import World

CLOSE = {"closedate": "2026-03-01", "dealstage": "closedwon"}
ROW = {"StageName": "Closed Won", "CloseDate": "2026-03-01"}
TWO = {"hubspot": {"currencies": {"EUR": "1.1"}}}


def with_currencies(world: World) -> None:
    world.salesforce.enable_currencies({"USD": 1.0, "GBP": 0.8, "EUR": 0.9})


def without_euro(world: World) -> None:
    world.salesforce.enable_currencies({"USD": 1.0, "GBP": 0.8})


def money(world: World, deal: str) -> tuple[str | None, str | None]:
    values = world.hugo.get("deals", deal)
    return values.get("amount"), values.get("deal_currency_code")


def money_there(world: World, there: str) -> tuple[float | None, str | None]:
    row = world.sally.get("Opportunity", there)
    return row["Amount"], row["CurrencyIsoCode"]


def test_an_amount_goes_both_ways_in_its_currency(tell):
    async def story(world: World) -> None:
        deal = world.hugo.create("deals", {"dealname": "Big", "amount": "10", "deal_currency_code": "EUR", **CLOSE})
        await world.settle()
        there = world.counterpart("deals", deal)
        assert money_there(world, there) == (10, "EUR")
        world.sally.update("Opportunity", there, {"Amount": 20, "CurrencyIsoCode": "USD"})
        await world.settle()
        assert money(world, deal) == ("20", "USD")
        assert await world.issues() == []

    tell(story, with_currencies, **TWO)


def test_a_deal_in_a_currency_that_the_org_lacks_is_an_issue_and_no_opportunity(tell):
    async def story(world: World) -> None:
        world.hugo.create("deals", {"dealname": "Big", "amount": "10", "deal_currency_code": "EUR", **CLOSE})
        await world.settle()
        assert world.sally.ids("Opportunity") == []
        (issue,) = await world.issues()
        assert (issue.property, issue.value) == ("deal_currency_code", "EUR")

    tell(story, without_euro, **TWO)


def test_an_opportunity_in_a_currency_that_the_account_lacks_is_an_issue_and_no_deal(tell):
    async def story(world: World) -> None:
        world.sally.create("Opportunity", {"Name": "Big", "Amount": 10, "CurrencyIsoCode": "GBP", **ROW})
        await world.settle()
        assert world.hugo.ids("deals") == []
        (issue,) = await world.issues()
        assert (issue.property, issue.value) == ("deal_currency_code", "GBP")

    tell(story, without_euro, **TWO)


def test_an_amount_waits_for_a_currency_that_cannot_be_carried_over(tell):
    async def story(world: World) -> None:
        deal = world.hugo.create("deals", {"dealname": "Big", "amount": "10", "deal_currency_code": "USD", **CLOSE})
        await world.settle()
        there = world.counterpart("deals", deal)
        for each in ("amount", "deal_currency_code", "dealname"):
            await world.rule("deals", each, "two_way")
        world.hugo.update("deals", deal, {"amount": "9", "deal_currency_code": "EUR", "dealname": "Bigger"})
        await world.settle()
        assert money_there(world, there) == (10, "USD")
        assert world.sally.get("Opportunity", there)["Name"] == "Bigger"
        assert {issue.code for issue in await world.issues()} == {"INVALID_OPTION", "CURRENCY_NOT_CARRIED"}
        # Another amount in it waits as well.
        world.hugo.update("deals", deal, {"amount": "8"})
        await world.settle()
        assert money_there(world, there) == (10, "USD")
        # In a currency that both have, it goes on.
        world.hugo.update("deals", deal, {"amount": "7", "deal_currency_code": "USD"})
        await world.settle()
        assert money_there(world, there) == (7, "USD")
        assert await world.issues() == []

    tell(story, without_euro, **TWO)


async def two_way(world: World) -> None:
    for each in ("amount", "deal_currency_code"):
        await world.rule("deals", each, "two_way")


def test_the_amount_of_one_side_and_the_currency_of_the_other_make_no_third_amount(tell):
    async def story(world: World) -> None:
        deal = world.hugo.create("deals", {"dealname": "Big", "amount": "10", "deal_currency_code": "EUR", **CLOSE})
        await world.settle()
        there = world.counterpart("deals", deal)
        await two_way(world)
        world.hugo.update("deals", deal, {"amount": "20"})
        world.sally.update("Opportunity", there, {"CurrencyIsoCode": "USD"})
        await world.settle()
        # Twenty dollars is what nobody said.
        assert (money(world, deal), money_there(world, there)) == (("20", "EUR"), (10, "USD"))
        assert {issue.code for issue in await world.issues()} == {"CURRENCY_NOT_CARRIED"}
        world.hugo.update("deals", deal, {"amount": "11", "deal_currency_code": "USD"})
        await world.settle()
        assert (money(world, deal), money_there(world, there)) == (("11", "USD"), (11, "USD"))
        assert await world.issues() == []

    tell(story, with_currencies, **TWO)


def test_a_currency_does_not_go_without_the_amount_that_is_refused(tell):
    async def story(world: World) -> None:
        deal = world.hugo.create("deals", {"dealname": "Big", "amount": "10", "deal_currency_code": "USD", **CLOSE})
        await world.settle()
        there = world.counterpart("deals", deal)
        await two_way(world)
        most = [100]
        world.salesforce.add_validation_rule(
            "Opportunity", lambda row: (row.get("Amount") or 0) > most[0], "Too much", field="Amount"
        )
        world.hugo.update("deals", deal, {"amount": "900", "deal_currency_code": "EUR", "description": "Grown"})
        await world.settle()
        assert money_there(world, there) == (10, "USD")
        assert world.sally.get("Opportunity", there)["Description"] == "Grown"
        # Nor does it when it is another one later on, while the amount waits.
        world.hugo.update("deals", deal, {"deal_currency_code": "GBP"})
        await world.settle()
        assert money_there(world, there) == (10, "USD")
        most[0] = 1_000
        await world.sync(RecordKey(Side.HUBSPOT, "deals", deal))
        await world.settle()
        assert money_there(world, there) == (900, "GBP")
        assert await world.issues() == []

    tell(story, with_currencies, hubspot={"currencies": {"EUR": "1.1", "GBP": "1.2"}})


def in_euro_with_dollars(world: World) -> None:
    world.salesforce.enable_currencies({"EUR": 1.0, "USD": 1.1}, corporate="EUR")


def in_euro(world: World) -> None:
    world.salesforce.enable_currencies({"EUR": 1.0, "GBP": 0.8}, corporate="EUR")


def test_a_deal_that_names_no_currency_is_in_that_of_its_account(tell):
    async def story(world: World) -> None:
        deal = world.hugo.create("deals", {"dealname": "Big", "amount": "10", **CLOSE})
        await world.settle()
        there = world.counterpart("deals", deal)
        assert money_there(world, there) == (10, "USD")
        assert world.hugo.get("deals", deal).get("deal_currency_code") is None
        world.sally.update("Opportunity", there, {"Amount": 11})
        await world.settle()
        assert money(world, deal)[0] == "11"
        assert await world.issues() == []

    tell(story, in_euro_with_dollars)


def test_a_deal_in_the_accounts_own_currency_that_the_org_lacks_is_no_opportunity_in_another(tell):
    async def story(world: World) -> None:
        world.hugo.create("deals", {"dealname": "Big", "amount": "10", **CLOSE})
        await world.settle()
        assert world.sally.ids("Opportunity") == []
        assert [issue.property for issue in await world.issues()] == ["deal_currency_code"]

    tell(story, in_euro)


@pytest.mark.parametrize("side", ["hubspot", "salesforce"])
def test_a_record_is_made_without_the_amount_whose_currency_its_rule_keeps_back(tell, side):
    """HubSpot and Salesforce give a new record a currency of their own, in which the number would be another amount."""

    async def story(world: World) -> None:
        await world.rule("deals", "deal_currency_code", f"always_{side}")
        if side == "hubspot":
            there = world.sally.create("Opportunity", {"Name": "Big", "Amount": 10, "CurrencyIsoCode": "EUR", **ROW})
            await world.settle()
            (deal,) = world.hugo.ids("deals")
            assert money(world, deal)[0] is None
            world.sally.update("Opportunity", there, {"CurrencyIsoCode": "USD", "Amount": 11})
        else:
            deal = world.hugo.create("deals", {"dealname": "Big", "amount": "10", "deal_currency_code": "EUR", **CLOSE})
            await world.settle()
            (there,) = world.sally.ids("Opportunity")
            assert money_there(world, there)[0] is None
            world.hugo.update("deals", deal, {"deal_currency_code": "USD", "amount": "11"})
        assert {issue.property for issue in await world.issues()} == {"amount", "deal_currency_code"}
        await world.settle()
        assert (money(world, deal)[0], money_there(world, there)[0]) == ("11", 11)
        assert await world.issues() == []

    tell(story, with_currencies, **TWO)


def test_a_currency_that_is_to_win_leaves_an_amount_alone_that_the_other_side_does_not_have(tell):
    async def story(world: World) -> None:
        deal = world.hugo.create("deals", {"dealname": "Big", "deal_currency_code": "USD", **CLOSE})
        await world.settle()
        there = world.counterpart("deals", deal)
        for each in ("amount", "deal_currency_code"):
            await world.rule("deals", each, "always_hubspot")
        world.sally.update("Opportunity", there, {"Amount": 10, "CurrencyIsoCode": "EUR"})
        await world.settle()
        assert money_there(world, there) == (10, "EUR")
        (issue,) = await world.issues()
        assert (issue.code, issue.property) == ("CURRENCY_NOT_CARRIED", "deal_currency_code")
        world.hugo.update("deals", deal, {"amount": "12"})
        await world.settle()
        assert money_there(world, there) == (12, "USD")
        assert await world.issues() == []

    tell(story, with_currencies, **TWO)


def test_an_amount_whose_currency_was_edited_since_does_not_go_back_nor_does_it_later(tell):
    """Undone by halves they would be an amount that nobody said; and what waited would go back beside whatever comes then."""

    async def story(world: World) -> None:
        deal = world.hugo.create("deals", {"dealname": "Big", "amount": "10", "deal_currency_code": "EUR", **CLOSE})
        await world.settle()
        there = world.counterpart("deals", deal)
        await two_way(world)
        since_us = world.clock_us()
        world.sally.update("Opportunity", there, {"Amount": 20, "CurrencyIsoCode": "USD"})
        await world.settle()
        world.hugo.update("deals", deal, {"deal_currency_code": "EUR"})
        await world.settle()

        done = await undo(world, since_us)

        assert {(each.property, each.side, each.why) for each in done.left} == {
            ("deal_currency_code", Side.HUBSPOT, "edited_since"),
            ("amount", Side.HUBSPOT, "not_together"),
            ("deal_currency_code", Side.SALESFORCE, "not_together"),
        }
        assert await world.issues() == []
        world.hugo.update("deals", deal, {"amount": "25"})
        await world.settle()
        await world.sync(RecordKey(Side.HUBSPOT, "deals", deal))
        await world.settle()
        assert (money(world, deal), money_there(world, there)) == (("25", "EUR"), (25, "EUR"))

    tell(story, with_currencies, **TWO)
