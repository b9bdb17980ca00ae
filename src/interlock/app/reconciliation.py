"""Why records are not in both CRMs: eligible, synced, blocked, and the reason of each that is not. Reads the store only.

Counts come from the indexes; lists come in pages, so that a million records cost no more memory than a page. A record that no
sync has looked at yet is in no count: nobody knows it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec

from interlock.app.cells import csv_rows
from interlock.app.errors import BadInput, Missing
from interlock.app.times import rfc3339
from interlock.app.words import why_not
from interlock.core.match import QUESTIONS
from interlock.core.model import LinkState, RecordKey, Side
from interlock.objects.registry import SPECS
from interlock.store import Store, issues, links, unlinked
from interlock.store.unlinked import Unlinked

PAGE_ROWS = 100
EXPORT_ROWS = 1_000
# It could be in both CRMs, and something is in the way that a person can take away.
_BLOCKED = QUESTIONS | {"refused", "not_readable"}
_WAITS = frozenset({"waiting"})

BLOCKED, WAITING, NOT_ELIGIBLE = "blocked", "waiting", "not_eligible"


def verdict_on(why: str) -> str:
    """What a reason means: `blocked`, `waiting` or `not_eligible`."""
    if why in _BLOCKED:
        return BLOCKED
    return WAITING if why in _WAITS else NOT_ELIGIBLE


class Cause(msgspec.Struct, frozen=True):
    """How many records have no counterpart for one reason, by the side on which they are."""

    why: str
    verdict: str
    text: str
    in_hubspot: int
    in_salesforce: int

    @property
    def records(self) -> int:
        return self.in_hubspot + self.in_salesforce


class Report(msgspec.Struct, frozen=True):
    """One object. `synced`: pairs in both CRMs, of which `in_part` have a field that is held back. `resting`: pairs of which
    one record is gone."""

    object: str
    synced: int
    in_part: int
    resting: int
    causes: list[Cause]

    def _of(self, verdict: str) -> int:
        return sum(each.records for each in self.causes if each.verdict == verdict)

    @property
    def blocked(self) -> int:
        return self._of(BLOCKED)

    @property
    def waiting(self) -> int:
        return self._of(WAITING)

    @property
    def not_eligible(self) -> int:
        return self._of(NOT_ELIGIBLE)

    @property
    def eligible(self) -> int:
        return self.synced + self.blocked + self.waiting

    def document(self) -> dict[str, Any]:
        return {
            "eligible": self.eligible,
            "synced": self.synced,
            "in_part": self.in_part,
            "blocked": self.blocked,
            "waiting": self.waiting,
            "not_eligible": self.not_eligible,
            "resting": self.resting,
            "reasons": [
                {
                    "why": each.why,
                    "verdict": each.verdict,
                    "reason": each.text,
                    "in_hubspot": each.in_hubspot,
                    "in_salesforce": each.in_salesforce,
                }
                for each in self.causes
            ],
        }


_RESTING = (LinkState.HUBSPOT_DELETED, LinkState.SALESFORCE_DELETED)


async def report(store: Store, connection_id: int) -> list[Report]:
    """One for every object, in sync order."""
    async with store.read(connection_id) as tx:
        pairs, alone = await links.counts(tx), await unlinked.counts_by_side(tx)
        in_part = await issues.pairs_affected(tx)
    return [
        Report(
            slug,
            pairs.get(slug, {}).get(LinkState.LINKED.value, 0),
            in_part.get(slug, 0),
            sum(pairs.get(slug, {}).get(state.value, 0) for state in _RESTING),
            [
                Cause(why, verdict_on(why), why_not(why), by_side[Side.HUBSPOT], by_side[Side.SALESFORCE])
                for why, by_side in alone.get(slug, {}).items()
            ],
        )
        for slug in SPECS
    ]


class Page(msgspec.Struct, frozen=True):
    """`after` continues the list; None: this was its end."""

    records: list[Unlinked]
    after: str | None

    def document(self, why: str) -> dict[str, Any]:
        return {
            "why": why,
            "verdict": verdict_on(why),
            "reason": why_not(why),
            "records": [
                {"record": str(each.key), "label": each.label, "seen_at": rfc3339(each.seen_us)}
                for each in self.records
            ],
            "next_cursor": self.after,
        }


async def page(
    store: Store, connection_id: int, object_: str, why: str, after: str | None = None, limit: int = PAGE_ROWS
) -> Page:
    """Records that are not synced for one reason. Raises Missing for an object that does not sync, BadInput for a place that is
    none."""
    if object_ not in SPECS:
        raise Missing(f"{object_!r} is not an object that syncs.", code="no_such_object")
    async with store.read(connection_id) as tx:
        rows = await unlinked.page(tx, object_, why, _key(after), limit + 1)
    return Page(rows[:limit], str(rows[limit - 1].key) if len(rows) > limit else None)


def _key(text: str | None) -> RecordKey | None:
    if not text:
        return None
    try:
        return RecordKey.parse(text)
    except ValueError as error:
        raise BadInput(
            f"{text!r} is no place in this list.", code="bad_cursor", fix="Begin at its first page."
        ) from error


_COLUMNS = ("object", "record", "label", "verdict", "why", "reason", "seen_at")


async def as_csv(
    store: Store, connection_id: int, object_: str | None = None, why: str | None = None
) -> AsyncIterator[str]:
    """All that is not synced, or one object's, or one reason's, in pieces: no more than one page is held."""
    yield csv_rows(_COLUMNS)
    async with store.read(connection_id) as tx:
        known = await unlinked.counts(tx)
    for slug in SPECS if object_ is None else (object_,):
        for each in sorted(known.get(slug, {})) if why is None else (why,):
            after: str | None = None
            while True:
                found = await page(store, connection_id, slug, each, after, EXPORT_ROWS)
                yield _lines(slug, found.records)
                after = found.after
                if after is None:
                    break


def _lines(slug: str, records: list[Unlinked]) -> str:
    return csv_rows(
        *(
            (slug, str(each.key), each.label, verdict_on(each.why), each.why, why_not(each.why), rfc3339(each.seen_us))
            for each in records
        )
    )
