"""What the JSON API answers when something is refused or fails: `interlock.error/1`, with a status that fits. The pages use
the same statuses."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from interlock.app.documents import error_document, with_head
from interlock.app.errors import AppError, Failure, Stale, as_failure
from interlock.app.org_work.kept import WorkFailed
from interlock.crm.errors import BudgetSpent, CrmError, RateLimited
from interlock.store.errors import StoreError
from interlock.web import forms

DOCS = "docs/api.md"
# Asked again after this long, where the one who refused said nothing.
AGAIN_S = 30

# Codes of what the door and the server refuse.
_CODES = {
    400: "not_json",
    401: "token_needed",
    403: "not_allowed",
    404: "not_found",
    405: "wrong_method",
    408: "too_slow",
    413: "too_long",
    415: "wrong_content_type",
    421: "wrong_host",
    428: "if_match_needed",
    429: "too_many_requests",
}


# Of what was done behind the answer, which is known by its failure alone; all else: a CRM refused it.
_BY_EXIT_CODE = {2: 422, 4: 409, 5: 404, 6: 409, 70: 500}


def status_of(error: BaseException) -> int:
    """The HTTP status of what a use case refused or failed at."""
    if isinstance(error, WorkFailed):
        stale = error.failure.code == Stale.code
        return 412 if stale else _BY_EXIT_CODE.get(error.failure.exit_code, 502)
    if isinstance(error, Stale):
        return 412
    if isinstance(error, AppError):
        return forms.status_of(error)
    if isinstance(error, (BudgetSpent, RateLimited)):
        return 503
    if isinstance(error, CrmError):
        return 502
    return 503 if isinstance(error, StoreError) else 500


def headers_of(error: BaseException) -> dict[str, str]:
    if isinstance(error, AppError):
        return forms.headers_of(error)
    if isinstance(error, CrmError):
        return {"Retry-After": str(round(error.retry_after_s or AGAIN_S))} if status_of(error) == 503 else {}
    return {"Retry-After": "5"} if isinstance(error, StoreError) else {}


def of_http(error: HTTPException, now_us: int) -> Response:
    code = _CODES.get(error.status_code, "refused")
    message = error.detail
    if error.status_code == 404:
        message = "There is no such address."
    elif error.status_code == 405:
        message = "This address does not take that method."
    return _answer(Failure(code, message, 1, docs=DOCS), error.status_code, dict(error.headers or {}), now_us)


def of_error(error: BaseException, now_us: int) -> Response:
    failure = as_failure(error) or Failure(
        "defect",
        "This is a defect of Interlock. The log of `interlock serve` holds the report.",
        70,
        docs=None,
    )
    return _answer(failure, status_of(error), headers_of(error), now_us)


def _answer(failure: Failure, status: int, headers: dict[str, str], now_us: int) -> Response:
    return JSONResponse(with_head(error_document(failure), "error", now_us), status, headers)
