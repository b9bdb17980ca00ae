"""Opting contacts out of all e-mail. One way only: there is no call here that opts anybody in again.

`hs_email_optout` is read-only in the objects API (recorded definition), so this goes through communication preferences.
The batch form depends on plan and scope; where it is refused, addresses are sent one by one from then on.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from interlock.core.model import NotDone, Outcome, Refused, Unsettled, Written
from interlock.crm.calls import Calls, Declined, Reply, chunks, in_parallel
from interlock.crm.errors import Forbidden, NotFound
from interlock.crm.hubspot.requests import (
    BATCH_INPUTS,
    WireError,
    context_of,
    encode,
    parse_error,
    refused,
    segment,
    subscriptions_path,
)
from interlock.crm.hubspot.writes import whole_refused
from interlock.crm.isolate import WholeRefused, isolate

MISSING_SCOPES = "MISSING_SCOPES"


class _Status(msgspec.Struct):
    status: str = ""


class _Statuses(msgspec.Struct):
    results: list[_Status] = []


class _Batch(msgspec.Struct):
    errors: list[WireError] = []


class Subscriptions:
    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._batch_refused = False

    async def opt_out(self, emails: Sequence[str], purpose: str) -> dict[str, Outcome]:
        wanted = list(dict.fromkeys(emails))
        outcomes: dict[str, Outcome] = {}
        if len(wanted) > 1 and not self._batch_refused:
            for chunk in chunks(wanted, BATCH_INPUTS):
                outcomes.update(await self._many(chunk, purpose))
        singles = [email for email in wanted if email not in outcomes]
        if len(singles) > 1:
            # The scope that one lacks all lack: the others need not be asked.
            first = await self._one(singles[0], purpose)
            if isinstance(first, Refused) and first.code == MISSING_SCOPES:
                return outcomes | dict.fromkeys(singles, first)
            outcomes[singles[0]] = first
            singles = singles[1:]

        async def one(email: str) -> Outcome:
            return await self._one(email, purpose)

        outcomes.update(zip(singles, await in_parallel(singles, one), strict=True))
        return outcomes

    async def opted_out(self, email: str, purpose: str) -> bool:
        path = f"{subscriptions_path()}/{segment(email)}/unsubscribe-all?channel=EMAIL"

        def decode(reply: Reply) -> _Statuses:
            return _Statuses() if reply.status == 404 else msgspec.json.decode(reply.body, type=_Statuses)

        _, found = await self._calls.read_as(
            "GET", path, None, decode, "a subscription status", purpose=purpose, takes=(404,)
        )
        return any(item.status == "UNSUBSCRIBED" for item in found.results)

    async def _many(self, chunk: Sequence[str], purpose: str) -> dict[str, Outcome]:
        """Outcomes by address; none when the batch form is not open to this account."""

        async def attempt(part: list[str]) -> list[Outcome] | WholeRefused | NotDone | Unsettled:
            path = f"{subscriptions_path()}/batch/unsubscribe-all?channel=EMAIL"
            answer = await self._calls.write("POST", path, encode({"inputs": part}), purpose=purpose)
            if isinstance(answer, NotDone | Unsettled):
                return answer
            if isinstance(answer, Declined):
                if isinstance(answer.error, Forbidden | NotFound):
                    self._batch_refused = True
                    return NotDone("the batch form is not open to this account")
                return whole_refused(answer)
            return _outcomes(part, answer.body)

        answers = await isolate(chunk, attempt, lambda email, name: False)
        return {} if self._batch_refused else dict(zip(chunk, answers, strict=True))

    async def _one(self, email: str, purpose: str) -> Outcome:
        path = f"{subscriptions_path()}/{segment(email)}/unsubscribe-all?channel=EMAIL"
        answer = await self._calls.write("POST", path, b"", purpose=purpose)
        if isinstance(answer, NotDone | Unsettled):
            return answer
        if isinstance(answer, Declined):
            verdict = refused(parse_error(answer.reply.body), answer.reply.status)
            return Written(email) if _already(verdict) else verdict
        return Written(email)


def _already(verdict: Refused) -> bool:
    """v3 answers an error for an address that is opted out already (HubSpot docs); the wish is fulfilled."""
    return "already unsubscribed" in verdict.message.lower()


def _outcomes(part: Sequence[str], body: bytes) -> list[Outcome] | Unsettled:
    try:
        errors = msgspec.json.decode(body, type=_Batch).errors if body else []
    except msgspec.MsgspecError:
        return Unsettled("HubSpot took the call and answered something that is not a list of subscriptions")
    failed: dict[str, Refused] = {}
    for error in errors:
        verdict = refused(error, 207)
        named = [name for key in ("subscriberIdString", "inputs", "ids", "id") for name in context_of(error, key)]
        if not _already(verdict):
            failed.update((name.lower(), verdict) for name in named)
            if not named:
                return Unsettled(f"HubSpot refused some addresses without naming them: {verdict.message}")
    return [failed.get(email.lower(), Written(email)) for email in part]
