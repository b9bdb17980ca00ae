"""What several requests to the JSON API have in common: bounded lists, ids, pages."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

PAGE_MOST = 1_000
# Proxies cut what they wait for longer.
WAIT_MOST_S = 25

Slug = Literal["contacts", "companies", "deals"]
Side = Literal["hubspot", "salesforce"]
Objects = Annotated[list[Slug], Meta(max_length=10)]
Id = Annotated[int, Meta(ge=1, le=2**63 - 1)]
Limit = Annotated[int, Meta(ge=1, le=PAGE_MOST, description="So many in one answer.")]
Cursor = Annotated[str, Meta(max_length=500, description="Continue a list: `next_cursor` of the page before.")]
Phrase = Annotated[
    str,
    Meta(max_length=100, description="`Uninstall Salesforce`: the package goes, with the keys that records hold."),
]
Since = Annotated[
    str, Meta(max_length=50, description="Only what changed since: an age (`2h`, `3d`), a date, RFC 3339.")
]
Text = Annotated[str, Meta(min_length=1, max_length=500)]
RecordKey = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=500,
        description="A record key (`hubspot:contacts:501`), a Salesforce id, or a record's address in either CRM.",
    ),
]
