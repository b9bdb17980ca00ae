"""What became of a request that tells less than it should: the circumstances that docs/guarantees.md names as best effort."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from crm_emulator.kernel.journal import JournalEntry

if TYPE_CHECKING:
    from tests.simulation.network import Landing
    from tests.simulation.world import Story

GONE = ("delete", "merge")


def landings_of(story: Story, side: str, entries: Sequence[JournalEntry]) -> list[Landing]:
    """Those that wrote one of the entries, in their order."""
    return [
        landing
        for entry in entries
        for landing in story.network.landings
        if landing.side == side and landing.first_seq <= entry.seq <= landing.last_seq
    ]


def made_twice_by_one_request(story: Story, side: str, first: JournalEntry, second: JournalEntry) -> bool:
    """Whether both creates were one request of ours, and somebody took away what the first had made between the two."""
    crm = story.hubspot if side == "hubspot" else story.salesforce
    taken_away = any(
        each.id == first.id and each.action in GONE and first.seq < each.seq < second.seq
        for each in crm.journal.entries()
    )
    sent = landings_of(story, side, (first, second))
    return taken_away and len(sent) == 2 and sent[0].request is sent[1].request


def refused_when_it_came_again(story: Story, side: str, written: Sequence[JournalEntry]) -> bool:
    """Whether a proxy sent the request twice and handed on the second answer, which was a refusal, of all or of a field."""
    return any(
        again.request is landing.request and again is not landing and again.answer and again.answer.status != 200
        for landing in landings_of(story, side, written)
        for again in story.network.landings
    )


def read_failed_within(story: Story, side: str, written: JournalEntry) -> bool:
    """Whether the read of the call that wrote it, just before the write, was refused: what stood there nobody has seen."""
    for landing in landings_of(story, side, [written]):
        if landing.answer is None or b"compositeResponse" not in landing.answer.body:
            continue
        replies = msgspec.json.decode(landing.answer.body)["compositeResponse"]
        if any(each["referenceId"].startswith("before") and each["httpStatusCode"] >= 400 for each in replies):
            return True
    return False
