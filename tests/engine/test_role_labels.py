"""Roles of an opportunity's contacts as labels of the deal's contacts, where that was chosen."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from interlock.app.preview import plan
from interlock.core.model import RecordKey, Side
from tests.engine.test_associations import a_deal, roles
from tests.world import World

IN_STEP: dict[str, Any] = {"settings": {"choices": {"role_labels": {"deals": "both"}}}}
LABELS = ("Decision Maker", "Evaluator", "Bills are sent to")


def labels(world: World) -> None:
    for label in LABELS:
        make_label(world, label)


def make_label(world: World, label: str) -> None:
    types = world.hugo._operations.associations.types
    types.add_label("deals", "contacts", {"label": label, "name": label.lower().replace(" ", "_")})


def type_ids(world: World) -> dict[str, int]:
    found = world.hugo._operations.associations.types.of("deals", "contacts").values()
    return {each.label: each.id for each in found if each.label}


def labels_of(world: World, deal: str, contact: str) -> set[str]:
    types = world.hugo.associated("deals", deal, "contacts")[contact]
    names = {id_: label for label, id_ in type_ids(world).items()}
    return {names[each] for each in types if each in names}


def give_label(world: World, deal: str, contact: str, *given: str) -> None:
    world.hugo.associate("deals", deal, "contacts", contact, *(type_ids(world)[each] for each in given))


def roles_of(world: World, opportunity: str) -> list[tuple[str, str | None]]:
    rows = (world.sally.get("OpportunityContactRole", id_) for id_ in world.sally.ids("OpportunityContactRole"))
    return sorted((row["ContactId"], row["Role"] or "") for row in rows if row["OpportunityId"] == opportunity)


async def look(world: World, deal: str) -> None:
    """HubSpot's search does not show that a label changed: somebody asks."""
    await world.sync(RecordKey(Side.HUBSPOT, "deals", deal))
    await world.settle()


async def ada_decides(world: World) -> tuple[str, str, str, str]:
    """Contact and deal in HubSpot, contact and opportunity in Salesforce, where she has the role."""
    ada = world.person("ada@example.com")
    here, there = await a_deal(world)
    adas = world.counterpart("contacts", ada)
    row = {"OpportunityId": there, "ContactId": adas, "Role": "Decision Maker"}
    world.sally.create("OpportunityContactRole", row)
    await world.settle()
    return ada, here, adas, there


def row_of(world: World, contact: str) -> str:
    (found,) = [
        id_
        for id_ in world.sally.ids("OpportunityContactRole")
        if world.sally.get("OpportunityContactRole", id_)["ContactId"] == contact
    ]
    return found


def test_a_role_is_a_label_and_follows_its_changes(tell):
    async def story(world: World) -> None:
        ada, here, adas, _ = await ada_decides(world)
        assert labels_of(world, here, ada) == {"Decision Maker"}
        world.sally.update("OpportunityContactRole", row_of(world, adas), {"Role": "Evaluator"})
        await world.settle()
        assert labels_of(world, here, ada) == {"Evaluator"}
        world.sally.update("OpportunityContactRole", row_of(world, adas), {"Role": None})
        await world.settle()
        assert labels_of(world, here, ada) == set()
        assert list(world.hugo.associated("deals", here, "contacts")) == [ada]

    tell(story, before=labels, **IN_STEP)


def test_a_label_is_a_role_and_follows_its_changes(tell):
    async def story(world: World) -> None:
        ada = world.person("ada@example.com")
        here, there = await a_deal(world, ada)
        adas = world.counterpart("contacts", ada)
        assert roles_of(world, there) == [(adas, "")]
        give_label(world, here, ada, "Evaluator")
        await look(world, here)
        assert roles_of(world, there) == [(adas, "Evaluator")]
        give_label(world, here, ada, "Decision Maker")
        await look(world, here)
        assert roles_of(world, there) == [(adas, "Decision Maker")]
        world.hugo.disassociate("deals", here, "contacts", ada)
        await world.settle()
        assert roles(world, there) == set()

    tell(story, before=labels, **IN_STEP)


