"""The association types HubSpot defines, by pair of object types, and the labels an account adds to them.

Type ids are from HubSpot's association type table, cross-checked with the AssociationTypes enum of its Apache-2.0
clients. A type has one id per direction; every pair of object types has one unlabelled default type.
"""

from __future__ import annotations

from typing import Any

import msgspec

from crm_emulator.hubspot import errors

LABELS_MAX = 10  # per pair of object types (associations API, 2026-03)
HUBSPOT_DEFINED = "HUBSPOT_DEFINED"
USER_DEFINED = "USER_DEFINED"


class AssociationType(msgspec.Struct, frozen=True, kw_only=True):
    """One direction of one type. `name` is the v3 name; `primary`: at most one per record."""

    id: int
    inverse_id: int
    from_key: str
    to_key: str
    category: str = HUBSPOT_DEFINED
    label: str | None = None
    name: str = ""
    primary: bool = False


# from, to, default id, inverse id
_DEFAULTS: tuple[tuple[str, str, int, int], ...] = (
    ("contacts", "companies", 279, 280),
    ("contacts", "deals", 4, 3),
    ("contacts", "tickets", 15, 16),
    ("contacts", "contacts", 449, 449),
    ("deals", "companies", 341, 342),
    ("deals", "tickets", 27, 28),
    ("deals", "deals", 451, 451),
    ("tickets", "companies", 339, 340),
    ("tickets", "tickets", 452, 452),
    ("companies", "companies", 450, 450),
    ("calls", "contacts", 194, 193),
    ("calls", "companies", 182, 181),
    ("calls", "deals", 206, 205),
    ("calls", "tickets", 220, 219),
    ("emails", "contacts", 198, 197),
    ("emails", "companies", 186, 185),
    ("emails", "deals", 210, 209),
    ("emails", "tickets", 224, 223),
    ("meetings", "contacts", 200, 199),
    ("meetings", "companies", 188, 187),
    ("meetings", "deals", 212, 211),
    ("meetings", "tickets", 226, 225),
    ("notes", "contacts", 202, 201),
    ("notes", "companies", 190, 189),
    ("notes", "deals", 214, 213),
    ("notes", "tickets", 228, 227),
    ("tasks", "contacts", 204, 203),
    ("tasks", "companies", 192, 191),
    ("tasks", "deals", 216, 215),
    ("tasks", "tickets", 230, 229),
)
# to a company, primary id, inverse id
_PRIMARIES: tuple[tuple[str, int, int], ...] = (("contacts", 1, 2), ("deals", 5, 6), ("tickets", 26, 25))
_NAMES = {"meetings": "meeting_event"}  # as types call an object type, where that is not its singular (recorded)
_FIRST_LABEL_ID = 37


