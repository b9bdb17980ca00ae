"""What a pipeline owes to its sales process, where the stories of tests/engine/test_pipelines_in_step.py do not get to."""

from __future__ import annotations

import msgspec

from interlock.objects.stages_in_step import DealStage, Deed, Followed, SalesStage, move, plan

OPEN = (0.5, False)


def sales(*names: str) -> list[SalesStage]:
    return [SalesStage(f"row-{name}", name, name, percent=50.0) for name in names]


def deals(*labels: str) -> list[DealStage]:
    return [DealStage(f"id-{label}", label, OPEN) for label in labels]


def followed(*names: str) -> Followed:
    return Followed({f"id-{each.name}": each for each in sales(*names)}, [f"id-{name}" for name in names])


def joined(*names: str) -> dict[str, str]:
    return {f"id-{name}": name for name in names}


def called(stage: SalesStage, label: str) -> SalesStage:
    return msgspec.structs.replace(stage, label=label)


def test_nothing_is_owed_where_nothing_changed_in_salesforce():
    here, there = deals("A", "B"), sales("A", "B")
    found = plan(here, there, joined("A", "B"), followed("A", "B"))
    assert (found.changes, found.retired, found.followed) == ([], [], followed("A", "B"))


def test_what_is_looked_at_for_the_first_time_is_left_as_it_is():
    found = plan(
        deals("A", "B"), [called(each, each.name * 2) for each in sales("B", "A")], joined("A", "B"), Followed()
    )
    assert found.changes == []
    assert move(["id-A", "id-B"], found.order, found.followed.order) is None


def test_a_name_is_given_only_after_the_stage_that_has_it_is_called_otherwise():
    a, b = sales("A", "B")
    found = plan(deals("A", "B"), [called(a, "B"), called(b, "C")], joined("A", "B"), followed("A", "B"))
    assert [(each.deed, each.was, each.label) for each in found.changes] == [
        (Deed.RENAME, "B", "C"),
        (Deed.RENAME, "A", "B"),
    ]


def test_a_stage_that_a_person_joined_with_another_is_compared_anew_and_the_new_name_is_not_taken_twice():
    # Salesforce called A otherwise, A2, and a person has joined the stage B with A2 before we looked.
    there = [SalesStage("row-A", "A2", "A2", percent=50.0)]
    found = plan(deals("A", "B"), there, {"id-A": "A", "id-B": "A2"}, followed("A", "B"))
    assert found.names == {"id-A": "A", "id-B": "A2"}
    assert (found.changes, found.retired) == ([], ["id-A"])


def test_an_order_that_somebody_made_in_hubspot_stays_unless_a_move_of_ours_was_not_ended():
    before, wanted = ["1", "2", "3"], ["3", "2", "1"]
    assert move(["2", "1", "3"], before, wanted) is None
    for begun in (False, True):
        moved = move(["1", "2", "x", "3"], before, wanted, begun=begun)
        assert moved is not None
        assert moved.order == ["3", "2", "x", "1"]
    moved = move(["2", "1", "3"], before, wanted, begun=True)
    assert moved is not None