def test_somebody_with_two_labels_has_two_roles_and_the_other_way_round(tell):
    async def story(world: World) -> None:
        ada, bob = world.person("ada@example.com"), world.person("bob@example.com")
        await world.settle()
        here = world.hugo.create("deals", {"dealname": "Big", "dealstage": "closedwon", "closedate": "2026-03-01"})
        give_label(world, here, ada, "Decision Maker", "Evaluator")
        await world.settle()
        there = world.counterpart("deals", here)
        adas, bobs = (world.counterpart("contacts", each) for each in (ada, bob))
        assert roles_of(world, there) == [(adas, "Decision Maker"), (adas, "Evaluator")]
        for role in ("Decision Maker", "Evaluator"):
            row = {"OpportunityId": there, "ContactId": bobs, "Role": role}
            world.sally.create("OpportunityContactRole", row)
        await world.settle()
        assert labels_of(world, here, bob) == {"Decision Maker", "Evaluator"}
        assert labels_of(world, here, ada) == {"Decision Maker", "Evaluator"}

    tell(story, before=labels, **IN_STEP)


def test_a_label_that_is_no_role_stays_where_it_is(tell):
    async def story(world: World) -> None:
        ada, here, adas, there = await ada_decides(world)
        give_label(world, here, ada, "Decision Maker", "Bills are sent to")
        await look(world, here)
        assert roles_of(world, there) == [(adas, "Decision Maker")]
        world.sally.update("OpportunityContactRole", row_of(world, adas), {"Role": "Evaluator"})
        await world.settle()
        assert labels_of(world, here, ada) == {"Evaluator", "Bills are sent to"}
        world.sally.update("OpportunityContactRole", row_of(world, adas), {"Role": None})
        await world.settle()
        assert labels_of(world, here, ada) == {"Bills are sent to"}
        assert await world.issues() == []

    tell(story, before=labels, **IN_STEP)


def test_a_label_that_was_made_a_moment_ago_stays_when_another_is_carried_over(tell):
    async def story(world: World) -> None:
        ada, here, adas, _ = await ada_decides(world)
        # The labels were read for her first role.
        make_label(world, "Signs for it")
        give_label(world, here, ada, "Decision Maker", "Signs for it")
        world.sally.update("OpportunityContactRole", row_of(world, adas), {"Role": "Evaluator"})
        await world.settle()
        assert labels_of(world, here, ada) == {"Evaluator", "Signs for it"}

    tell(story, before=labels, **IN_STEP)


def test_a_preview_does_not_call_a_deal_unchanged_whose_labels_it_would_change(tell):
    async def story(world: World) -> None:
        ada, here, adas, _ = await ada_decides(world)
        world.sally.update("OpportunityContactRole", row_of(world, adas), {"Role": "Evaluator"})
        await asyncio.sleep(60)
        assert world.store is not None
        assert world.connection is not None
        previewed = await plan(world.store, world.connection, *world.clients(), world.clock_us)
        assert previewed.objects["deals"].unchanged == 0
        assert labels_of(world, here, ada) == {"Decision Maker"}

    tell(story, before=labels, **IN_STEP)


def test_a_role_that_no_label_is_called_by_is_an_issue_and_stays(tell):
    async def story(world: World) -> None:
        ada, here, adas, there = await ada_decides(world)
        world.sally.update("OpportunityContactRole", row_of(world, adas), {"Role": "Influencer"})
        await world.settle()
        (issue,) = await world.issues()
        assert (issue.code, "Influencer" in issue.cause) == ("role_without_label", True)
        assert labels_of(world, here, ada) == set()
        assert roles_of(world, there) == [(adas, "Influencer")]
        # Somebody makes the label, as the issue asks, and resyncs it.
        make_label(world, "Influencer")
        await look(world, here)
        assert labels_of(world, here, ada) == {"Influencer"}
        assert await world.issues() == []

    tell(story, before=labels, **IN_STEP)


def test_an_edit_of_a_role_keeps_the_primary_contact(tell):
    async def story(world: World) -> None:
        ada, here, adas, _ = await ada_decides(world)
        world.sally.update("OpportunityContactRole", row_of(world, adas), {"IsPrimary": True})
        await world.settle()
        give_label(world, here, ada, "Evaluator")
        await look(world, here)
        row = world.sally.get("OpportunityContactRole", row_of(world, adas))
        assert (row["Role"], row["IsPrimary"]) == ("Evaluator", True)

    tell(story, before=labels, **IN_STEP)


