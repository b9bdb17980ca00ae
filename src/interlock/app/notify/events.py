"""What people can be told of. Words only; when each happens is in watch.py."""

from __future__ import annotations

from collections.abc import Iterable

from interlock.app.errors import BadInput

SUSPENDED, STOPPED_BY_BRAKE, SIGNED_OUT = "suspended", "stopped_by_brake", "signed_out"
HELD_UP = "held_up"
FIRST_SYNC_DONE, ISSUES, API_FORECAST, DAILY_SUMMARY = "first_sync_done", "issues", "api_forecast", "daily_summary"
# Of whoever began a long install, whatever they chose to be told of.
PACKAGE_INSTALLED = "package_installed"
# Of a message that somebody has sent to see whether it arrives.
TEST = "test"

EVENTS = (SUSPENDED, STOPPED_BY_BRAKE, SIGNED_OUT, HELD_UP, FIRST_SYNC_DONE, ISSUES, API_FORECAST, DAILY_SUMMARY)


def checked(events: Iterable[str]) -> list[str]:
    """In the order of the list. Raises BadInput for one that is not in it, and for none at all."""
    chosen = set(events)
    unknown = chosen - set(EVENTS)
    if unknown or not chosen:
        raise BadInput(
            f"{sorted(unknown)[0]!r} is nothing to be told of." if unknown else "Nothing to be told of is chosen.",
            code="no_such_event" if unknown else "no_event",
            field="events",
            fix=f"Choose some of: {', '.join(EVENTS)}.",
        )
    return [each for each in EVENTS if each in chosen]
