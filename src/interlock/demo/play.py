"""The demo's story, told once: connect, preview, sync, a day of edits on both sides, sync, and once more with nothing changed.

After each step both CRMs are read afresh and compared, and what was planted is looked for. It prints nothing: whoever
shows the demo listens (`Told`), and gets the outcome as `Played`.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from interlock.app import preview as previewing
from interlock.app.sync import SyncResult
from interlock.demo import counting
from interlock.demo.compare import Comparison, Difference, Excused, FieldPair, compare
from interlock.demo.day import Day, People
from interlock.demo.planted import Conflict, Evidence, Issue, Logged, Planted, Raised, unplanned
from interlock.demo.reading import Snapshot
from interlock.demo.stage import Stage
from interlock.engine.context import ObjectCounts

Json = dict[str, Any]
# Between the set-up of the CRMs and the connection, after a sync, before the next one.
MINUTES_BEFORE_CONNECTING, MINUTES_BETWEEN = 60, 30
CALLS_A_RECORD = 4
SHOWN_MOST = 10
CREATED = ("created_in_hubspot", "created_in_salesforce")


@dataclass(frozen=True)
class Told:
    """One step as it ends: a title, a sentence, and how long it took."""

    title: str
    text: str
    seconds: float


Tell = Callable[[Told], None]


@dataclass
class Played:
    """What happened. `checks` are counts that must come out as planted, in the shape of plants."""

    preview: Json = field(default_factory=dict)
    syncs: list[SyncResult] = field(default_factory=list)
    comparison: Comparison = field(default_factory=Comparison)
    day: Day = field(default_factory=Day)
    checks: list[Planted] = field(default_factory=list)
    # By object, of all three comparisons: none may be left behind on the way either.
    found_differences: Counter[str] = field(default_factory=Counter)
    # The first of them, for a person.
    shown_differences: list[Difference] = field(default_factory=list)
    writes_when_nothing_changed: int = 0
    refused_429: int = 0
    open_issues: Counter[str] = field(default_factory=Counter)
    logged: Counter[str] = field(default_factory=Counter)
    calls: dict[str, int] = field(default_factory=dict)
    records: int = 0
    seconds: float = 0.0

    @property
    def planted(self) -> list[Planted]:
        return [*self.day.plants, *self.checks]

    @property
    def differences(self) -> int:
        return self.found_differences.total()

    @property
    def as_promised(self) -> bool:
        found = all(each.found for each in self.planted)
        return found and not self.differences and not self.writes_when_nothing_changed and not self.refused_429

    @property
    def totals(self) -> dict[str, ObjectCounts]:
        """All syncs together; issues and waiting as they are at the end."""
        totals: dict[str, ObjectCounts] = {}
        for result in self.syncs:
            for object_, counts in result.objects.items():
                sum_ = totals.setdefault(object_, ObjectCounts())
                for name in ObjectCounts.__struct_fields__:
                    setattr(sum_, name, getattr(sum_, name) + getattr(counts, name))
                sum_.waiting = counts.waiting
        for object_, counts in totals.items():
            counts.issues = self.open_issues[object_]
            counts.conflicts = self.logged[object_]
        return totals


async def play(stage: Stage, tell: Tell) -> Played:
    """Raises CrmError and its like when the sync itself cannot be done."""
    story = _Story(stage, tell)
    begun = time.monotonic()
    await story.connect()
    await story.preview()
    await story.first_sync()
    await story.a_day()
    await story.second_sync()
    await story.third_sync()
    story.count()
    story.played.seconds = time.monotonic() - begun
    return story.played


class _Story:
    def __init__(self, stage: Stage, tell: Tell) -> None:
        self.stage, self.world = stage, stage.world
        self._tell = tell
        self.played = Played()
        self.pairs: list[FieldPair] = []
        self.begun = counting.mark(self.world)
        self.snapshot = Snapshot()
        self.before_day = self.begun
        self._since = time.monotonic()

    def tell(self, title: str, text: str) -> None:
        now = time.monotonic()
        self._tell(Told(title, text, now - self._since))
        self._since = now

    # --- the steps --------------------------------------------------------------------------------------------------

    async def connect(self) -> None:
        self.world.wall.pass_minutes(MINUTES_BEFORE_CONNECTING)
        await self.stage.connect()
        self.pairs = await self.stage.field_pairs()
        self.tell("Connect", f"signed in to both, {len(self.pairs)} fields mapped, no record changed")

    async def preview(self) -> None:
        before = counting.mark(self.world)
        async with self.stage.cycle() as ctx:
            self.played.preview = previewing.as_document(await previewing.preview(ctx))
        after = counting.mark(self.world)
        seqs = [(each.hubspot_seq, each.salesforce_seq) for each in (before, after)]
        self._check("preview_wrote_nothing", seqs[0] == seqs[1] and before.hubspot_writes == after.hubspot_writes)
        objects = self.played.preview["objects"]
        for object_, expected in self.world.expected.items():
            for name, wanted in (
                ("create_in_hubspot", expected.created_in_hubspot),
                ("create_in_salesforce", expected.created_in_salesforce),
                ("matched", expected.matched),
                ("ambiguous", expected.ambiguous),
            ):
                self._check_count(f"preview_{name}", object_, objects[object_][name], wanted)
        made = [sum(each[f"create_in_{side}"] for each in objects.values()) for side in ("hubspot", "salesforce")]
        matched = sum(each["matched"] for each in objects.values())
        self.tell("Preview", f"{matched} to link, {made[0]} to create in HubSpot, {made[1]} in Salesforce")

    async def first_sync(self) -> None:
        before = counting.mark(self.world)
        result = await self._sync()
        self.tell("First sync", _in_words(result.objects.values()))
        conflicts, found_issues = await self.stage.conflicts(), await self.stage.issues()
        made = counting.created(self.world, before)
        for object_, expected in self.world.expected.items():
            counts = result.objects[object_]
            for name in CREATED:
                self._check_created(object_, name, getattr(counts, name), made, getattr(expected, name))
            self._check_count("linked", object_, counts.linked, expected.matched)
            self._check_preview_kept(object_, counts)
            replaced = [each for each in conflicts if each.object == object_ and each.reason == "first_link"]
            self._check_count("values_replaced", object_, len(replaced), expected.differing_fields)
        self._check_count(
            "conflicts", None, len(conflicts), sum(e.differing_fields for e in self.world.expected.values())
        )
        self._check_issues(self._ambiguous(set()), found_issues)
        comparison = await self._compare([])
        self.tell("Check", _verdict(comparison))

    async def a_day(self) -> None:
        self.world.wall.pass_minutes(MINUTES_BETWEEN)
        self.before_day = counting.mark(self.world)
        self.played.day = People(self.world, self.stage.hubspot_door, self.stage.salesforce_door).play()
        self.world.wall.pass_minutes(MINUTES_BETWEEN)
        plants = len(self.played.day.plants)
        self.tell("A day", f"{plants} things people do in both CRMs, mistakes among them")

    async def second_sync(self) -> None:
        day = self.played.day
        log_before = len(await self.stage.conflicts())
        before = counting.mark(self.world)
        result = await self._sync()
        self.tell("Second sync", _in_words(result.objects.values()))
        conflicts = (await self.stage.conflicts())[log_before:]
        found_issues = await self.stage.issues()
        made = counting.created(self.world, before)
        for object_ in self.world.expected:
            counts = result.objects[object_]
            for name in CREATED:
                self._check_created(object_, name, getattr(counts, name), made, day.counts[object_, name])
            self._check_count("linked", object_, counts.linked, day.counts[object_, "linked"])
        logged = [each for each in day.expectations if isinstance(each, Logged)]
        self._check_all("conflicts", logged, conflicts)
        raised = [each for each in day.expectations if isinstance(each, Raised)]
        self._check_issues([*self._ambiguous(day.settled), *raised], found_issues)
        comparison = await self._compare(day.excused)
        self._look(Evidence(self.snapshot, conflicts, found_issues))
        self.tell("Check", _verdict(comparison))

    async def third_sync(self) -> None:
        self.world.wall.pass_minutes(MINUTES_BETWEEN)
        stamps, before = self.snapshot.stamps(), counting.mark(self.world)
        await self._sync()
        after = counting.mark(self.world)
        self.played.comparison = await self._compare(self.played.day.excused)
        written = counting.writes(before, after, stamps, self.snapshot.stamps())
        self.played.writes_when_nothing_changed = written
        for each in await self.stage.issues():
            self.played.open_issues[each.object] += 1
        for conflict in await self.stage.conflicts():
            self.played.logged[conflict.object] += 1
        self.tell("Third sync", f"nothing had changed: {written} writes")

    def count(self) -> None:
        played, world = self.played, self.world
        end = counting.mark(world)
        played.calls = {
            "hubspot": end.hubspot_calls - self.begun.hubspot_calls,
            "salesforce": end.salesforce_calls - self.begun.salesforce_calls,
        }
        first = played.syncs[0].objects.values()
        pairs = sum(each.linked + each.created_in_hubspot + each.created_in_salesforce for each in first)
        played.records = pairs + counting.touched_by_people(world, self.before_day)
        played.refused_429 = world.hubspot.stats.refused_429 + world.salesforce.stats.refused_429

    # --- checks -----------------------------------------------------------------------------------------------------

    async def _sync(self) -> SyncResult:
        result = await self.stage.sync()
        self.played.syncs.append(result)
        story = f"a sync ended as {result.outcome}: {result.stopped_reason or 'no reason given'}"
        self._check("sync_done", result.outcome == "done", story)
        return result

    async def _compare(self, excused: Iterable[Excused]) -> Comparison:
        self.snapshot = await self.stage.read_both(self.pairs)
        found = compare(self.snapshot, self.pairs, excused)
        differences = [each for object_ in found.objects.values() for each in object_.differences]
        for each in (*differences, *found.association_differences):
            self.played.found_differences[each.object] += 1
            if len(self.played.shown_differences) < SHOWN_MOST:
                self.played.shown_differences.append(each)
        return found

    def _look(self, seen: Evidence) -> None:
        for plant in self.played.day.plants:
            plant.look(seen)
            plant.complete_keys(seen.snapshot)

    def _check(self, kind: str, found: bool, story: str = "") -> None:
        """Of several checks of a kind (one a sync) all must hold."""
        self.played.checks.append(Planted(kind, story or kind.replace("_", " "), found=found))

    def _check_count(self, kind: str, object_: str | None, found: int, wanted: int) -> None:
        name = f"{object_}_{kind}" if object_ else kind
        self._check(name, found == wanted, f"{name.replace('_', ' ')}: {wanted} planted, {found} found")

    def _check_created(self, object_: str, name: str, told: int, made: Counter[tuple[str, str]], wanted: int) -> None:
        """Three must agree: what was planted, what Interlock says, what the CRM's own journal shows."""
        seen = made[object_, name]
        story = f"{object_} {name.replace('_', ' ')}: {wanted} planted, {told} reported, {seen} in the CRM's journal"
        self._check(f"{object_}_{name}", told == seen == wanted, story)

    def _check_preview_kept(self, object_: str, counts: ObjectCounts) -> None:
        """What the preview announced is what the sync then did."""
        announced = self.played.preview["objects"][object_]
        for name in ("create", "update", "delete"):
            for side in ("hubspot", "salesforce"):
                done = getattr(counts, f"{name}d_in_{side}")
                self._check_count(f"preview_kept_{name}_in_{side}", object_, done, announced[f"{name}_in_{side}"])

    def _check_all(self, kind: str, wanted: list[Any], seen: list[Any]) -> None:
        """One for one: `seen` must hold what was planted and nothing else."""
        more = unplanned(wanted, seen)
        missing = len(wanted) - (len(seen) - len(more))
        story = f"{kind}: {len(wanted)} planted, {len(seen)} found"
        if more or missing:
            story += f"; {missing} missing, not planted: {'; '.join(_short(each) for each in more[:3]) or 'none'}"
        self._check(kind, not more and not missing, story)

    def _check_issues(self, wanted: list[Raised], seen: list[Issue]) -> None:
        self._check_all("issues", wanted, seen)

    def _ambiguous(self, settled: set[str]) -> list[Raised]:
        here = [Raised("contacts", hubspot_id=id_) for id_ in self.world.ambiguous_in_hubspot if id_ not in settled]
        there = [
            Raised("contacts", salesforce_id=id_) for id_ in self.world.ambiguous_in_salesforce if id_ not in settled
        ]
        return here + there


def _short(entry: Conflict | Issue) -> str:
    names = (entry.object, entry.hubspot_id, entry.salesforce_id, entry.property)
    why = entry.reason if isinstance(entry, Conflict) else entry.code
    return f"{'/'.join(name for name in names if name)} ({why})"


def _in_words(counts: Iterable[ObjectCounts]) -> str:
    rows = list(counts)
    made = [sum(getattr(each, name) for each in rows) for name in CREATED]
    linked = sum(each.linked for each in rows)
    return f"{linked} linked, {made[0]} created in HubSpot, {made[1]} in Salesforce"


def _verdict(comparison: Comparison) -> str:
    pairs = sum(each.pairs for each in comparison.objects.values())
    found = comparison.differences + len(comparison.association_differences)
    return f"{pairs} pairs read afresh, {comparison.compared:,} values: {found} differences"
