"""Record types of an object, and which values of a picklist one of them offers.

A field that a record type does not name is offered whole. The master record type, which every object has, offers
everything. Nothing here writes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

MASTER_ID = "012000000000000AAA"


@dataclass(slots=True)
class RecordType:
    id: str
    name: str
    developer_name: str
    default: bool = False
    active: bool = True
    person: bool = False  # of person accounts
    # Field -> the values that records of this type may have, in order; what is left out may be anything of the field.
    picklists: dict[str, tuple[str, ...]] = field(default_factory=dict)
    # Users whose profile does not have it.
    closed_to: set[str] = field(default_factory=set)

    def available(self, user_id: str | None) -> bool:
        return self.active and user_id not in self.closed_to

    def offers(self, field_name: str, value: str) -> bool:
        offered = self.picklists.get(field_name)
        return offered is None or value in offered

    def info(self, user_id: str | None, *, default: bool) -> dict[str, Any]:
        return {
            "active": self.active,
            "available": self.available(user_id),
            "defaultRecordTypeMapping": default,
            "developerName": self.developer_name,
            "master": False,
            "name": self.name,
            "recordTypeId": self.id,
        }


def infos(record_types: list[RecordType], user_id: str | None) -> list[dict[str, Any]]:
    """`recordTypeInfos` of a describe, as recorded: the record types, then Master."""
    default = default_of(record_types, user_id)
    master = {
        "active": True,
        "available": True,
        "defaultRecordTypeMapping": default is None,
        "developerName": "Master",
        "master": True,
        "name": "Master",
        "recordTypeId": MASTER_ID,
    }
    return [*(each.info(user_id, default=each is default) for each in record_types), master]


def default_of(record_types: list[RecordType], user_id: str | None) -> RecordType | None:
    """What a record made without a record type gets; None: none, which is Master."""
    return next((each for each in record_types if each.default and each.available(user_id)), None)
