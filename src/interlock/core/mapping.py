"""Object and field mappings as the decision sees them: compiled, with codecs and what either CRM lets us write."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from interlock.core.codec import Codec
from interlock.core.model import FieldBase, Side, SyncRule
from interlock.core.values import Value

if TYPE_CHECKING:
    from interlock.core.reconcile import FieldMerge


class FieldMapping(msgspec.Struct, frozen=True):
    """One HubSpot property joined to one Salesforce field by one rule. Ids are never reused: bases are kept by them."""

    id: int
    property: str
    field: str
    rule: SyncRule
    codec: Codec
    hubspot_writable: bool = True
    salesforce_createable: bool = True
    salesforce_updateable: bool = True
    # What decides it in place of `merge_field` alone: owners (owner_merge.py).
    decided_by: Callable[[FieldBase | None, Value, Value, SyncRule, Side | None], FieldMerge] | None = None
    # Follows from the rest, and is asked for every field of every record: worked out once.
    effective_rule: SyncRule = SyncRule.DONT_SYNC

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "effective_rule", self._effective_rule())

    def name(self, side: Side) -> str:
        return self.property if side is Side.HUBSPOT else self.field

    def is_of_another(self) -> bool:
        """Whether what it shows in HubSpot is the value of another Salesforce record (no name of a field has a dot)."""
        return "." in self.field

    def _effective_rule(self) -> SyncRule:
        """The rule that can be carried out: a side that cannot be written (a formula, an id) can only be read from.

        "Always" is never turned round: who chose that one side is always right did not ask to have it overwritten.
        """
        salesforce_writable = self.salesforce_updateable or self.salesforce_createable
        if self.rule is SyncRule.DONT_SYNC or (self.hubspot_writable and salesforce_writable):
            return self.rule
        if self.hubspot_writable and self.rule is not SyncRule.ALWAYS_HUBSPOT:
            return SyncRule.ALWAYS_SALESFORCE
        if salesforce_writable and self.rule is not SyncRule.ALWAYS_SALESFORCE:
            return SyncRule.ALWAYS_HUBSPOT
        return SyncRule.DONT_SYNC


class ObjectMapping(msgspec.Struct, frozen=True):
    """One HubSpot object joined to one Salesforce object. Contact and Lead are two mappings of the object `contacts`."""

    id: int
    object: str
    salesforce_type: str
    fields: tuple[FieldMapping, ...]
