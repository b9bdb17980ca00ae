"""Call counts of a local CRM: in all, by endpoint, by client. The figures a budget is judged by, counted by the server.

Only API calls are counted: the web pages and the control API are not, and neither is what a test does through a user's
handle.
"""

from __future__ import annotations

from typing import Any

from crm_emulator.kernel.clock import Clock, iso_from_us


class Stats:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.reset()

    def reset(self) -> None:
        self.calls = 0
        self.refused_429 = 0
        self.by_endpoint: dict[str, int] = {}
        self.by_client: dict[str, int] = {}
        self.since_us = self._clock.now_us()

    def count(self, endpoint: str, client: str) -> None:
        self.calls += 1
        self.by_endpoint[endpoint] = self.by_endpoint.get(endpoint, 0) + 1
        self.by_client[client] = self.by_client.get(client, 0) + 1

    def as_dict(self) -> dict[str, Any]:
        return {
            "calls": self.calls,
            "by_endpoint": dict(sorted(self.by_endpoint.items())),
            "by_client": dict(sorted(self.by_client.items())),
            "refused_429": self.refused_429,
            "since": iso_from_us(self.since_us),
        }
