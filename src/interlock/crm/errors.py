"""What can go wrong with a CRM as a whole, as one tree. Refusals of single records are not here: they are outcomes.

    CrmError
    |-- Unreachable      no answer, tried several times        stop the cycle, try the next one     exit 3
    |   `-- AnswerLost       of a request for tokens: it may have been carried out
    |-- SignInRefused    the token is wrong, expired, revoked  stop until somebody signs in again   exit 3
    |   |-- GrantDead        the refresh token has ended: revoked, expired or replaced
    |   |-- SignInDenied     a person, or a policy, said no on the consent page
    |   |-- CodeRefused      the code from the sign-in page is used, expired or not of this sign-in
    |   |-- AppRefused       the CRM does not know the app as we know it: client id, secret, callback, PKCE
    |   |-- AppNotAllowed    the app may not be used in this org or account, or not by this user
    |   |-- RightsMissing    the user lacks a right that Interlock cannot do without
    |   `-- AddressRefused   an address is no CRM's: nothing is sent there
    |-- Forbidden        signed in, but this is not allowed    issue (permissions)
    |   `-- MissingScope     HubSpot names the scope           issue (permissions)
    |-- BudgetSpent      our share, or the CRM's day, is used  stop until calls are free again
    |-- RateLimited      refused as too fast, tried several times   try the next cycle
    |-- CallRefused      the CRM refused the call as a whole   issue, with the CRM's own words
    |   |-- NotFound         the thing asked for is not there
    |   `-- SchemaChanged    a property or field is gone or hidden   read the schema again
    `-- ServerFault      5xx or a garbled answer, tried several times   try the next cycle

Raised by reads. Writes answer with an outcome per record instead. Pure: no I/O.
"""

from __future__ import annotations

from typing import ClassVar

from interlock.core.model import Side

NAMES = {Side.HUBSPOT: "HubSpot", Side.SALESFORCE: "Salesforce"}


class CrmError(Exception):
    """`message` is a whole sentence for the user, `fix` says what to do. `meaning` is what becomes of the records."""

    code: ClassVar[str] = "crm_error"
    exit_code: ClassVar[int] = 1
    meaning: ClassVar[str] = "retry"  # retry | issue | stop
    default_fix: ClassVar[str] = ""

    def __init__(self, side: Side, message: str, *, fix: str | None = None, crm_code: str = "") -> None:
        super().__init__(message)
        self.side = side
        self.message = message
        self.fix = self.default_fix if fix is None else fix
        self.crm_code = crm_code
        self.retry_after_s: float | None = None  # how long the CRM asked to wait
        self.cause = crm_code  # what lies behind it, in the CRM's or the network's words; empty when there is none


class Unreachable(CrmError):
    code = "unreachable"
    exit_code = 3
    meaning = "stop"
    default_fix = "Check the address and the network, then run it again. Nothing was lost."


class AnswerLost(Unreachable):
    """The request may have been carried out: its answer did not arrive, or says nothing."""


class SignInRefused(CrmError):
    code = "sign_in_refused"
    exit_code = 3
    meaning = "stop"
    default_fix = "Sign in again with `interlock connect`, or put in a new token."


class GrantDead(SignInRefused):
    """Proven: the CRM itself said so. What may be dead is not."""

    code = "grant_dead"
    default_fix = "Sign in again."


class SignInDenied(SignInRefused):
    code = "sign_in_denied"
    default_fix = "Sign in again and choose to allow it. Nothing was changed."


class CodeRefused(SignInRefused):
    code = "sign_in_code_refused"
    default_fix = "Start the sign-in again."


class AppRefused(SignInRefused):
    code = "app_refused"
    default_fix = "Compare the client id, the client secret and the callback address with those of the app in the CRM."


class AppNotAllowed(SignInRefused):
    code = "app_not_allowed"
    default_fix = "Ask an administrator of the CRM to allow the app."


class RightsMissing(SignInRefused):
    code = "rights_missing"
    default_fix = "Sign in as a user who has the right, or have it granted."


class AddressRefused(SignInRefused):
    code = "address_refused"
    default_fix = "Check the address. Only addresses of the CRM itself are used."


class Forbidden(CrmError):
    code = "forbidden"
    meaning = "issue"
    default_fix = "Give the integration user the permission named in the message."


class MissingScope(Forbidden):
    code = "missing_scope"
    default_fix = "Add the scope to the private app or service key in HubSpot, then run it again."

    def __init__(self, side: Side, message: str, *, scopes: tuple[str, ...] = (), fix: str | None = None) -> None:
        super().__init__(side, message, fix=fix, crm_code="MISSING_SCOPES")
        self.scopes = scopes


class BudgetSpent(CrmError):
    code = "budget_spent"
    meaning = "stop"
    default_fix = (
        "Wait until calls of the last 24 hours fall away, or give Interlock a larger share of the daily limit."
    )


class RateLimited(CrmError):
    code = "rate_limited"
    meaning = "retry"
    default_fix = "Nothing to do: it is tried again. If it stays, another program uses up the same limit."


class CallRefused(CrmError):
    code = "call_refused"
    meaning = "issue"
    default_fix = (
        "The message is the CRM's own. If it names nothing you can change, report it as a defect of Interlock."
    )

    def __init__(
        self, side: Side, message: str, *, fields: tuple[str, ...] = (), fix: str | None = None, crm_code: str = ""
    ) -> None:
        super().__init__(side, message, fix=fix, crm_code=crm_code)
        self.fields = fields


class NotFound(CallRefused):
    code = "not_found"
    default_fix = "It was deleted or renamed in the CRM, or the user may not see it."


class SchemaChanged(CallRefused):
    code = "schema_changed"
    default_fix = "Read the schema again, then correct the mapping, or give the integration user access to the field."


class ServerFault(CrmError):
    code = "server_fault"
    meaning = "retry"
    default_fix = "Nothing to do: it is tried again. If it stays, look at the CRM's status page."
