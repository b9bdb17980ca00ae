"""What HubSpot's history tells of a write of ours: whose versions stand between the one that we read and our own."""

from __future__ import annotations

from interlock.core.codec import Codec, FieldShape, codec_for
from interlock.core.mapping import FieldMapping
from interlock.core.model import SyncRule
from interlock.core.values import BLANK_FINGERPRINT, Text, fingerprint
from interlock.crm.hubspot.model import HistoryEntry
from interlock.engine.verify import foreign_versions

S = 1_000_000
READ_US = 1_000 * S
OURS = HistoryEntry("ours", READ_US + 120 * S, "INTEGRATION", "1")


def title() -> FieldMapping:
    codec = codec_for(
        FieldShape(hubspot_type="string", hubspot_field_type="text", salesforce_type="string", length=128)
    )
    assert isinstance(codec, Codec)
    return FieldMapping(1, "jobtitle", "Title", SyncRule.TWO_WAY, codec)


def typed(value: str, at_s: int) -> HistoryEntry:
    return HistoryEntry(value, READ_US + at_s * S, "CRM_UI", "userId:1")


def lost(newest_first: list[HistoryEntry], read: str | None) -> list[str | None]:
    written, seen = fingerprint(Text("ours")), BLANK_FINGERPRINT if read is None else fingerprint(Text(read))
    return [entry.value for entry in foreign_versions(title(), newest_first, written, seen, READ_US)]


def test_a_version_between_our_read_and_our_write_was_replaced_unseen() -> None:
    assert lost([OURS, typed("theirs", 60), typed("read", -500)], "read") == ["theirs"]


def test_nothing_is_lost_when_what_we_read_stands_below_our_version() -> None:
    assert lost([OURS, typed("read", -500), typed("older", -900)], "read") == []


def test_a_later_edit_is_not_lost() -> None:
    assert lost([typed("later", 300), OURS, typed("read", -500)], "read") == []


def test_edits_of_a_blank_field_are_found_however_long_the_batch_had_waited() -> None:
    # A blank that was never filled has no version of its own to stop at.
    assert lost([OURS, typed("second", 30), typed("first", 2)], None) == ["second", "first"]


def test_a_blank_that_was_cleared_stops_the_search() -> None:
    assert lost([OURS, typed("theirs", 30), typed("", -5), typed("cleared", -500)], None) == ["theirs"]


def test_between_two_arrivals_of_our_write_somebody_may_have_been_and_we_are_nobody() -> None:
    first = HistoryEntry("ours", READ_US + 90 * S, "INTEGRATION", "1")
    assert lost([OURS, typed("theirs", 100), first], None) == ["theirs"]


def test_a_person_who_typed_the_same_before_us_is_not_taken_for_us() -> None:
    assert lost([OURS, typed("theirs", 60), typed("ours", 30), typed("read", -500)], "read") == ["theirs"]


def test_the_same_value_written_again_later_is_another_write() -> None:
    later = HistoryEntry("ours", READ_US + 900 * S, "INTEGRATION", "1")
    assert lost([later, typed("", 500), OURS, typed("theirs", 60)], None) == ["theirs"]


def test_a_write_that_changed_nothing_left_no_version_and_replaced_nothing() -> None:
    assert lost([typed("same", 30)], None) == []