def test_a_role_that_the_org_refuses_is_an_issue_and_is_tried_again(tell):
    async def story(world: World) -> None:
        ada, bob = world.person("ada@example.com"), world.person("bob@example.com")
        here, there = await a_deal(world, ada, bob)
        adas, bobs = (world.counterpart("contacts", each) for each in (ada, bob))
        barred = [adas]
        world.salesforce.add_validation_rule(
            "OpportunityContactRole",
            lambda row: row.get("ContactId") in barred and row.get("Role") == "Evaluator",
            "She is none",
        )
        for each in (ada, bob):
            give_label(world, here, each, "Evaluator")
        await look(world, here)
        assert roles_of(world, there) == sorted([(adas, ""), (bobs, "Evaluator")])
        (issue,) = await world.issues()
        assert (issue.code, "She is none" in issue.cause) == ("association_refused", True)
        # What is refused of one keeps no edit of another from counting.
        give_label(world, here, bob, "Decision Maker")
        await look(world, here)
        assert roles_of(world, there) == sorted([(adas, ""), (bobs, "Decision Maker")])
        barred.clear()
        await look(world, here)
        assert roles_of(world, there) == sorted([(adas, "Evaluator"), (bobs, "Decision Maker")])
        assert await world.issues() == []

    tell(story, before=labels, **IN_STEP)


@pytest.mark.parametrize("chosen", [{}, IN_STEP], ids=["until it is chosen", "without rights on the field"])
def test_roles_and_labels_are_left_alone(tell, chosen):
    async def story(world: World) -> None:
        ada, here, adas, there = await ada_decides(world)
        assert labels_of(world, here, ada) == set()
        give_label(world, here, ada, "Evaluator")
        await look(world, here)
        assert roles_of(world, there) == [(adas, "Decision Maker")]
        assert labels_of(world, here, ada) == {"Evaluator"}
        assert await world.issues() == []

    def before(world: World) -> None:
        labels(world)
        if chosen:
            sync_user = world.salesforce.users[0].name
            world.salesforce.set_field_permission(sync_user, "OpportunityContactRole", "Role", read=False, edit=False)

    tell(story, before=before, **chosen)


def test_each_role_and_label_that_is_given_or_taken_is_logged_with_who_has_it(tell):
    async def story(world: World) -> None:
        ada, here, adas, _ = await ada_decides(world)
        give_label(world, here, ada, "Evaluator")
        await look(world, here)
        give_label(world, here, ada, "Evaluator", "Decision Maker")
        await look(world, here)
        world.sally.delete("OpportunityContactRole", row_of_role(world, "Evaluator"))
        await world.settle()
        assert labels_of(world, here, ada) == {"Decision Maker"}
        rows = [each for each in await world.audit() if each.cause in ("role", "label")]
        assert {each.hubspot_id for each in rows} == {here}
        assert [(each.kind.value, each.cause, each.new or each.old) for each in rows] == [
            ("associate", "label", f"Decision Maker: {ada}"),
            ("disassociate", "role", f"Decision Maker: {adas}"),
            ("associate", "role", f"Evaluator: {adas}"),
            ("associate", "role", f"Decision Maker: {adas}"),
            ("disassociate", "label", f"Evaluator: {ada}"),
        ]

    tell(story, before=labels, **IN_STEP)


def row_of_role(world: World, role: str) -> str:
    rows = world.sally.ids("OpportunityContactRole")
    return next(id_ for id_ in rows if world.sally.get("OpportunityContactRole", id_)["Role"] == role)


def test_a_write_of_a_role_that_is_refused_is_not_logged(tell):
    async def story(world: World) -> None:
        ada, here, adas, there = await ada_decides(world)
        world.salesforce.add_validation_rule(
            "OpportunityContactRole", lambda row: row.get("Role") == "Evaluator", "She is none"
        )
        give_label(world, here, ada, "Evaluator")
        await look(world, here)
        assert roles_of(world, there) == [(adas, "Decision Maker")]
        assert [each.cause for each in await world.audit() if each.cause in ("role", "label")] == ["label"]

    tell(story, before=labels, **IN_STEP)


def test_a_label_that_is_made_again_is_given_to_those_who_have_the_role(tell):
    """It was taken off every deal and deleted while nobody looked. The issue asks for it, and making it takes nobody's role."""

    async def story(world: World) -> None:
        ada, here, adas, there = await ada_decides(world)
        world.hugo.disassociate("deals", here, "contacts", ada)
        world.hugo.associate("deals", here, "contacts", ada)
        old = type_ids(world)["Decision Maker"]
        world.hugo._operations.associations.remove_label("deals", "contacts", old)
        await asyncio.sleep(7 * 3_600)
        world.hugo.update("deals", here, {"dealname": "Bigger"})
        await world.settle()
        assert [issue.code for issue in await world.issues()] == ["role_without_label"]
        make_label(world, "Decision Maker")
        await look(world, here)
        assert roles_of(world, there) == [(adas, "Decision Maker")]
        assert labels_of(world, here, ada) == {"Decision Maker"}
        assert await world.issues() == []

    tell(story, before=labels, **IN_STEP)
