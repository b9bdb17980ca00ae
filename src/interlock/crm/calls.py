"""How one call is carried to its end: admitted, signed, sent, learned from, and repeated where repeating is safe.

The same loop for both CRMs; what an answer means is asked of the CRM's own `read_refusal`. It knows no endpoint and no
record. Reads end in an answer or a CrmError. Writes end in an answer, or in the outcome that is true for every record
of the call: NotDone when it surely was not carried out, Unsettled when it may have been. Writes raise no CrmError.
"""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import TypeVar

import msgspec

from interlock.core.model import NotDone, Side, Unsettled
from interlock.crm.budget import CRM, DAY_S, Governor
from interlock.crm.errors import (
    NAMES,
    CrmError,
    ServerFault,
    Unreachable,
)
from interlock.crm.tokens import NoOtherToken, TokenSource
from interlock.crm.transport import NotSent, OutcomeUnknown, Request, Response, Transport

TRIES = 5
PART_TRIES = 3  # of a call that succeeds while parts of it fail
READ_DEADLINE_S = 60.0
WRITE_DEADLINE_S = 120.0  # HubSpot gives up after 100 s (status 524)
CONCURRENT_CALLS = 4
# The token that takes a stale one's place may be one that another process has stored a while ago, and stale as well.
TOKENS_A_CALL = 2

T = TypeVar("T")
R = TypeVar("R")


class Kind(enum.Enum):
    """What an answer that is not 2xx says about the call as a whole."""

    REFUSED = "refused"  # final, nothing was done
    SIGN_IN = "sign_in"  # nothing was done, the token is not good
    TOO_FAST = "too_fast"  # nothing was done, the same call may pass later
    SPENT = "spent"  # nothing was done, no call passes today
    FAULT = "fault"  # the server broke down: whether anything was done is open


class Refusal(msgspec.Struct, frozen=True):
    kind: Kind
    error: CrmError
    policy: str | None = None  # the limit a 429 names


class Reply(msgspec.Struct, frozen=True):
    """A 2xx answer, or one that the caller said it takes. `sent_us`: the clock when the request was sent."""

    status: int
    headers: dict[str, str]
    body: bytes
    sent_us: int


class Declined(msgspec.Struct, frozen=True):
    """A write that the CRM refused as a whole, for good: nothing of it was done."""

    reply: Reply
    error: CrmError


ReadRefusal = Callable[[Response], Refusal]
# What is sent; where the token stands within it, made once that is known.
Body = bytes | Callable[[str], bytes] | None


