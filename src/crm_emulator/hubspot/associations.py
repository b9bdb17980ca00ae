"""Which records are associated, with which types, and what HubSpot keeps in step with it.

Both directions are kept, so that either side can be read. A write sets labels as the live API was probed to do: the
unlabelled default type always goes with a label, a new primary company demotes the old one, and deleting the default
type deletes the association. Mirrors (associatedcompanyid) and counts follow at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from crm_emulator.hubspot import errors
from crm_emulator.hubspot.account import Actor
from crm_emulator.hubspot.association_limits import AssociationLimits
from crm_emulator.hubspot.association_types import AssociationType, AssociationTypes
from crm_emulator.hubspot.portal import Portal
from crm_emulator.hubspot.records import Record, Table

TypeIds = tuple[int, ...]
# (object type, associated object type) -> the property that counts them
_COUNTS = {
    ("companies", "contacts"): "num_associated_contacts",
    ("companies", "deals"): "num_associated_deals",
    ("contacts", "deals"): "num_associated_deals",
    ("deals", "contacts"): "num_associated_contacts",
}
# object type -> the property that mirrors its primary company
_MIRRORS = {"contacts": "associatedcompanyid", "deals": "hs_primary_associated_company"}


class Associations:
    def __init__(self, portal: Portal) -> None:
        self._portal = portal
        self.types = AssociationTypes({kind.key: kind.singular for kind in portal.kinds.all.values()})
        self.limits = AssociationLimits(self.types, portal.config.association_max, portal.config.association_maxima)
        self._links: dict[tuple[str, str], dict[int, dict[int, TypeIds]]] = {}
        self._shared: dict[TypeIds, TypeIds] = {}
        portal.lists.associations = self

    # Reading

    def of(self, record: Record, to_key: str) -> Iterator[tuple[int, TypeIds]]:
        """Live associated records and the types, in ascending order of id."""
        others = self._links.get((record.kind.key, to_key), {}).get(record.id)
        if others:
            live = self._portal.tables[to_key].live
            for id in sorted(others):
                if live(id) is not None:
                    yield id, others[id]

    def ids(self, record: Record, type_name: str) -> list[int]:
        kind = self._portal.kinds.find(type_name)
        return [] if kind is None else [id for id, _ in self.of(record, kind.key)]

    def primary_company(self, record: Record) -> int | None:
        primary = self.types.primary(record.kind.key, "companies")
        if primary is None:
            return None
        return next((id for id, types in self.of(record, "companies") if primary.id in types), None)

    def counts(self, one: Table, other: Table) -> Iterator[tuple[Record, int]]:
        """Live records of an object type that have associations with another one, and how many."""
        for id in sorted(self._links.get((one.kind.key, other.kind.key), ())):
            record = one.live(id)
            if record is not None:
                yield record, self.count(record, other.kind.key)

    def count(self, record: Record, to_key: str, type_id: int | None = None) -> int:
        """How many live records it is associated with, in all or by one type."""
        return sum(type_id is None or type_id in types for _, types in self.of(record, to_key))

    def require_room(self, from_key: str, record: Record | None, other: Record, type_ids: Iterable[int]) -> None:
        """Raises ApiError when these types would be one too many for either record. `record` None: it is about to be made."""
        to_key = other.kind.key
        default = self.types.default(from_key, to_key)
        held = () if record is None else self._held(record, other)
        for id in sorted({default.id, *type_ids}.difference(held)):
            there = self.types.get(from_key, to_key, id)
            if record is not None:
                self._require_room(record, there)
            self._require_room(other, self.types.get(to_key, from_key, there.inverse_id))

    def has_room(self, one: Record, other: Record) -> bool:
        try:
            self.require_room(one.kind.key, one, other, ())
        except errors.ApiError:
            return False
        return True

    # Writing

    def add(self, one: Record, other: Record, type_ids: Iterable[int] | None, actor: Actor) -> TypeIds:
        """Associate with the default type, or with labels (which replace those held). Returns the types now set."""
        from_key, to_key = one.kind.key, other.kind.key
        default = self.types.default(from_key, to_key)
        wanted = {default.id}
        for id in type_ids or ():
            wanted.add(self.types.get(from_key, to_key, id).id)
        held = self._held(one, other)
        primary = self.types.primary(from_key, to_key)
        labelled = type_ids is not None and wanted != {default.id}
        if not labelled:
            wanted.update(held)
        elif primary is not None and primary.id in held:
            wanted.add(primary.id)  # Primary is taken away by another primary or by deleting, not by a label
        self._elect_primary(one, other, wanted, held)
        if set(held) == wanted:
            return held
        self.require_room(from_key, one, other, wanted)
        for id in sorted(wanted):
            if self._is_primary(self.types.get(from_key, to_key, id)):
                self._demote_others(one, other, self.types.get(from_key, to_key, id))
        self._put(one, other, wanted)
        self._follow(one, other)
        self._portal.note(actor, one, "associate", to_key, str(other.id))
        return self._held(one, other)

    def remove(self, one: Record, other: Record, actor: Actor) -> None:
        if not self._held(one, other):
            return
        self._drop(one, other)
        self._follow(one, other)
        self._portal.note(actor, one, "disassociate", other.kind.key, str(other.id))

    def remove_types(self, one: Record, other: Record, type_ids: Iterable[int], actor: Actor) -> None:
        """Removing the default type removes the association (documented)."""
        held = self._held(one, other)
        left = set(held) - set(type_ids)
        if self.types.default(one.kind.key, other.kind.key).id not in left:
            self.remove(one, other, actor)
        elif left != set(held):
            self._put(one, other, left)
            self._follow(one, other)
            self._portal.note(actor, one, "disassociate", other.kind.key, str(other.id))

    def set_primary_company(self, record: Record, company: Record | None, actor: Actor) -> None:
        """What writing associatedcompanyid does: associate as primary, or take the primary company away."""
        if company is not None:
            primary = self.types.primary(record.kind.key, "companies")
            self.add(record, company, None if primary is None else [primary.id], actor)
            return
        current = self.primary_company(record)
        if current is not None:
            self.remove(record, self._portal.tables["companies"].records[current], actor)

    def forget(self, record: Record) -> list[Record]:
        """Drop everything a record that goes away is associated with. Returns those records."""
        partners = self.partners(record)
        for other in partners:
            self._drop(record, other)
        return partners

    def partners(self, record: Record) -> list[Record]:
        found: list[Record] = []
        for (from_key, to_key), links in sorted(self._links.items()):
            if from_key == record.kind.key:
                records = self._portal.tables[to_key].records
                found.extend(records[id] for id in sorted(links.get(record.id, ())) if id in records)
        return found

    def move(self, record: Record, survivor: Record) -> None:
        """What a merge does with the associations of the record that goes: labels stay, and a primary company where there is
        none yet (changelog: "excess primary associations from secondary records will be dropped")."""
        taken = [(other, self._held(record, other)) for other in self.partners(record) if other is not survivor]
        held = [self._held(survivor, other) for other, _ in taken]
        self.forget(record)
        for other, type_ids in taken:
            types = [self.types.get(survivor.kind.key, other.kind.key, id) for id in type_ids]
            moved = {found.id for found in types if self._can_take(survivor, other, found)}
            self._put(survivor, other, {*self._held(survivor, other), *moved})
        for (other, _), held_before in zip(taken, held, strict=True):
            wanted = set(self._held(survivor, other))
            self._elect_primary(survivor, other, wanted, held_before)
            self._put(survivor, other, wanted)
            self._follow(survivor, other)
        for key in list(self._portal.tables):
            self._refresh(survivor, key)

    def remove_label(self, from_key: str, to_key: str, id: int) -> None:
        """Documented: a label can be deleted once no association has it any more. Raises ApiError."""
        using = self._links.get((from_key, to_key), {}).values()
        if any(id in type_ids for held in using for type_ids in held.values()):
            raise errors.invalid(f"Association label {id} is in use: take it off the associated records first")
        removed = self.types.remove_label(from_key, to_key, id)
        self.limits.purge(removed)

    def follow_all(self, record: Record) -> None:
        """Bring mirrors and counts of a record's partners up to date, after it was archived or restored."""
        for other in self.partners(record):
            self._refresh(other, record.kind.key)

    # Inside

    def _held(self, one: Record, other: Record) -> TypeIds:
        return self._links.get((one.kind.key, other.kind.key), {}).get(one.id, {}).get(other.id, ())

    def _require_room(self, here: Record, found: AssociationType) -> None:
        default = self.types.default(found.from_key, found.to_key)
        most = self.limits.of_pair(found.from_key, found.to_key) if found is default else self.limits.of_type(found)
        if most is None or self._is_primary(found):  # another primary company takes the place of the old one
            return
        held = self._links.get((found.from_key, found.to_key), {}).get(here.id, ())
        if len(held) >= most and self.count(here, found.to_key, found.id) >= most:
            raise errors.association_limit(here.kind.singular, here.id, found.to_key, found.label, most)

    def _can_take(self, one: Record, other: Record, found: AssociationType) -> bool:
        """Whether a type can be moved to this pair: a primary one only to who has no primary company."""
        return not self._is_primary(found) or self.primary_company(one if found.primary else other) is None

    def _is_primary(self, found: AssociationType) -> bool:
        """Of either direction: company to contact 2 is the inverse of contact to company 1."""
        return found.primary or self.types.get(found.to_key, found.from_key, found.inverse_id).primary

    def _elect_primary(self, one: Record, other: Record, wanted: set[int], held: TypeIds) -> None:
        """The first company of a record becomes its primary one."""
        if held or not self._portal.config.first_company_becomes_primary:
            return
        for here, there in ((one, other), (other, one)):
            primary = self.types.primary(here.kind.key, there.kind.key)
            if primary is not None and self.primary_company(here) is None:
                wanted.add(primary.id if here is one else primary.inverse_id)

    def _demote_others(self, one: Record, other: Record, found: AssociationType) -> None:
        """Only one primary company per record: the old one keeps the association without the label."""
        holder, company = (one, other) if found.primary else (other, one)
        primary = found if found.primary else self.types.get(found.to_key, found.from_key, found.inverse_id)
        current = self.primary_company(holder)
        if current is None or current == company.id:
            return
        old = self._portal.tables[company.kind.key].records[current]
        self._put(holder, old, set(self._held(holder, old)) - {primary.id})

    def _put(self, one: Record, other: Record, type_ids: set[int]) -> None:
        from_key, to_key = one.kind.key, other.kind.key
        inverse = {self.types.get(from_key, to_key, id).inverse_id for id in type_ids}
        self._store(from_key, to_key, one.id, other.id, type_ids)
        self._store(to_key, from_key, other.id, one.id, inverse)

    def _store(self, from_key: str, to_key: str, from_id: int, to_id: int, type_ids: set[int]) -> None:
        kept = tuple(sorted(type_ids))
        kept = self._shared.setdefault(kept, kept)
        self._links.setdefault((from_key, to_key), {}).setdefault(from_id, {})[to_id] = kept

    def _drop(self, one: Record, other: Record) -> None:
        for here, there in ((one, other), (other, one)):
            links = self._links.get((here.kind.key, there.kind.key), {})
            held = links.get(here.id)
            if held is not None:
                held.pop(there.id, None)
                if not held:
                    del links[here.id]

    def _follow(self, one: Record, other: Record) -> None:
        self._portal.lists.linked(one, other)
        self._refresh(one, other.kind.key)
        self._refresh(other, one.kind.key)

    def _refresh(self, record: Record, other_key: str) -> None:
        table = self._portal.tables[record.kind.key]
        if record.archived_ms is not None or record.id not in table.records:
            return
        derived: dict[str, str] = {}
        count = _COUNTS.get((record.kind.key, other_key))
        if count is not None:
            live = self._portal.tables[other_key].live
            others = self._links.get((record.kind.key, other_key), {}).get(record.id, ())
            number = sum(1 for id in others if live(id) is not None)
            derived[count] = str(number) if number or record.values.get(count) else ""
        mirror = _MIRRORS.get(record.kind.key)
        if mirror is not None and other_key == "companies":
            primary = self.primary_company(record)
            derived[mirror] = "" if primary is None else str(primary)
        self._portal.derive(table, record, derived)


def target(portal: Portal, table: Table, given: object) -> Record:
    """The record an association names. Raises ApiError when there is none."""
    record = portal.lookup(table, str(given), None, merged=True)
    if record is None:
        raise errors.missing_objects(table.kind.upper)
    return record
