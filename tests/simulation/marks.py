"""What a story has met: branches of the merge table, kinds of faults, and the awaits at which a process was stopped.

Counted from outside: while a story plays, the functions of the core are wrapped in the process that plays it. A simulation
in which nothing rare ever happens proves nothing, so `test_standard_seeds.py` demands that everything in `wanted` does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from itertools import product
from typing import Any

from interlock.core import reconcile
from interlock.core.model import SyncRule
from interlock.core.reconcile import Because, FieldMerge
from interlock.store.database import Store
from tests.golden import merge as table
from tests.simulation import incidents
from tests.simulation.network import STORM
from tests.simulation.races import ABOUT_A_POLL, RACES
from tests.simulation.troubles import KINDS_OF_TROUBLE
from tests.simulation.world import Story

# What no story can meet, and why. The exhaustive table (tests/golden) and the planner's properties hold these.
_NO_SUCH_BASE = "two values that never agreed are no base: only one of another release, or of a changed codec, would be"
OUT_OF_REACH: dict[str, str] = {
    "merge always_hubspot: unequal, to salesforce, logs unequal": _NO_SUCH_BASE,
    "merge always_salesforce: unequal, to hubspot, logs unequal": _NO_SUCH_BASE,
    "merge prefer_hubspot: unequal, to salesforce, logs unequal": _NO_SUCH_BASE,
    "merge prefer_salesforce: unequal, to hubspot, logs unequal": _NO_SUCH_BASE,
    "merge two_way: unequal, to hubspot, logs unequal": _NO_SUCH_BASE,
    "merge two_way: unequal, to salesforce, logs unequal": _NO_SUCH_BASE,
}


class Counted:
    def __init__(self) -> None:
        self.marks: Counter[str] = Counter()
        self.transactions = 0

    def take(self, story: Story) -> None:
        for kind, times in story.network.faults.items():
            self.marks[f"fault {kind}"] += times
        for name in [made.name for made in story.moves if made.refused is None] + story.pages:
            self.marks[f"did {name}"] += 1
        for _, what, at in story.incidents:
            for module, line in at:
                self.marks[f"{'stop' if what != 'freeze' else 'freeze'} {module}:{line}"] += 1


def branch(rule: SyncRule, merge: FieldMerge) -> str:
    """A branch of the merge table: what is decided under which rule, and why."""
    write = merge.write.value if merge.write is not None else "nothing"
    logs = f", logs {merge.conflict.reason.value}" if merge.conflict is not None else ""
    return f"merge {rule.value}: {merge.because.value}, to {write}{logs}"


@cache
def wanted() -> tuple[str, ...]:
    branches = {
        branch(rule, table.merged(case, rule, newest))
        for case, rule, newest in product(table.spellings(), SyncRule, table.NEWEST)
    }
    stops = {f"stop {module}:{line}" for module, line in incidents.sites() if module == "cycle"}
    faults = {f"fault {kind}" for kind in (*STORM, *RACES, ABOUT_A_POLL, *KINDS_OF_TROUBLE)}
    return tuple(sorted((branches | stops | faults) - set(OUT_OF_REACH)))


@contextmanager
def counting() -> Iterator[Counted]:
    counted = Counted()
    merge_field, same_on_both, write = reconcile.merge_field, reconcile._same_on_both, Store.write

    def counted_merge(base: Any, hubspot: Any, salesforce: Any, rule: SyncRule, newest: Any = None) -> FieldMerge:
        merge = merge_field(base, hubspot, salesforce, rule, newest)
        counted.marks[branch(rule, merge)] += 1
        return merge

    def counted_same(field: Any, hubspot: Any, salesforce: Any) -> int | None:
        print_ = same_on_both(field, hubspot, salesforce)
        if print_ is not None:
            counted.marks[branch(field.effective_rule, FieldMerge(Because.EQUAL))] += 1
        return print_

    def counted_write(self: Store, *words: Any, **named: Any) -> Any:
        counted.transactions += 1
        return write(self, *words, **named)

    reconcile.merge_field, reconcile._same_on_both = counted_merge, counted_same  # type: ignore[assignment]
    Store.write = counted_write  # type: ignore[assignment,method-assign]
    try:
        yield counted
    finally:
        reconcile.merge_field, reconcile._same_on_both, Store.write = merge_field, same_on_both, write  # type: ignore[method-assign]
