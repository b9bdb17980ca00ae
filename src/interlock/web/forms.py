"""What a form shows when something in it is refused: a summary that links to the fields, and the reason at each."""

from __future__ import annotations

import msgspec

from interlock.app.errors import AppError, Busy, Failure, Missing, Stopped
from interlock.app.people.errors import HeldBack
from interlock.web.said import told


class Refused(msgspec.Struct, frozen=True):
    """`field` is the id of the field to go to; None: it is about the whole form."""

    field: str | None
    text: str


class Shown(msgspec.Struct):
    """A form as it is shown: what was typed (never a password), and what was refused."""

    values: dict[str, str] = msgspec.field(default_factory=dict)
    refused: list[Refused] = msgspec.field(default_factory=list)

    def at(self, field: str) -> str | None:
        return next((each.text for each in self.refused if each.field == field), None)


def refused(error: AppError, values: dict[str, str], fields: tuple[str, ...]) -> Shown:
    """The form again after a use case has said no. `fields` are those that the form has."""
    failure = error.failure
    return Shown(values, [Refused(failure.field if failure.field in fields else None, said(failure))])


def said(failure: Failure) -> str:
    """What was refused and what to do, on one line, in the language of whoever asks."""
    return told(f"{failure.message} {failure.fix}".strip())


def status_of(error: AppError) -> int:
    """The HTTP status of what a use case refused: 422 for what was typed."""
    if isinstance(error, HeldBack):
        return 429
    if isinstance(error, Missing):
        return 404
    return 409 if isinstance(error, (Busy, Stopped)) else 422


def headers_of(error: AppError) -> dict[str, str]:
    return {"Retry-After": str(error.wait_s)} if isinstance(error, HeldBack) else {}