class Calls:
    def __init__(
        self,
        side: Side,
        base_url: str,
        transport: Transport,
        tokens: TokenSource,
        governor: Governor,
        clock_us: Callable[[], int],
        read_refusal: ReadRefusal,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.side = side
        self.base_url = base_url.rstrip("/")
        self.clock_us = clock_us
        self._transport = transport
        self._tokens = tokens
        self._governor = governor
        self._read_refusal = read_refusal
        self._dated: tuple[str | None, int] = (None, 0)
        self._headers = {"Accept": "application/json", "User-Agent": "Interlock", **(headers or {})}

    async def read(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        purpose: str,
        family: str = CRM,
        takes: Sequence[int] = (),
    ) -> Reply:
        """The answer to a call that changes nothing. Statuses in `takes` are answers too. Raises CrmError."""
        outcome = await self._carry(method, path, body, None, purpose, family, write=False)
        if isinstance(outcome, Reply):
            return outcome
        if isinstance(outcome, Declined):
            if outcome.reply.status in takes:
                return outcome.reply
            raise outcome.error
        raise AssertionError("a read has no such outcome")

    async def read_as(
        self,
        method: str,
        path: str,
        body: bytes | None,
        decode: Callable[[Reply], T],
        what: str,
        *,
        purpose: str,
        family: str = CRM,
        takes: Sequence[int] = (),
    ) -> tuple[Reply, T]:
        """The answer, decoded. One that cannot be was cut on its way, or is a gateway's page: it is asked for again.

        `decode` raises msgspec.MsgspecError or ValueError; `what`: what it expects, for the message. Raises CrmError.
        """
        attempt = 1
        while True:
            reply = await self.read(method, path, body, purpose=purpose, family=family, takes=takes)
            try:
                return reply, decode(reply)
            except (msgspec.MsgspecError, ValueError) as error:
                if attempt >= PART_TRIES:
                    raise self.garbled(what) from error
            await self.pause(attempt, family)
            attempt += 1

    async def write(
        self,
        method: str,
        path: str,
        body: Body,
        *,
        purpose: str,
        family: str = CRM,
        headers: Mapping[str, str] | None = None,
    ) -> Reply | Declined | NotDone | Unsettled:
        try:
            return await self._carry(method, path, body, headers, purpose, family, write=True)
        except CrmError as error:
            # Every CrmError that leaves the loop says that the call was not carried out.
            return NotDone(error.message)

    async def _carry(
        self,
        method: str,
        path: str,
        body: Body,
        headers: Mapping[str, str] | None,
        purpose: str,
        family: str,
        *,
        write: bool,
    ) -> Reply | Declined | Unsettled:
        deadline_s = WRITE_DEADLINE_S if write else READ_DEADLINE_S
        attempt, replaced = 1, 0
        while True:
            await self._governor.admit(purpose, family)
            token = await self._tokens.token()
            if self._governor.gate is not None:
                await self._governor.gate()
            sent_us = self.clock_us()
            policy: str | None = None
            asked_s: float | None = None
            error: CrmError
            try:
                response = await self._transport.send(
                    self._request(method, path, body(token) if callable(body) else body, headers, token), deadline_s
                )
            except NotSent as failure:
                error = self._unreachable(failure.why)
            except OutcomeUnknown as failure:
                if write:
                    return Unsettled(f"{NAMES[self.side]} did not answer: {failure.why}")
                error = self._unreachable(failure.why)
            else:
                self._governor.learn(response.headers, family)
                self._dated = (response.headers.get("date"), self.clock_us())
                reply = Reply(response.status, response.headers, response.body, sent_us)
                if 200 <= response.status < 300:
                    self._governor.passed(family)
                    return reply
                refusal = self._read_refusal(response)
                error, policy = refusal.error, refusal.policy
                error.retry_after_s = asked_s = retry_after_s(response.headers, self.clock_us())
                if refusal.kind is Kind.REFUSED:
                    return Declined(reply, error)
                if refusal.kind is Kind.SPENT:
                    raise error
                if refusal.kind is Kind.FAULT and write:
                    return Unsettled(error.message)
                if refusal.kind is Kind.SIGN_IN:
                    if replaced == TOKENS_A_CALL:
                        raise error
                    await self._replace_token(token, error)
                    replaced += 1
                    continue
            if attempt >= TRIES or not await self._governor.back_off(attempt, family, policy, asked_s):
                if policy is not None:
                    self._governor.gave_up(family, asked_s)
                raise error
            attempt += 1

    def clock_ahead_s(self) -> float | None:
        """How far the CRM's clock was ahead of ours in its last answer, to the second; None when it did not say."""
        text, at_us = self._dated
        try:
            said = parsedate_to_datetime(text) if text is not None else None
        except ValueError:
            return None
        return None if said is None else said.timestamp() - at_us / 1_000_000

    async def _replace_token(self, stale: str, refused: CrmError) -> None:
        """Raises SignInRefused: the sign-in's own words, or, where there is none to try, the CRM's about the token."""
        try:
            await self._tokens.refresh(stale)
        except NoOtherToken as error:
            raise refused from error

    async def pause(self, attempt: int, family: str = CRM) -> None:
        """Before asking again for what an answer said is broken for the moment."""
        await self._governor.back_off(attempt, family)

    def _request(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str] | None, token: str
    ) -> Request:
        all_headers = {**self._headers, "Authorization": f"Bearer {token}"}
        if body is not None:
            all_headers["Content-Type"] = "application/json"
        if headers is not None:
            all_headers.update(headers)
        return Request(method, self.base_url + path, all_headers, body)

    def _unreachable(self, why: str) -> Unreachable:
        error = Unreachable(self.side, f"{NAMES[self.side]} at {self.base_url} could not be reached: {why}.")
        error.cause = why
        return error

    def moved_on(self, before: str | None, following: str | None) -> str | None:
        """`following`, the place of the next page. Raises ServerFault when it is the place of this one: a listing that
        does not move on would be read for ever."""
        if following is not None and following == before:
            raise self.garbled("a list that moves on: its next page is the same again")
        return following

    def garbled(self, what: str) -> ServerFault:
        return ServerFault(self.side, f"{NAMES[self.side]} answered something that is not {what}.")


def retry_after_s(headers: Mapping[str, str], now_us: int) -> float | None:
    """Seconds, or a date (RFC 9110, 10.2.3). Neither CRM documents it for its limits; gateways before them send it."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text), DAY_S)
    try:
        return min(max(0.0, parsedate_to_datetime(text).timestamp() - now_us / 1_000_000), DAY_S)
    except ValueError:
        return None


def chunks(items: Sequence[T], size: int) -> list[Sequence[T]]:
    return [items[start : start + size] for start in range(0, len(items), size)]


async def in_parallel(jobs: Iterable[T], run: Callable[[T], Awaitable[R]], limit: int = CONCURRENT_CALLS) -> list[R]:
    """Results in the order of `jobs`, at most `limit` running. The first error cancels the rest and is raised."""
    waiting = list(jobs)
    if len(waiting) == 1:
        return [await run(waiting[0])]
    results: dict[int, R] = {}
    queue = iter(enumerate(waiting))

    async def worker() -> None:
        for index, job in queue:
            results[index] = await run(job)

    workers = [asyncio.ensure_future(worker()) for _ in range(min(limit, len(waiting)))]
    try:
        await asyncio.gather(*workers)
    finally:
        for task in workers:
            task.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
    return [results[index] for index in range(len(waiting))]
