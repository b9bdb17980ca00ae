"""The control API under `/_emulator/`: how a test, a demo or a person at a terminal steers a local CRM.

On loopback only, and not for web pages of other origins. The CRM supplies what is its own: how it is reset and seeded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, runtime_checkable
from urllib.parse import urlsplit

import msgspec

from crm_emulator.kernel.clock import Clock, iso_from_us, us_from_iso
from crm_emulator.kernel.faults import Faults
from crm_emulator.kernel.http import Request, Response, Router, json_response
from crm_emulator.kernel.journal import Journal
from crm_emulator.kernel.stats import Stats

JOURNAL_PAGE_MAX = 10_000
_LOOPBACK = frozenset({"127.0.0.1", "::1"})
_OWN_NAMES = _LOOPBACK | {"localhost"}


USER = "user"


class Refused(Exception):
    """A control call that cannot be carried out; the message is for the person who made it."""

    def __init__(self, error: str, message: str) -> None:
        super().__init__(message)
        self.error = error


class Controlled(Protocol):
    """What a CRM supplies. `reset` takes "empty" or "sample"; `seed` returns ids in order, of records made by a user, or by who
    else `by` names. Both raise ValueError."""

    @property
    def clock(self) -> Clock: ...
    @property
    def faults(self) -> Faults: ...
    @property
    def stats(self) -> Stats: ...
    @property
    def journal(self) -> Journal: ...
    def control_reset(self, data: str) -> None: ...
    def control_seed(self, objects: dict[str, list[dict[str, Any]]], by: str) -> dict[str, list[str]]: ...


@runtime_checkable
class Featured(Protocol):
    """A CRM that can be reset into one with features that accounts have only where they are switched on."""

    @property
    def feature_names(self) -> Sequence[str]: ...
    def control_reset(self, data: str, features: Sequence[str] | None = None) -> None: ...


class Control:
    """Adds the routes to a router. Call it again after a reset that makes a new router."""

    def __init__(self, crm: Controlled, router: Router) -> None:
        self._crm = crm
        add = router.add
        add("GET", "/_emulator/stats", self._guarded(self._stats), open_=True)
        add("POST", "/_emulator/reset", self._guarded(self._reset), open_=True)
        add("POST", "/_emulator/seed", self._guarded(self._seed), open_=True)
        add("POST", "/_emulator/faults", self._guarded(self._plant), open_=True)
        add("DELETE", "/_emulator/faults", self._guarded(self._clear), open_=True)
        add("POST", "/_emulator/clock", self._guarded(self._clock), open_=True)
        add("GET", "/_emulator/journal", self._guarded(self._journal), open_=True)
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            add(method, "/_emulator/{rest...}", self._guarded(_unknown), open_=True)

    def _guarded(self, handler: Callable[[Request], Any]) -> Callable[[Request], Response]:
        def guarded(request: Request) -> Response:
            try:
                _check_caller(request)
                return json_response(handler(request))
            except Refused as refused:
                return json_response({"error": refused.error, "message": str(refused)}, 400)
            except (msgspec.DecodeError, ValueError, OverflowError) as broken:
                return json_response({"error": "invalid", "message": str(broken)}, 400)

        return guarded

    def _stats(self, request: Request) -> dict[str, Any]:
        return self._crm.stats.as_dict()

    def _reset(self, request: Request) -> dict[str, Any]:
        asked = _object(request)
        data, features = asked.get("data", "empty"), asked.get("features")
        if data not in ("empty", "sample"):
            raise Refused("invalid", 'data must be "empty" or "sample"')
        if features is None:
            self._crm.control_reset(data)
            return {"reset": data}
        if not isinstance(self._crm, Featured) or not isinstance(features, list):
            raise Refused("invalid", "features must be a list of names, of a CRM that has any")
        self._crm.control_reset(data, features)
        return {"reset": data, "features": features}

    def _seed(self, request: Request) -> dict[str, Any]:
        asked = _object(request)
        objects, by = asked.get("objects"), asked.get("by", USER)
        if not isinstance(objects, dict) or not all(_is_rows(rows) for rows in objects.values()):
            raise Refused("invalid", 'objects must be {"type": [{field: value}, ...]}')
        if not isinstance(by, str):
            raise Refused("invalid", f'by must be a name, for example "{USER}"')
        return {"ids": self._crm.control_seed(objects, by)}

    def _plant(self, request: Request) -> dict[str, Any]:
        rules = request.json()
        if not isinstance(rules, list):
            raise Refused("invalid", "faults are a list of rules")
        self._crm.faults.add(*rules)
        return {"planted": len(rules)}

    def _clear(self, request: Request) -> dict[str, Any]:
        fired = self._crm.faults.fired
        self._crm.faults.clear()
        return {"fired": fired}

    def _clock(self, request: Request) -> dict[str, Any]:
        body = _object(request)
        if ("set" in body) == ("advance_seconds" in body):
            raise Refused("invalid", "give either set or advance_seconds")
        clock, before_us = self._crm.clock, self._crm.clock.now_us()
        if "set" in body:
            at = body["set"]
            clock.set(us_from_iso(at) if isinstance(at, str) else round(_number(at)))
        else:
            clock.advance_seconds(_number(body["advance_seconds"]))
        try:
            return {"now": iso_from_us(clock.now_us())}
        except (ValueError, OverflowError):
            clock.set(before_us)
            raise Refused("invalid", "that moment is beyond what the clock can show") from None

    def _journal(self, request: Request) -> dict[str, Any]:
        after = int(request.query_one("after", "0") or 0)
        limit = int(request.query_one("limit", str(JOURNAL_PAGE_MAX)) or JOURNAL_PAGE_MAX)
        limit = max(1, min(limit, JOURNAL_PAGE_MAX))
        entries = [
            {
                "seq": entry.seq,
                "at": iso_from_us(entry.at_us),
                "client": entry.client,
                "user": entry.user,
                "object": entry.object,
                "id": entry.id,
                "action": entry.action,
                "field": entry.field,
                "old": entry.old,
                "new": entry.new,
            }
            for entry in self._crm.journal.entries(after, limit)
        ]
        # Of a part, its own last one: who reads on from there misses nothing.
        last_seq = entries[-1]["seq"] if len(entries) == limit else self._crm.journal.last_seq
        return {"entries": entries, "last_seq": last_seq}


def _check_caller(request: Request) -> None:
    host = request.headers.get("host")
    if request.client_host is not None:  # None: in process
        if request.client_host not in _LOOPBACK:
            raise Refused("forbidden", "the control API answers on loopback only")
        if host is not None and urlsplit(f"//{host}").hostname not in _OWN_NAMES:  # a rebound name of the web
            raise Refused("forbidden", "the control API answers under the names of loopback only")
    origin = request.headers.get("origin")
    if origin is not None and origin.partition("://")[2] != host:
        raise Refused("forbidden", "the control API does not answer web pages of other origins")


def _unknown(request: Request) -> Any:
    raise Refused("unknown", f"there is no {request.method} {request.path}")


def _number(given: Any) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float):
        raise Refused("invalid", f"{given!r} is not a number")
    return given


def _object(request: Request) -> dict[str, Any]:
    found = request.json() if request.body else {}
    if not isinstance(found, dict):
        raise Refused("invalid", "a JSON object was expected")
    return found


def _is_rows(rows: Any) -> bool:
    return isinstance(rows, list) and all(isinstance(row, dict) for row in rows)
