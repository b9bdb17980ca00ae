"""Owners: people, and queues, of both sides. Beside who is known to both it can tell apart those whom only one side knows.

`apart`: whether it does. Where not, such an owner is unreadable, and the field is left alone on both sides.
"""

from __future__ import annotations

from collections.abc import Mapping

from interlock.core.codec.reference import RefCodec, salesforce_id_18
from interlock.core.model import Raw, Side
from interlock.core.values import Ref, Unknown, Value, fingerprint


class OwnerCodec(RefCodec):
    """The common id of somebody whom both sides know is what they are matched by; of anybody else it names the side and the id."""

    __slots__ = ("_apart", "_inactive", "_known_as", "_only_hubspot", "_writable")

    def __init__(
        self,
        ref_kind: str,
        hubspot_to_common: Mapping[str, str],
        salesforce_to_common: Mapping[str, str],
        common_to_hubspot: Mapping[str, str],
        common_to_salesforce: Mapping[str, str],
        *,
        known_as: Mapping[str, frozenset[str]],
        inactive: frozenset[str] = frozenset(),
        only_hubspot: frozenset[str] = frozenset(),
        apart: bool = False,
    ) -> None:
        """`known_as`: common id -> under which others the same person may have been known before they were matched, or paired
        by hand. `inactive`: common ids of those who may own nothing in Salesforce. `only_hubspot`: ids of owners whom Salesforce
        does not know."""
        super().__init__(
            ref_kind,
            hubspot_to_common,
            salesforce_to_common,
            common_to_hubspot,
            common_to_salesforce,
            why_unknown="no counterpart",
            nillable=False,  # OwnerId is required (describe: nillable false)
        )
        self._writable = {Side.HUBSPOT: common_to_hubspot, Side.SALESFORCE: common_to_salesforce}
        self._known_as = known_as
        self._inactive = inactive
        self._only_hubspot = only_hubspot
        self._apart = apart

    def from_hubspot(self, raw: Raw) -> Value:
        value = super().from_hubspot(raw)
        # An id that HubSpot's list of owners does not name may be new, and somebody whom Salesforce knows: it stays unreadable.
        if self._apart and type(value) is Unknown and str(raw) in self._only_hubspot:
            return Ref(self.ref_kind, only_in(Side.HUBSPOT, str(raw)))
        return value

    def from_salesforce(self, raw: Raw) -> Value:
        value = super().from_salesforce(raw)
        # A queue, or a user without a HubSpot owner. One who is new is told apart from themselves later: see `known_as`.
        if self._apart and type(value) is Unknown and isinstance(raw, str):
            return Ref(self.ref_kind, only_in(Side.SALESFORCE, salesforce_id_18(raw)))
        return value

    def can_own(self, side: Side, value: Value) -> bool:
        """Whether that side can be told of them. Nobody can: OwnerId is required."""
        return type(value) is Ref and value.id in self._writable[side]

    def is_active(self, value: Value) -> bool:
        """Whether they may keep what they own in Salesforce."""
        return type(value) is Ref and value.id not in self._inactive

    def is_same(self, value: Value, print_: int) -> bool:
        """Whether a fingerprint is of them, by whatever name they went then."""
        if fingerprint(value) == print_:
            return True
        names = self._known_as.get(value.id, ()) if type(value) is Ref else ()
        return any(fingerprint(Ref(self.ref_kind, name)) == print_ for name in names)


def only_in(side: Side, id_: str) -> str:
    return f"{side.value}:{id_}"
