"""References: a person or a record, translated through a directory of ids that who builds the codec has read."""

from __future__ import annotations

from collections.abc import Mapping

from interlock.core.codec.base import Codec, CodecError, not_of_this_codec
from interlock.core.model import Raw
from interlock.core.values import BLANK, Ref, Unknown, Value

_ID_SUFFIX_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"


def salesforce_id_18(salesforce_id: str) -> str:
    """A 15-character id in its 18-character form: the suffix records which letters are capitals. Others as they are."""
    if len(salesforce_id) != 15:
        return salesforce_id
    suffix = ""
    for start in (0, 5, 10):
        block = salesforce_id[start : start + 5]
        suffix += _ID_SUFFIX_LETTERS[sum(1 << place for place, letter in enumerate(block) if "A" <= letter <= "Z")]
    return salesforce_id + suffix


class RefCodec(Codec):
    """Ids of one kind. The common id is whatever both directories agree on: an owner's e-mail, a company's HubSpot id.

    Several ids may mean the same (two users with one e-mail); the inverses say which of them is written, and what they
    leave out cannot be written. Without inverses the first id of the directory is.
    """

    __slots__ = (
        "_common_to_hubspot",
        "_common_to_salesforce",
        "_hubspot_to_common",
        "_missing_hubspot",
        "_missing_salesforce",
        "_salesforce_to_common",
        "ref_kind",
    )

    kind = "reference"

    def __init__(
        self,
        ref_kind: str,
        hubspot_to_common: Mapping[str, str],
        salesforce_to_common: Mapping[str, str],
        common_to_hubspot: Mapping[str, str] | None = None,
        common_to_salesforce: Mapping[str, str] | None = None,
        *,
        why_unknown: str = "not linked",
        nillable: bool = True,
    ) -> None:
        super().__init__(nillable=nillable)
        self.ref_kind = ref_kind
        self._hubspot_to_common = hubspot_to_common
        self._salesforce_to_common = salesforce_to_common
        self._common_to_hubspot = _inverse(hubspot_to_common) if common_to_hubspot is None else common_to_hubspot
        self._common_to_salesforce = (
            _inverse(salesforce_to_common) if common_to_salesforce is None else common_to_salesforce
        )
        self._missing_hubspot = Unknown(why_unknown)
        self._missing_salesforce = Unknown(why_unknown)

    def from_hubspot(self, raw: Raw) -> Value:
        if raw is None or raw == "":
            return BLANK
        # `associatedcompanyid` is a number property; ids are compared as text.
        common = self._hubspot_to_common.get(raw if raw.__class__ is str else str(raw))
        return self._missing_hubspot if common is None else Ref(self.ref_kind, common)

    def from_salesforce(self, raw: Raw) -> Value:
        if raw is None or raw == "":
            return BLANK
        if raw.__class__ is not str:
            return self._missing_salesforce
        common = self._salesforce_to_common.get(raw)
        if common is None and len(raw) == 15:
            common = self._salesforce_to_common.get(salesforce_id_18(raw))
        return self._missing_salesforce if common is None else Ref(self.ref_kind, common)

    def canon(self, value: Value) -> Value:
        return value

    def render_hubspot(self, value: Value) -> str:
        return self._id(value, self._common_to_hubspot, "HubSpot")

    def render_salesforce(self, value: Value) -> Raw:
        return self._id(value, self._common_to_salesforce, "Salesforce")

    def _id(self, value: Value, directory: Mapping[str, str], where: str) -> str:
        if type(value) is not Ref or value.kind != self.ref_kind:
            raise not_of_this_codec(self, value)
        found = directory.get(value.id)
        if found is None:
            raise CodecError("NO_COUNTERPART", f"{self.ref_kind} {value.id} has no counterpart in {where}")
        return found


def _inverse(directory: Mapping[str, str]) -> dict[str, str]:
    inverse: dict[str, str] = {}
    for own, common in directory.items():
        inverse.setdefault(common, own)
    return inverse
