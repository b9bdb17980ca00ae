"""What a use case refuses, as one tree: each with a code, a sentence, what to do, and the exit code it becomes.

    AppError
    |-- BadInput        wrong usage or configuration                                 exit 2
    |   `-- NotConnected    there is no connection yet, or several and none was named
    |-- Stopped         stopped on purpose: paused, suspended, brake, budget spent   exit 4
    |-- Missing         the named thing was not found                                exit 5
    `-- Busy            another process holds this connection                        exit 6
        `-- Stale           what was to be changed is not what the person saw

The errors of the store and of the CRM clients are translated by `as_failure`, so that a surface knows one shape only.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from interlock.crm.errors import BudgetSpent, CrmError, RateLimited, ServerFault
from interlock.store.errors import Fenced, HeldByOther, StoreBusy, StoreError

DOCS = "docs/cli.md"


class AppError(Exception):
    code: ClassVar[str] = "refused"
    exit_code: ClassVar[int] = 1

    def __init__(
        self,
        message: str,
        *,
        fix: str = "",
        code: str | None = None,
        side: str | None = None,
        record: str | None = None,
        field: str | None = None,
        cause: str | None = None,
    ) -> None:
        super().__init__(message)
        self.failure = Failure(
            code or self.code, message, self.exit_code, side=side, record=record, field=field, cause=cause, fix=fix
        )


class BadInput(AppError):
    code = "bad_input"
    exit_code = 2


class NotConnected(BadInput):
    code = "not_connected"


class Stopped(AppError):
    code = "stopped"
    exit_code = 4


class Missing(AppError):
    code = "not_found"
    exit_code = 5


class Busy(AppError):
    code = "held_by_other"
    exit_code = 6


class Stale(Busy):
    """Somebody else saved first."""

    code = "changed_meanwhile"

    def __init__(
        self,
        message: str = "Somebody else has changed this since the page was loaded, so nothing was saved.",
        *,
        fix: str = "Look at it as it is now, then make your change again.",
    ) -> None:
        super().__init__(message, fix=fix)


class Failure(msgspec.Struct, frozen=True):
    """One failure as every surface shows it (interface: `interlock.error/1`)."""

    code: str
    message: str
    exit_code: int
    side: str | None = None
    record: str | None = None
    field: str | None = None
    cause: str | None = None
    fix: str = ""
    docs: str | None = DOCS


def as_failure(error: BaseException) -> Failure | None:
    """The failure that a known error is; None for a defect of ours."""
    if isinstance(error, AppError):
        return error.failure
    if isinstance(error, CrmError):
        return Failure(
            error.code,
            error.message,
            _crm_exit_code(error),
            side=error.side.value,
            cause=error.cause or None,
            fix=error.fix,
        )
    if isinstance(error, HeldByOther):
        return Failure(error.code, str(error), 6, fix="Wait until it has finished, or stop it, then run it again.")
    if isinstance(error, (Fenced, StoreBusy)):
        return Failure(error.code, str(error), 6, fix="Run it again; nothing was lost.")
    if isinstance(error, StoreError):
        return Failure(error.code, str(error), 2, fix=error.fix or "Check `database` and `key_file` in interlock.yaml.")
    return None


def defect(error: BaseException) -> Failure:
    """The failure that anything else is. Whoever catches it sees to the report."""
    message = f"This is a defect of Interlock: {type(error).__name__}. The log of `interlock serve` holds the report."
    fix = "Open an issue with that report; once it is mended, try again."
    return Failure("defect", message, 70, cause=type(error).__name__, fix=fix, docs=None)


def _crm_exit_code(error: CrmError) -> int:
    if isinstance(error, BudgetSpent):
        return 4
    # After several tries an answer that is no answer is the same to a script as none: the CRM could not be reached.
    if isinstance(error, (RateLimited, ServerFault)):
        return 3
    return error.exit_code
