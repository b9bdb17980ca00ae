"""Faults a test or a user plants in a local CRM: refusals, dropped answers, cut bodies, slow and partial answers.

A rule says which calls it meets and what happens to them; the first rule that fires decides the call. Chance comes from
a seeded random.Random of its own, so that planting a fault never shifts the CRM's ids. What a fault looks like on the
wire is the business of `http.py`; which records of a batch a `partial` fault hits is asked of `Fault.hits`.
"""

from __future__ import annotations

import random
from typing import Annotated, Any, Literal

import msgspec

FaultKind = Literal["status", "timeout_before", "timeout_after", "cut_body", "slow", "partial"]


class Dropped(ConnectionError):
    """The connection ended without an answer. In process it reaches the caller; a server closes the connection."""


class FaultMatch(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Which calls a rule meets. Without `every` and `probability` it meets every one; `times` bounds how often."""

    method: str | None = None
    path_prefix: str | None = None
    every: Annotated[int, msgspec.Meta(ge=1)] | None = None
    probability: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    times: Annotated[int, msgspec.Meta(ge=1)] | None = None


class FaultRule(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    kind: FaultKind
    match: FaultMatch = FaultMatch()
    status: Annotated[int, msgspec.Meta(ge=400, le=599)] | None = None
    delay_ms: Annotated[int, msgspec.Meta(ge=0)] = 0


class Fault:
    """One firing of one rule on one call."""

    __slots__ = ("_random", "rule")

    def __init__(self, rule: FaultRule, rng: random.Random) -> None:
        self.rule = rule
        self._random = rng

    def hits(self, count: int) -> frozenset[int]:
        """Positions of a batch of `count` records that a partial fault makes fail: about half, at least one."""
        if count == 0:
            return frozenset()
        chosen = [index for index in range(count) if self._random.random() < 0.5]
        return frozenset(chosen or [self._random.randrange(count)])


class _Armed:
    __slots__ = ("fired", "met", "rule")

    def __init__(self, rule: FaultRule) -> None:
        self.rule = rule
        self.met = 0
        self.fired = 0


class Faults:
    """The rules in force. `add` takes rules or the JSON objects of the control API."""

    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(f"faults:{seed}")
        self._armed: list[_Armed] = []

    def add(self, *rules: FaultRule | dict[str, Any]) -> None:
        """Raises msgspec.ValidationError, and adds none, when one of them is malformed."""
        checked = [rule if isinstance(rule, FaultRule) else msgspec.convert(rule, FaultRule) for rule in rules]
        for rule in checked:
            if rule.kind == "status" and rule.status is None:
                raise msgspec.ValidationError("a fault of kind 'status' needs a status")
        self._armed.extend(_Armed(rule) for rule in checked)

    def clear(self) -> None:
        self._armed.clear()

    @property
    def fired(self) -> int:
        return sum(armed.fired for armed in self._armed)

    def pick(self, method: str, path: str) -> Fault | None:
        for armed in self._armed:
            if self._fires(armed, method, path):
                armed.fired += 1
                return Fault(armed.rule, self._random)
        return None

    def _fires(self, armed: _Armed, method: str, path: str) -> bool:
        match = armed.rule.match
        if match.method is not None and match.method.upper() != method:
            return False
        if match.path_prefix is not None and not path.startswith(match.path_prefix):
            return False
        if match.times is not None and armed.fired >= match.times:
            return False
        armed.met += 1
        if match.every is not None and armed.met % match.every:
            return False
        return match.probability is None or self._random.random() < match.probability
