"""How many records one record may be associated with: by the account's plan, and by what an admin set below that.

Numbers only; it knows no record. `associations.py` asks before it associates, `routes_association_limits.py` lets an admin set
and read them. A limit counts from one side: how many records of the other object type one record may have.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from crm_emulator.hubspot import errors
from crm_emulator.hubspot.association_types import AssociationType, AssociationTypes

NEAR_PERCENT = 80  # what the report on high usage and the limits API call near (associations guide)


class Set(NamedTuple):
    """One limit that an admin set."""

    type: AssociationType
    most: int


class AssociationLimits:
    def __init__(self, types: AssociationTypes, most: int, of_pairs: Mapping[str, int]) -> None:
        self._types = types
        self._most = most
        self._of_pairs = of_pairs
        self._set: dict[tuple[str, str, int], int] = {}

    def of_plan(self, from_key: str, to_key: str) -> int:
        return self._of_pairs.get(f"{from_key}/{to_key}", self._most)

    def of_type(self, found: AssociationType) -> int | None:
        """What an admin set for it; of the default type this is the limit of the pair."""
        return self._set.get((found.from_key, found.to_key, found.id))

    def of_pair(self, from_key: str, to_key: str) -> int:
        own = self.of_type(self._types.default(from_key, to_key))
        plan = self.of_plan(from_key, to_key)
        return plan if own is None else min(own, plan)

    def set(self, found: AssociationType, most: int) -> None:
        """Documented: below the plan's limit, and no label above the limit of its pair. Raises ApiError."""
        plan = self.of_plan(found.from_key, found.to_key)
        if not 1 <= most <= plan:
            raise errors.invalid(f"The limit of association type {found.id} must be from 1 to {plan}")
        default = self._types.default(found.from_key, found.to_key)
        if found is default:
            labels = [each.most for each in self.all(found.from_key, found.to_key) if each.type is not default]
            if most < max(labels, default=0):
                raise errors.invalid(f"A limit of {most} is below one of its labels; it must be at least {max(labels)}")
        elif most > (of_pair := self.of_pair(found.from_key, found.to_key)):
            raise errors.invalid(f"The limit of a label must be from 1 to {of_pair}")
        self._set[(found.from_key, found.to_key, found.id)] = most

    def purge(self, found: AssociationType) -> None:
        self._set.pop((found.from_key, found.to_key, found.id), None)

    def all(self, from_key: str | None = None, to_key: str | None = None) -> list[Set]:
        """What admins set, of one pair or of every one."""
        return [
            Set(self._types.get(one, other, id), most)
            for (one, other, id), most in self._set.items()
            if from_key is None or (one, other) == (from_key, to_key)
        ]
