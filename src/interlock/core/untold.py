"""What a record holds that its pair never agreed on: an edit that the other side has not been told of. Pure."""

from __future__ import annotations

from interlock.core.codec import RefCodec
from interlock.core.mapping import FieldMapping, ObjectMapping
from interlock.core.model import Base, Observation, Side, SyncRule
from interlock.core.reconcile import read_hubspot, read_salesforce
from interlock.core.values import BLANK, BLANK_FINGERPRINT, Unknown, fingerprint

_OWNER = "OwnerId"


def untold(mapping: ObjectMapping, base: Base, seen: Observation) -> list[str]:
    """Names of the fields of this record, as its own CRM calls them, whose value is not the one that is known to both sides.

    What cannot be read may have been edited, and a value that never agreed was carried over to nobody.
    """
    side = seen.key.side
    own = [field for field in mapping.fields if side is Side.HUBSPOT or not field.is_of_another()]
    fields = [field for field in own if field.effective_rule is not SyncRule.DONT_SYNC]
    return sorted({field.name(side) for field in fields if _is_untold(field, base, seen, side)})


def _is_untold(field: FieldMapping, base: Base, seen: Observation, side: Side) -> bool:
    value = read_hubspot(field, seen) if side is Side.HUBSPOT else read_salesforce(field, seen)
    both = base.get(field.id)
    known = None if both is None else both[0 if side is Side.HUBSPOT else 1]
    refers = isinstance(field.codec, RefCodec)
    if type(value) is Unknown:
        # Salesforce gives an owner to every record, who may be nobody in HubSpot: that is no edit of one that came without.
        given = field.field == _OWNER and known in (None, BLANK_FINGERPRINT)
        return known is not None and not given
    if refers and (value == BLANK or known is None):
        # A record that is deleted takes the references to it along, which is nobody's edit of those that pointed to it.
        return False
    if both is not None and both[0] != both[1] and value != BLANK and not refers and field.field != _OWNER:
        # The rule let the two differ: the other side was never to have it, and it would be nowhere else.
        return True
    return fingerprint(value) != (BLANK_FINGERPRINT if known is None else known)
