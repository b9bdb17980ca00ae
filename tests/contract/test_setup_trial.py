"""The trial with ten records: taken back, tried once more, or left by a process that died."""

from __future__ import annotations

from typing import Any

import pytest
from tests.wizard import BY, Wizard

from interlock.app import once
from interlock.app.errors import BadInput
from interlock.app.setup import finish, trial
from interlock.core.model import RecordKey
from interlock.store import erasures, links, setup_work

pytestmark = pytest.mark.anyio


@pytest.fixture
async def wizard(wizard: Wizard) -> Wizard:
    """Eleven people in HubSpot, of whom one is in Salesforce too, with an old phone number."""
    person = wizard.hubspot.user()
    for n in range(11):
        person.create("contacts", {"email": f"ada{n}@example.com", "lastname": "Lovelace", "phone": "+48 22 100"})
    wizard.production.user().create("Contact", {"Email": "ada0@example.com", "LastName": "Lovelace"})
    await wizard.signed_in()
    await wizard.install()
    await wizard.recommended()
    return wizard


def people(wizard: Wizard) -> list[str]:
    return sorted(str(row["Email"]) for row in wizard.salesforce_rows("Contact"))


def phone(wizard: Wizard) -> object:
    (row,) = [row for row in wizard.salesforce_rows("Contact") if row["Email"] == "ada0@example.com"]
    return row.get("Phone")


async def planned(wizard: Wizard) -> trial.UndoPlan:
    run = await finish.standing(wizard.interlock, wizard.setup_id)
    assert run is not None
    assert run.chosen is not None
    return await trial.plan_undo(wizard.interlock, run.chosen)


async def live_pairs(wizard: Wizard) -> int:
    connection = await wizard.connection()
    async with wizard.store.read(connection.id) as tx:
        return (await links.counts(tx)).get("contacts", {}).get("linked", 0)


async def test_undo_these_takes_back_what_was_written_and_deletes_what_was_created_and_confirmed(
    wizard: Wizard,
) -> None:
    await wizard.end("try")
    assert (len(people(wizard)), phone(wizard)) == (10, "+48 22 100")
    would = await planned(wizard)
    assert len(would.records) == 9
    assert [(each.property, each.back_to) for each in would.fields if each.property == "phone"] == [("phone", None)]
    run = await wizard.undo_trial(delete_records=9)
    assert (run.state, run.message) == ("undone", "")
    assert run.undone is not None
    assert run.undone.records == 9
    assert (people(wizard), phone(wizard)) == (["ada0@example.com"], None)
    assert await live_pairs(wizard) == 0


async def test_without_the_count_what_was_created_stays_and_is_said(wizard: Wizard) -> None:
    await wizard.end("try")
    run = await wizard.undo_trial()
    assert run.undone is not None
    assert (run.undone.records, len(people(wizard)), phone(wizard)) == (0, 10, None)
    assert sum("deleting it was not confirmed" in why for _, _, why in run.undone.left) == 9


async def test_another_count_than_would_be_deleted_is_refused_and_the_trial_can_still_be_undone(wizard: Wizard) -> None:
    await wizard.end("try")
    run = await wizard.undo_trial(delete_records=3)
    assert run.state == "failed"
    assert "9" in run.message
    assert len(people(wizard)) == 10
    assert (await wizard.undo_trial(delete_records=9)).state == "undone"


async def test_after_an_undo_another_choice_links_what_matches_by_the_mappings_of_then(wizard: Wizard) -> None:
    await wizard.end("try")
    await wizard.undo_trial(delete_records=9)
    assert phone(wizard) is None
    run = await wizard.end("link")
    assert run.state == "done"
    await once.once(wizard.store, await wizard.connection(), wizard.interlock.clients, wizard.interlock.clock_us)
    assert (people(wizard), phone(wizard)) == (["ada0@example.com"], "+48 22 100")
    assert await live_pairs(wizard) == 1


