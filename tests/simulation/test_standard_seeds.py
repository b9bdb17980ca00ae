"""Five hundred seeds of two CRMs under edits, faults and crashes: all end in agreement, and nothing is lost on the way.

They are played once, on all cores (a file lock keeps the test processes from doing it twice), and judged by several tests.
`make simulate` plays as many as one wants; `python -m tests.simulation.tell SEED` shows what happened in one.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from statistics import median

import msgspec
import pytest

from interlock.core.model import AuditKind
from tests.simulation import marks
from tests.simulation.check import check
from tests.simulation.child import Verdict, play
from tests.simulation.many import play_many
from tests.simulation.recipe import Recipe
from tests.simulation.tell import story_of
from tests.simulation.world import Story

SEEDS = 500
COUNTING = 30
EVERY_MARK_AT_LEAST = 5


@pytest.fixture(scope="session")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> list[Verdict]:
    # All test processes of a run have their own folder in a common one.
    common = tmp_path_factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        common = common.parent
    kept = common / "standard_seeds.msgpack"
    with (common / "standard_seeds.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            played = list(play_many([Recipe(seed) for seed in range(SEEDS)], os.cpu_count() or 1))
            kept.write_bytes(msgspec.msgpack.encode(sorted(played, key=lambda verdict: verdict.recipe.seed)))
    return msgspec.msgpack.decode(kept.read_bytes(), type=list[Verdict])


def test_every_seed_ends_in_agreement_and_nothing_is_lost(verdicts: list[Verdict]) -> None:
    failing = {verdict.recipe.seed: verdict.problems for verdict in verdicts if verdict.problems}
    if failing:
        first = min(failing)
        pytest.fail(
            f"{len(failing)} of {SEEDS} seeds fail: {failing}\n\nseed {first}:\n{story_of(Recipe(first))}",
            pytrace=False,
        )


def test_they_end_so_too_where_the_first_load_goes_by_whom_it_has_noted() -> None:
    played = play_many([Recipe(seed, counts=True) for seed in range(COUNTING)], os.cpu_count() or 1)
    assert {verdict.recipe.seed: verdict.problems for verdict in played if verdict.problems} == {}


def test_seeds_are_stories_worth_telling(verdicts: list[Verdict]) -> None:
    assert median(verdict.requests for verdict in verdicts) >= 100
    assert median(sum(verdict.faults.values()) for verdict in verdicts) >= 5
    assert all(30 <= verdict.moves <= 60 for verdict in verdicts)
    assert max(verdict.crashes for verdict in verdicts) == 2
    assert sum(verdict.refused_moves for verdict in verdicts) <= 0.25 * sum(verdict.moves for verdict in verdicts)
    assert sum(verdict.conflicts for verdict in verdicts) >= SEEDS


def test_every_fault_branch_and_crash_point_was_met(verdicts: list[Verdict]) -> None:
    """A simulation in which nothing rare happens proves nothing."""
    met: Counter[str] = Counter()
    for verdict in verdicts:
        met.update(verdict.marks)
    assert [f"{mark}: {met[mark]}" for mark in marks.wanted() if met[mark] < EVERY_MARK_AT_LEAST] == []


def test_one_seed_in_ten_tells_the_same_story_in_a_fresh_process(verdicts: list[Verdict]) -> None:
    seeds = [str(verdict.recipe.seed) for verdict in verdicts[::10]]
    root = Path(__file__).parents[2]
    told = subprocess.run(
        [sys.executable, "-m", "tests.simulation.child", *seeds],
        capture_output=True, text=True, check=True, cwd=root, env=os.environ | {"PYTHONHASHSEED": "0"},
    )  # fmt: skip
    assert told.stdout.splitlines() == [f"{verdict.recipe.seed} {verdict.digest}" for verdict in verdicts[::10]]


def without_the_log(story: Story) -> list[str]:
    assert check(story) == []
    assert story.conflicts
    story.audit[:] = [row for row in story.audit if row.kind is not AuditKind.CONFLICT]
    return check(story)


def test_a_value_that_is_missing_from_the_conflict_log_is_noticed() -> None:
    verdict = play(Recipe(3), judge=without_the_log)
    assert verdict.problems
    assert all(problem.startswith("lost edit") for problem in verdict.problems)
