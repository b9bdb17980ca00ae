"""The lists (segments) of an account: what they are, who is in them, and since when. State only; knows no HTTP.

A MANUAL list has the members that it was given. A DYNAMIC one has those whose values pass its filters, and notices a
change `list_lag_ms` after it was made. A SNAPSHOT takes what passes when it is made, and is like a manual one from then on.
Nothing runs in the background: what is due by now is worked off before anything is answered.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any

import msgspec

from crm_emulator.hubspot import errors
from crm_emulator.hubspot.computed import Compute
from crm_emulator.hubspot.list_filters import Filters, compile_branch
from crm_emulator.hubspot.records import Record, Table

if TYPE_CHECKING:
    from crm_emulator.hubspot.associations import Associations
    from crm_emulator.hubspot.portal import Portal

MANUAL, DYNAMIC, SNAPSHOT = "MANUAL", "DYNAMIC", "SNAPSHOT"
# A deleted list can be restored for 90 days (lists API, restore a list).
KEPT_MS = 90 * 86_400_000
NAME_MOST = 200
LISTS_MOST = 1_000


class Membership(msgspec.Struct):
    first_ms: int
    last_ms: int


class RecordList(msgspec.Struct):
    """One list. `members` also holds records that were archived or merged since: `Lists.members` leaves them out."""

    id: str
    name: str
    table: Table
    processing_type: str
    created_ms: int
    user_id: int | None
    updated_ms: int
    filters_ms: int | None = None
    version: int = 1
    filter_branch: dict[str, Any] | None = None
    filters: Filters | None = None
    looked_ms: int | None = None  # when filters that depend on the time were worked off last
    ready_ms: int = 0  # its filters are worked off for the first time then
    members: dict[int, Membership] = msgspec.field(default_factory=dict)
    removed_ms: int | None = None
    deleted_ms: int | None = None

    @property
    def dynamic(self) -> bool:
        return self.processing_type == DYNAMIC

    @property
    def names(self) -> frozenset[str]:
        """Of other lists whose members its filters ask for."""
        return frozenset() if self.filters is None else self.filters.lists


class Changed(msgspec.Struct, frozen=True):
    added: list[str]
    removed: list[str]
    missing: list[str]


class Lists:
    def __init__(self, portal: Portal) -> None:
        self._portal = portal
        self._lists: dict[str, RecordList] = {}
        self._next_id = 1
        self._due: list[tuple[int, int, str, int]] = []  # (when, serial, list, record)
        self._serial = 0
        self._dynamic: dict[str, list[RecordList]] = {}  # by kind, for the hot path of every write
        self.associations: Associations | None = None  # once they are there

    # What a person or an app does

    def create(self, table: Table, name: str, processing_type: str, branch: Any, user_id: int | None) -> RecordList:
        """Raises ApiError."""
        if processing_type not in (MANUAL, DYNAMIC, SNAPSHOT):
            raise errors.invalid(f"processingType must be MANUAL, DYNAMIC or SNAPSHOT, not {processing_type!r}.")
        if processing_type == MANUAL and branch is not None:
            raise errors.invalid("A MANUAL list has no filterBranch.")
        if len(self._lists) >= LISTS_MOST:
            raise errors.invalid(f"This account has {LISTS_MOST} lists, which is as many as it may have.")
        now_ms = self._portal.now_ms()
        made = RecordList(
            str(self._next_id), self._free_name(table, name), table, processing_type, now_ms, user_id, now_ms
        )
        if processing_type != MANUAL:
            self._set_filters(made, branch)
        self._next_id += 1
        self._lists[made.id] = made
        if made.dynamic:
            self._dynamic.setdefault(table.kind.key, []).append(made)
            self._evaluate_all(made)
        elif made.filters is not None:
            for record in table.after(-1, archived=False):
                if made.filters.check(record):
                    self._join(made, record.id, now_ms)
        return made

    def rename(self, found: RecordList, name: str) -> None:
        found.name = self._free_name(found.table, name, found)
        self._touch(found)

    def refilter(self, found: RecordList, branch: Any) -> None:
        if not found.dynamic:
            raise errors.invalid(f"Filters can be changed of DYNAMIC lists, not of a {found.processing_type} one.")
        self._set_filters(found, branch)
        self._touch(found)
        self._evaluate_all(found)

    def delete(self, found: RecordList) -> None:
        found.deleted_ms = self._portal.now_ms()

    def restore(self, list_id: str) -> RecordList:
        found = self._lists.get(list_id)
        now_ms = self._portal.now_ms()
        if found is None or (found.deleted_ms is not None and found.deleted_ms < now_ms - KEPT_MS):
            raise no_such_list(list_id)
        found.deleted_ms = None
        if found.dynamic:
            self._evaluate_all(found)
        return found

    def change(self, found: RecordList, add: Sequence[str], remove: Sequence[str]) -> Changed:
        """Add and remove members by id. Raises ApiError for a dynamic list, which keeps its members itself."""
        if found.dynamic:
            raise errors.invalid(f"List {found.id} is DYNAMIC: its members follow from its filters.")
        self.settle()
        now_ms, changed = self._portal.now_ms(), Changed([], [], [])
        for given in dict.fromkeys(add):
            record = self._portal.lookup(found.table, given, None, merged=True)
            if record is None:
                changed.missing.append(given)
            elif self._join(found, record.id, now_ms):
                changed.added.append(str(record.id))
        for given in dict.fromkeys(remove):
            record = self._portal.lookup(found.table, given, None, merged=True)
            if record is None:
                changed.missing.append(given)
            elif self._leave(found, record.id, now_ms):
                changed.removed.append(str(record.id))
        return changed

    # What anybody may ask

    def find(self, list_id: str) -> RecordList:
        """Raises ApiError 404."""
        found = self._lists.get(list_id)
        if found is None or found.deleted_ms is not None:
            raise no_such_list(list_id)
        return found

    def all(self) -> list[RecordList]:
        return [each for each in self._lists.values() if each.deleted_ms is None]

    def members(self, found: RecordList) -> dict[int, Membership]:
        """Live members, by record id; a record that was merged away counts as its survivor."""
        self.settle()
        live: dict[int, Membership] = {}
        for id_, membership in found.members.items():
            survivor = found.table.survivor(id_)
            if found.table.live(survivor) is None:
                continue
            known = live.get(survivor)
            if known is None or membership.last_ms < known.last_ms:
                live[survivor] = membership
        return live

    def of(self, record: Record) -> list[tuple[RecordList, Membership]]:
        """The lists that a record is in."""
        self.settle()
        found = ((each, self._membership(each, record)) for each in self.all() if each.table.kind is record.kind)
        return [(each, membership) for each, membership in found if membership is not None]

    def processing(self, found: RecordList) -> bool:
        """Whether its filters have not been worked off since they were set."""
        return found.dynamic and self._portal.now_ms() < found.ready_ms

    # What follows by itself

    def touched(self, table: Table, record: Record) -> None:
        """A record was created, changed, archived or restored. Dynamic lists of its kind look at it after their lag, and those
        that ask for associated records like it at the ones it is associated with."""
        if not self._dynamic:
            return
        now_ms = self._portal.now_ms()
        for each in self._dynamic.get(table.kind.key, ()):
            self._look_later(each, record.id, now_ms)
        for each in self._asking_for(table.kind.key):
            self._look_at_partners(each, record, now_ms)

    def linked(self, one: Record, other: Record) -> None:
        """Two records were associated, or are no longer."""
        if not self._dynamic:
            return
        for here, there in ((one, other), (other, one)):
            for each in self._asking_for(there.kind.key):
                if each.table.kind is here.kind:
                    self._look_later(each, here.id, self._portal.now_ms())

    def settle(self) -> None:
        """Work off every look that is due by now, in the order in which they were."""
        now_ms = self._portal.now_ms()
        while self._due and self._due[0][0] <= now_ms:
            at_ms, _, list_id, record_id = heappop(self._due)
            found = self._lists[list_id]
            record = found.table.live(record_id)
            self._look(found, record, record_id, at_ms)
        for found in self.all():
            if found.dynamic and found.filters is not None and found.filters.timed and found.looked_ms != now_ms:
                found.looked_ms = now_ms
                for record in list(found.table.after(-1, archived=False)):
                    self._look(found, record, record.id, now_ms)

    # What filters read (list_filters.Account)

    def now_ms(self) -> int:
        return self._portal.now_ms()

    def table(self, type_name: str) -> Table:
        return self._portal.table(type_name)

    def reader(self, table: Table, name: str) -> Compute:
        compute = self._portal.computed[table.kind.key].get(name)
        return compute if compute is not None else lambda record: record.values.get(name)

    def in_list(self, list_id: str, record: Record) -> bool:
        return record.id in self._lists[list_id].members

    def associated(self, record: Record, table: Table, type_id: int) -> Iterable[Record]:
        if self.associations is not None:
            for id_, type_ids in self.associations.of(record, table.kind.key):
                if type_id in type_ids:
                    yield table.records[id_]

    # Inside

    def _look(self, found: RecordList, record: Record | None, record_id: int, at_ms: int) -> None:
        if record is not None and found.filters is not None and found.filters.check(record):
            self._join(found, record_id, at_ms)
        else:
            self._leave(found, record_id, at_ms)

    def _asking_for(self, key: str) -> list[RecordList]:
        """Dynamic lists with a filter on associated records of this kind."""
        every = (each for lists in self._dynamic.values() for each in lists)
        return [each for each in every if each.filters is not None and key in each.filters.kinds]

    def _look_at_partners(self, found: RecordList, record: Record, now_ms: int) -> None:
        if self.associations is not None:
            for id_, _ in self.associations.of(record, found.table.kind.key):
                self._look_later(found, id_, now_ms)

    def _membership(self, found: RecordList, record: Record) -> Membership | None:
        if record.id in found.members:
            return found.members[record.id]
        # Only a record that another was merged into can be a member under another id.
        return self.members(found).get(record.id) if record.id in found.table.merged.values() else None

    def _evaluate_all(self, found: RecordList) -> None:
        now_ms = self._portal.now_ms()
        found.ready_ms = now_ms + self._portal.config.list_lag_ms
        ids = [record.id for record in found.table.after(-1, archived=False)]
        for id_ in dict.fromkeys([*found.members, *ids]):
            self._look_later(found, id_, now_ms)

    def _look_later(self, found: RecordList, record_id: int, now_ms: int) -> None:
        self._serial += 1
        heappush(self._due, (now_ms + self._portal.config.list_lag_ms, self._serial, found.id, record_id))

    def _join(self, found: RecordList, record_id: int, at_ms: int) -> bool:
        if record_id in found.members:
            return False
        found.members[record_id] = Membership(at_ms, at_ms)
        self._followers_look(found, record_id, at_ms)
        return True

    def _leave(self, found: RecordList, record_id: int, at_ms: int) -> bool:
        if found.members.pop(record_id, None) is None:
            return False
        found.removed_ms = at_ms
        self._followers_look(found, record_id, at_ms)
        return True

    def _followers_look(self, found: RecordList, record_id: int, at_ms: int) -> None:
        for lists in self._dynamic.values():
            for each in lists:
                if found.id not in each.names:
                    continue
                if each.table is found.table:
                    self._look_later(each, record_id, at_ms)
                else:
                    self._look_at_partners(each, found.table.records[record_id], at_ms)

    def _set_filters(self, found: RecordList, branch: Any) -> None:
        filters = compile_branch(found.table, branch, self)
        asked = {found.table.kind.key, *filters.kinds}
        for list_id in filters.lists:
            other = self._lists.get(list_id)
            if other is None or other.table.kind.key not in asked or self._leads_to(other, found.id):
                raise errors.invalid(
                    f"A filter names list {list_id}, which is none of {found.table.kind.key} or names this list itself."
                )
        found.filter_branch, found.filters, found.looked_ms = branch, filters, None
        found.filters_ms = self._portal.now_ms()

    def _leads_to(self, other: RecordList, list_id: str) -> bool:
        return other.id == list_id or any(self._leads_to(self._lists[name], list_id) for name in other.names)

    def _touch(self, found: RecordList) -> None:
        found.updated_ms = self._portal.now_ms()
        found.version += 1

    def _free_name(self, table: Table, name: str, own: RecordList | None = None) -> str:
        """Names are unique among the lists of an object (lists API, create a list)."""
        name = name.strip()
        if not name or len(name) > NAME_MOST:
            raise errors.invalid(f"A list needs a name of at most {NAME_MOST} characters.")
        for each in self.all():
            if each is not own and each.table is table and each.name.lower() == name.lower():
                raise errors.invalid(
                    f"A list with the name '{name}' already exists.", subCategory="ILS.DUPLICATE_LIST_NAMES"
                )
        return name


def no_such_list(list_id: str) -> errors.ApiError:
    """Unverified wording."""
    return errors.ApiError(404, f"List does not exist with ID {list_id}.", "OBJECT_NOT_FOUND")
