"""Why records are not in both CRMs: eligible, synced, blocked, and the reason of each that is not. Reads the store only.

Counts come from the indexes; lists come in pages, so that a million records cost no more memory than a page. A record that no
sync has looked at yet is in no count: nobody knows it. Of a pair that does not sync, both records are one entry: every pair that
has not ended is in just one of the numbers.
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
from interlock.store import Store, Tx, issues, links, unlinked

PAGE_ROWS = 100
EXPORT_ROWS = 1_000
# It could be in both CRMs, and something is in the way that a person can take away.
_BLOCKED = QUESTIONS | {
    "refused",
    "not_readable",
    "native_id_missing",
    "person_rule_undecided",
    "stage_not_in_pipeline",
}
_WAITS = frozenset({"waiting", "membership_unknown", "filter_unknown"})
# Why a pair does not sync -> the state that it is in.
_PAIRS = {
    "not_in_list": LinkState.EXCLUDED,
    "pipeline_not_synced": LinkState.OTHER_PIPELINE,
    "hubspot_deleted": LinkState.HUBSPOT_DELETED,
    "salesforce_deleted": LinkState.SALESFORCE_DELETED,
}
_RESTS = frozenset({"hubspot_deleted", "salesforce_deleted"})

BLOCKED, WAITING, NOT_ELIGIBLE, RESTING = "blocked", "waiting", "not_eligible", "resting"
# In a cursor: the place is one in the list of pairs, which follows that of the records that are in none.
_AMONG_PAIRS = "pair:"


def verdict_on(why: str) -> str:
    """What a reason means: `blocked`, `waiting`, `not_eligible` or `resting`."""
    if why in _BLOCKED:
        return BLOCKED
    if why in _RESTS:
        return RESTING
    return WAITING if why in _WAITS else NOT_ELIGIBLE


class Cause(msgspec.Struct, frozen=True):
    """How many records have no counterpart for one reason, by the side on which they are; and how many pairs do not sync for it."""

    why: str
    verdict: str
    text: str
    in_hubspot: int
    in_salesforce: int
    pairs: int = 0

    @property
    def records(self) -> int:
        return self.in_hubspot + self.in_salesforce + self.pairs


class Report(msgspec.Struct, frozen=True):
    """One object. `synced`: pairs in both CRMs, of which `in_part` have a field that is held back."""

    object: str
    synced: int
    in_part: int
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
    def resting(self) -> int:
        """Pairs of which one record is gone."""
        return self._of(RESTING)

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
                    "pairs": each.pairs,
                }
                for each in self.causes
            ],
        }


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
            _causes(alone.get(slug, {}), pairs.get(slug, {})),
        )
        for slug in SPECS
    ]


def _causes(alone: dict[str, dict[Side, int]], pairs: dict[str, int]) -> list[Cause]:
    of_pairs = {why: pairs[state.value] for why, state in _PAIRS.items() if pairs.get(state.value)}
    return [
        Cause(
            why,
            verdict_on(why),
            why_not(why),
            alone.get(why, {}).get(Side.HUBSPOT, 0),
            alone.get(why, {}).get(Side.SALESFORCE, 0),
            of_pairs.get(why, 0),
        )
        for why in sorted({*alone, *of_pairs})
    ]


class Listed(msgspec.Struct, frozen=True):
    """One record that is in no pair, or one pair by its HubSpot record, with its `counterpart`."""

    key: RecordKey
    label: str
    seen_us: int | None
    counterpart: RecordKey | None = None


class Page(msgspec.Struct, frozen=True):
    """`after` continues the list; None: this was its end."""

    records: list[Listed]
    after: str | None

    def document(self, why: str) -> dict[str, Any]:
        return {
            "why": why,
            "verdict": verdict_on(why),
            "reason": why_not(why),
            "records": [
                {
                    "record": str(each.key),
                    "counterpart": None if each.counterpart is None else str(each.counterpart),
                    "label": each.label,
                    "seen_at": rfc3339(each.seen_us),
                }
                for each in self.records
            ],
            "next_cursor": self.after,
        }


async def page(
    store: Store, connection_id: int, object_: str, why: str, after: str | None = None, limit: int = PAGE_ROWS
) -> Page:
    """Records, and then pairs, that are not synced for one reason. Raises Missing for an object that does not sync, BadInput for a
    place that is none."""
    if object_ not in SPECS:
        raise Missing(f"{object_!r} is not an object that syncs.", code="no_such_object")
    state = _PAIRS.get(why)
    async with store.read(connection_id) as tx:
        if state is not None and after is not None and after.startswith(_AMONG_PAIRS):
            return await _page_of_pairs(tx, object_, state, _pair_id(after), limit)
        rows = await unlinked.page(tx, object_, why, _key(after), limit + 1)
        found = [Listed(each.key, each.label, each.seen_us) for each in rows[:limit]]
        if len(rows) > limit:
            return Page(found, str(rows[limit - 1].key))
        if state is None:
            return Page(found, None)
        if not found:
            return await _page_of_pairs(tx, object_, state, 0, limit)
        more = await links.page_of_state(tx, object_, state, 0, 1)
    return Page(found, f"{_AMONG_PAIRS}0" if more else None)


async def _page_of_pairs(tx: Tx, object_: str, state: LinkState, after_id: int, limit: int) -> Page:
    rows = await links.page_of_state(tx, object_, state, after_id, limit + 1)
    found = [Listed(each.hubspot, "", each.synced_at_us, each.salesforce) for each in rows[:limit]]
    return Page(found, f"{_AMONG_PAIRS}{rows[limit - 1].id}" if len(rows) > limit else None)


def _pair_id(after: str) -> int:
    digits = after.removeprefix(_AMONG_PAIRS)
    if not (digits.isascii() and digits.isdecimal()) or len(digits) > 18:
        raise _no_place(after)
    return int(digits)


def _no_place(text: str) -> BadInput:
    return BadInput(f"{text!r} is no place in this list.", code="bad_cursor", fix="Begin at its first page.")


def _key(text: str | None) -> RecordKey | None:
    if not text:
        return None
    try:
        return RecordKey.parse(text)
    except ValueError as error:
        raise _no_place(text) from error


_COLUMNS = ("object", "record", "label", "verdict", "why", "reason", "seen_at", "counterpart")


async def as_csv(
    store: Store, connection_id: int, object_: str | None = None, why: str | None = None
) -> AsyncIterator[str]:
    """All that is not synced, or one object's, or one reason's, in pieces: no more than one page is held."""
    yield csv_rows(_COLUMNS)
    async with store.read(connection_id) as tx:
        alone, pairs = await unlinked.counts_by_side(tx), await links.counts(tx)
    for slug in SPECS if object_ is None else (object_,):
        known = [cause.why for cause in _causes(alone.get(slug, {}), pairs.get(slug, {}))]
        for each in known if why is None else (why,):
            after: str | None = None
            while True:
                found = await page(store, connection_id, slug, each, after, EXPORT_ROWS)
                yield _lines(slug, each, found.records)
                after = found.after
                if after is None:
                    break


def _lines(slug: str, why: str, records: list[Listed]) -> str:
    verdict, reason = verdict_on(why), why_not(why)
    return csv_rows(
        *(
            (
                slug,
                str(each.key),
                each.label,
                verdict,
                why,
                reason,
                rfc3339(each.seen_us),
                "" if each.counterpart is None else str(each.counterpart),
            )
            for each in records
        )
    )