class AssociationTypes:
    """The types of one account. `singular` maps an object type's key to its singular, for the v3 names."""

    def __init__(self, singular: dict[str, str]) -> None:
        self._singular = singular
        self._by_pair: dict[tuple[str, str], dict[int, AssociationType]] = {}
        self._default: dict[tuple[str, str], int] = {}
        self._next_id = _FIRST_LABEL_ID
        for from_key, to_key, id, inverse_id in _DEFAULTS:
            self._add_default(from_key, to_key, id, inverse_id)
        for from_key, id, inverse_id in _PRIMARIES:
            name = f"{singular[from_key]}_to_company"
            back = f"company_to_{singular[from_key]}"
            self._add_pair(from_key, "companies", id, inverse_id, label="Primary", names=(name, back), primary=True)
        self._add_pair(
            "companies",
            "companies",
            13,
            14,
            label="Parent Company",
            names=("parent_to_child_company", "child_to_parent"),
        )

    def of(self, from_key: str, to_key: str) -> dict[int, AssociationType]:
        pair = (from_key, to_key)
        if pair not in self._by_pair:  # custom objects: a default type on first use
            self._add_default(from_key, to_key, self._take_id(), self._take_id())
        return self._by_pair[pair]

    def default(self, from_key: str, to_key: str) -> AssociationType:
        types = self.of(from_key, to_key)
        return types[self._default[(from_key, to_key)]]

    def primary(self, from_key: str, to_key: str) -> AssociationType | None:
        return next((found for found in self.of(from_key, to_key).values() if found.primary), None)

    def get(self, from_key: str, to_key: str, id: int) -> AssociationType:
        found = self.of(from_key, to_key).get(id)
        if found is None:
            message = f"Association type id {id} doesn't exist between {from_key} and {to_key}"
            raise errors.invalid(message)
        return found

    def named(self, from_key: str, to_key: str, specs: Any) -> list[int]:
        """Ids of `[{"associationCategory", "associationTypeId"}]`; an id is one of its category only. Raises ApiError."""
        try:
            given = [(int(one["associationTypeId"]), one.get("associationCategory")) for one in specs]
        except (AttributeError, KeyError, TypeError, ValueError):
            raise errors.malformed_body("association types need associationTypeId") from None
        for id, category in given:
            if category not in (None, self.get(from_key, to_key, id).category):
                raise errors.invalid(f"Association type {category} {id} doesn't exist between {from_key} and {to_key}")
        return [id for id, _ in given]

    def by_name(self, from_key: str, to_key: str, name: str) -> AssociationType:
        """A v3 type: its name, or its id as text."""
        for found in self.of(from_key, to_key).values():
            if name in (found.name, str(found.id)):
                return found
        raise errors.invalid(f"{name} is not a valid association type between {from_key} and {to_key}")

    def add_label(self, from_key: str, to_key: str, body: dict[str, Any]) -> list[AssociationType]:
        """A custom label: one type per direction. Returns them, the asked direction first."""
        label, name = body.get("label"), body.get("name")
        if not isinstance(label, str) or not label or not isinstance(name, str) or not name:
            raise errors.invalid("Invalid input JSON: a label needs label and name")
        if "-" in name or name[0].isdigit():  # documented
            raise errors.invalid(f"The name of a label may have no hyphens and not begin with a digit: '{name}'")
        custom = [found for found in self.of(from_key, to_key).values() if found.category == USER_DEFINED]
        if len(custom) >= LABELS_MAX:
            raise errors.invalid(f"At most {LABELS_MAX} labels per pair of object types are allowed")
        if any(found.label == label for found in custom):
            raise errors.invalid(f"A label '{label}' already exists for this pair")
        inverse_label = body.get("inverseLabel") or label
        first = self._take_id()
        second = first if from_key == to_key and inverse_label == label else self._take_id()
        there = AssociationType(
            id=first, inverse_id=second, from_key=from_key, to_key=to_key, category=USER_DEFINED, label=label, name=name
        )
        back = AssociationType(
            id=second,
            inverse_id=first,
            from_key=to_key,
            to_key=from_key,
            category=USER_DEFINED,
            label=inverse_label,
            name=name,
        )
        self._put(there)
        if second != first:
            self._put(back)
        return [there, back] if second != first else [there]

    def rename_label(self, from_key: str, to_key: str, body: dict[str, Any]) -> None:
        found = self._custom(from_key, to_key, int(body.get("associationTypeId") or 0))
        self._put(msgspec.structs.replace(found, label=str(body.get("label"))))
        if body.get("inverseLabel"):
            back = self.get(to_key, from_key, found.inverse_id)
            self._put(msgspec.structs.replace(back, label=str(body["inverseLabel"])))

    def remove_label(self, from_key: str, to_key: str, id: int) -> AssociationType:
        found = self._custom(from_key, to_key, id)
        del self._by_pair[(from_key, to_key)][id]
        self._by_pair[(to_key, from_key)].pop(found.inverse_id, None)
        return found

    def _custom(self, from_key: str, to_key: str, id: int) -> AssociationType:
        found = self.get(from_key, to_key, id)
        if found.category != USER_DEFINED:
            raise errors.invalid(f"Association type {id} is defined by HubSpot and cannot be changed")
        return found

    def _add_default(self, from_key: str, to_key: str, id: int, inverse_id: int) -> None:
        one, other = self._name(from_key), self._name(to_key)
        suffix = "_unlabeled" if "company" in (one, other) and {one, other} & {"contact", "deal", "ticket"} else ""
        self._add_pair(
            from_key, to_key, id, inverse_id, names=(f"{one}_to_{other}{suffix}", f"{other}_to_{one}{suffix}")
        )
        self._default[(from_key, to_key)] = id
        self._default[(to_key, from_key)] = inverse_id

    def _add_pair(
        self,
        from_key: str,
        to_key: str,
        id: int,
        inverse_id: int,
        *,
        names: tuple[str, str],
        label: str | None = None,
        primary: bool = False,
    ) -> None:
        there = AssociationType(
            id=id, inverse_id=inverse_id, from_key=from_key, to_key=to_key, label=label, name=names[0], primary=primary
        )
        back = AssociationType(
            id=inverse_id, inverse_id=id, from_key=to_key, to_key=from_key, label=label, name=names[1]
        )
        self._put(there)
        if inverse_id != id:
            self._put(back)

    def _put(self, found: AssociationType) -> None:
        self._by_pair.setdefault((found.from_key, found.to_key), {})[found.id] = found

    def _name(self, key: str) -> str:
        return _NAMES.get(key) or self._singular.get(key, key)

    def _take_id(self) -> int:
        self._next_id += 1
        while any(self._next_id in types for types in self._by_pair.values()):
            self._next_id += 1
        return self._next_id
