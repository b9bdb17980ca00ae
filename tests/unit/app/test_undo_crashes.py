"""An undo that does not come to its end: a process that dies, an answer that is lost, a field that is refused."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.undo_world import Died, Dying, linked, noticed
from tests.unit.app.conftest import Tell
from tests.world import World

from interlock.app.undo import run as running
from interlock.core.model import Side
from interlock.engine.cycle import run_batch


@pytest.mark.parametrize("lands", [False, True])
@pytest.mark.parametrize("side", list(Side))
def test_an_undo_that_dies_at_its_write_is_ended_by_the_next_sync(tell: Tell, side: Side, lands: bool) -> None:
    async def story(world: World) -> None:
        pair = await linked(world)
        pair.edit(**{side.other.value: "Countess"})
        await world.sync_later()
        world.transport = Dying(world.line, 1, lands=lands)
        with pytest.raises(BaseException) as died:
            await pair.undo()
        assert isinstance(died.value, Died) or died.value.exceptions  # type: ignore[attr-defined]
        world.transport = world.line
        await asyncio.sleep(3_600.0)
        await world.settle()
        undone = ("Clerk", "Countess") if side is Side.HUBSPOT else ("Countess", "Clerk")
        assert pair.titles() == undone
        assert [row.new for row in await world.audit("undo")] == ["Clerk"]

    tell(story)


@pytest.mark.parametrize("side", list(Side))
def test_an_undo_whose_answer_is_lost_is_recognised_and_stands(tell: Tell, side: Side) -> None:
    async def story(world: World) -> None:
        pair = await linked(world)
        pair.edit(**{side.other.value: "Countess"})
        await world.sync_later()
        world.transport = Dying(world.line, 1, lands=True, cut=True)
        done = await pair.undo()
        assert [each.why for each in done.left] == ["waiting"]
        world.transport = world.line
        await asyncio.sleep(3_600.0)
        await world.settle()
        assert pair.titles() == (("Clerk", "Countess") if side is Side.HUBSPOT else ("Countess", "Clerk"))

    tell(story)


def test_undoing_again_after_a_crash_ends_it_too(tell: Tell) -> None:
    async def story(world: World) -> None:
        pair = await linked(world)
        pair.edit(salesforce="Countess")
        await world.sync_later()
        world.transport = Dying(world.line, 1, lands=False)
        with pytest.raises(BaseException):  # noqa: B017
            await pair.undo()
        world.transport = world.line
        # The request of the dead process may still land: until it cannot, nobody writes.
        assert [each.why for each in (await pair.undo()).left] == ["waiting"]
        await world.settle()
        assert pair.titles() == ("Clerk", "Countess")

    tell(story)


def test_a_record_that_is_gone_is_left_and_said(tell: Tell) -> None:
    async def story(world: World) -> None:
        pair = await linked(world)
        pair.edit(salesforce="Countess")
        await world.sync_later()
        world.hugo.archive("contacts", pair.hubspot_id)
        done = await pair.undo()
        assert (done.fields, [each.why for each in done.left]) == (0, ["gone"])
        await world.settle()
        assert world.sally.get("Contact", pair.salesforce_id)["Title"] == "Countess"

    tell(story)


def test_a_field_that_is_refused_stays_due_with_an_issue(tell: Tell) -> None:
    async def story(world: World) -> None:
        pair = await linked(world)
        pair.edit(hubspot="Countess")
        await world.sync_later()
        world.salesforce.add_validation_rule("Contact", lambda record: record.get("Title") == "Clerk", "No clerks.")
        done = await pair.undo()
        assert [each.why for each in done.left] == ["waiting"]
        assert [issue.raw_message for issue in await world.issues()] == ["No clerks."]
        assert pair.titles() == ("Countess", "Countess")

    tell(story)


def test_an_undo_that_dies_right_after_loses_nothing_else_that_was_known_of_its_pairs(
    tell: Tell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An edit that was noticed before, and that the undo left alone: no look for changes would find it a second time."""

    async def story(world: World) -> None:
        pair = await linked(world)
        pair.edit(salesforce="Countess")
        await world.sync_later()
        world.sally.update("Contact", pair.salesforce_id, {"Phone": "+441234567890"})
        await noticed(world)
        await asyncio.sleep(3_600.0)
        await noticed(world)

        async def dies_then(*line: Any) -> None:
            await run_batch(*line)
            raise Died

        with monkeypatch.context() as patched:
            patched.setattr(running, "run_batch", dies_then)
            with pytest.raises(Died):
                await pair.undo()
        assert pair.titles() == ("Clerk", "Countess")

        await world.settle()
        assert world.contact(pair.hubspot_id)["phone"] == "+441234567890"
        assert pair.titles() == ("Clerk", "Countess")

    tell(story)
