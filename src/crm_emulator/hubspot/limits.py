"""HubSpot's limits: calls per ten seconds (rolling, per app), per day (per account), searches per second (per account).

Each family of calls has its own: searches are paced by the second, association batches and labels have a burst and a
day of their own, everything else shares the app's burst; all count against the account's day. It decides and counts;
the error bodies are in `errors.py`. Refused calls are not counted (whether HubSpot counts them is unknown).
"""

from __future__ import annotations

from collections import deque
from enum import Enum

from crm_emulator.hubspot import errors
from crm_emulator.hubspot.account import Token
from crm_emulator.hubspot.config import Config
from crm_emulator.hubspot.stamps import following_midnight_ms, zone
from crm_emulator.kernel.clock import Clock

_SECOND_MS = 1_000


class _Window:
    """Calls in a rolling window."""

    __slots__ = ("_at_ms", "_length_ms")

    def __init__(self, length_ms: int) -> None:
        self._length_ms = length_ms
        self._at_ms: deque[int] = deque()

    def used(self, now_ms: int) -> int:
        while self._at_ms and self._at_ms[0] <= now_ms - self._length_ms:
            self._at_ms.popleft()
        return len(self._at_ms)

    def add(self, now_ms: int) -> None:
        self._at_ms.append(now_ms)


class Family(Enum):
    CRM = "crm"
    SEARCH = "search"
    ASSOCIATIONS = "associations"


# Outside the app's burst (x-hubspot-rate-limit-exemptions): searches, association batches and labels.
_ASSOCIATIONS = ("/crm/v3/associations", "/crm/v4/associations", "/crm/associations/")


def family_of(route: str) -> Family:
    if route.endswith("/search"):
        return Family.SEARCH
    return Family.ASSOCIATIONS if route.startswith(_ASSOCIATIONS) else Family.CRM


class Limits:
    def __init__(self, config: Config, clock: Clock) -> None:
        self._config = config
        self._clock = clock
        self._zone = zone(config.time_zone)
        self._bursts: dict[tuple[Family, str, int], _Window] = {}
        self._searches = _Window(_SECOND_MS)
        self._day_ends_ms = 0
        self.used_today = 0
        self._associations_today = 0

    def admit(self, token: Token, family: Family) -> None:
        """Counts one call. Raises ApiError 429 when it is one too many."""
        now_ms = self._clock.now_ms()
        self._roll_day(now_ms)
        window = self._window(token, family)
        if self._config.rate_limits:
            self._check_day(token, family)
            if window.used(now_ms) >= self._limit(token, family):
                if family is Family.SEARCH:
                    raise errors.search_limit()
                group = f"publicapi:{token.kind}_app-api-calls-ten-secondly:{token.app_id}:{self._config.account_id}"
                raise errors.burst_limit(group)
        self.used_today += 1
        self._associations_today += family is Family.ASSOCIATIONS
        window.add(now_ms)

    def headers(self, token: Token, family: Family) -> list[tuple[str, str]]:
        """Recorded: search answers carry no burst headers, OAuth answers no daily ones. Those of association batches
        were never seen; they are left out too."""
        now_ms = self._clock.now_ms()
        self._roll_day(now_ms)
        found: list[tuple[str, str]] = []
        if token.kind == "private":
            remaining = max(0, self._config.daily_limit - self.used_today)
            found.append(("X-HubSpot-RateLimit-Daily", str(self._config.daily_limit)))
            found.append(("X-HubSpot-RateLimit-Daily-Remaining", str(remaining)))
        if family is not Family.CRM:
            return found
        limit = self._limit(token, family)
        left = max(0, limit - self._window(token, family).used(now_ms))
        window_ms = self._config.burst_window_ms
        secondly = limit * _SECOND_MS // window_ms
        found.extend(
            (
                ("X-HubSpot-RateLimit-Interval-Milliseconds", str(window_ms)),
                ("X-HubSpot-RateLimit-Max", str(limit)),
                ("X-HubSpot-RateLimit-Remaining", str(left)),
                ("X-HubSpot-RateLimit-Secondly", str(secondly)),
                ("X-HubSpot-RateLimit-Secondly-Remaining", str(min(secondly, left))),
            )
        )
        return found

    def resets_at_ms(self) -> int:
        self._roll_day(self._clock.now_ms())
        return self._day_ends_ms

    def _check_day(self, token: Token, family: Family) -> None:
        if token.kind == "private" and self.used_today >= self._config.daily_limit:
            raise errors.daily_limit()
        if family is Family.ASSOCIATIONS and self._associations_today >= self._config.association_daily_limit:
            raise errors.daily_limit()

    def _limit(self, token: Token, family: Family) -> int:
        if family is Family.SEARCH:
            return self._config.search_per_second
        if family is Family.ASSOCIATIONS:
            return self._config.association_burst_limit
        return self._config.burst_limit if token.kind == "private" else self._config.oauth_burst_limit

    def _window(self, token: Token, family: Family) -> _Window:
        if family is Family.SEARCH:
            return self._searches  # of the account, whoever searches
        key = family, token.kind, token.app_id
        if key not in self._bursts:
            self._bursts[key] = _Window(self._config.burst_window_ms)
        return self._bursts[key]

    def _roll_day(self, now_ms: int) -> None:
        """The daily limit resets at midnight in the account's time zone."""
        if now_ms >= self._day_ends_ms:
            self._day_ends_ms = following_midnight_ms(now_ms, self._zone)
            self.used_today = self._associations_today = 0