async def test_there_is_nothing_to_undo_without_a_trial_nor_after_somebody_went_on(wizard: Wizard) -> None:
    with pytest.raises(BadInput, match="no trial"):
        await finish.undo_trial(wizard.interlock, BY, await wizard.setup(), delete_records=None)
    await wizard.end("try")
    await wizard.go_on()
    await wizard.finished()
    with pytest.raises(BadInput, match="no trial"):
        await finish.undo_trial(wizard.interlock, BY, await wizard.setup(), delete_records=None)


async def test_a_trial_that_a_process_left_is_gone_on_with_on_the_same_records(
    wizard: Wizard, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Died(BaseException):
        pass

    async def dies(self: object, *_: object, **__: object) -> None:
        raise Died

    with monkeypatch.context() as patched:
        patched.setattr("interlock.app.try_first._tried", dies)  # all is written, and nobody knows yet
        await wizard.left_in_the_middle("try")
    before = people(wizard)
    assert len(before) == 10
    await finish.standing(wizard.interlock, wizard.setup_id)  # the next look at the page goes on
    run = await wizard.finished()
    assert run.state == "tried"
    assert people(wizard) == before
    assert len(run.trial) == 10
    assert any(field.name == "LastName" for pair in run.trial for field in pair.fields)


@pytest.mark.parametrize("side", ["hubspot", "salesforce"])
async def test_a_trial_keeps_nothing_of_somebody_who_was_erased_while_it_read(
    wizard: Wizard, monkeypatch: pytest.MonkeyPatch, side: str
) -> None:
    real, gone = trial.run, list[str]()

    async def meanwhile(*arguments: Any, **named: Any) -> list[trial.TriedPair]:
        read = await real(*arguments, **named)
        pair = next(each for each in read if each.synced)
        gone.extend(pair.keys)
        connection = await wizard.connection()
        async with wizard.store.write(connection.id) as tx:
            await erasures.put(tx, [str(getattr(pair, side))])
            await erasures.clear(tx, "contacts", [RecordKey.parse(key) for key in pair.keys], [])
        return read

    monkeypatch.setattr(trial, "run", meanwhile)
    run = await wizard.end("try")
    assert (run.state, len(run.trial)) == ("tried", 9)
    async with wizard.store.read(None) as tx:
        kept = await setup_work.get(tx, wizard.setup_id, "finish")
    assert kept is not None
    assert len(kept["trial"]) == 9
    assert not any(key in str(kept["trial"]) for key in gone)


async def test_trying_again_tries_the_same_records(wizard: Wizard) -> None:
    first = await wizard.end("try")
    again = await wizard.end("try")
    assert again.state == "tried"
    assert {pair.hubspot for pair in again.trial} == {pair.hubspot for pair in first.trial}
    assert len(people(wizard)) == 10


async def test_both_sides_are_shown_with_their_values_also_where_nothing_was_written(wizard: Wizard) -> None:
    wizard.hubspot.user().create("contacts", {"email": "same@example.com", "lastname": "Same"})
    wizard.production.user().create("Contact", {"Email": "same@example.com", "LastName": "Same"})
    run = await wizard.end("try")
    shown = {pair.label: {(each.property, each.hubspot, each.salesforce) for each in pair.values} for pair in run.trial}
    assert len(shown) == 10
    assert all(pair.synced and not pair.waits for pair in run.trial)
    (old_phone,) = [values for values in shown.values() if ("email", "ada0@example.com", "ada0@example.com") in values]
    assert ("phone", "+48 22 100", "+48 22 100") in old_phone


@pytest.mark.parametrize(
    ("pair", "synced", "waits"),
    [
        (trial.TriedPair("hubspot:contacts:1", "salesforce:Contact:003A"), True, False),
        (trial.TriedPair("hubspot:contacts:1", None), False, True),
        (trial.TriedPair("hubspot:contacts:1", None, why_not="not_eligible"), False, False),
        (trial.TriedPair("hubspot:contacts:1", None, issues=1), False, False),
    ],
)
async def test_a_record_without_counterpart_waits_unless_something_stands_against_it(
    pair: trial.TriedPair, synced: bool, waits: bool
) -> None:
    assert (pair.synced, pair.waits) == (synced, waits)
