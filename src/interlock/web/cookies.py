"""The cookies, and the form tokens made from them. They are unreadable to scripts, and sent to no other site.

`session` and `visit` are random. `session` says who signed in. `visit` stands in for it on pages that are open to everybody, so
that the sign-in form, too, is bound to the browser that asked for it. A form's token is a keyed hash of the cookie: it needs no
place in the store, and from it the cookie cannot be had. `language` is what somebody chose for the pages in this browser; it
opens nothing. `known` says that somebody has signed in here before, and opens nothing either (app/people/known_browsers.py).

Over https each is bound to this host and sent over https alone. Whether a request came so, `Secured` (headers.py) says before
anybody asks for a cookie: the process was told so, or the request says it (behind a proxy: one of `trusted_proxies`).
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from contextvars import ContextVar

from starlette.requests import Request
from starlette.responses import Response

SESSION, VISIT, LANGUAGE, KNOWN = "interlock_session", "interlock_visit", "interlock_language", "interlock_known"
_YEAR_S = 365 * 24 * 3600

over_https: ContextVar[bool] = ContextVar("over_https", default=False)


def name_of(cookie: str) -> str:
    """`__Host-`: a browser takes it only over https, for this host and for no other (RFC 6265bis, 4.1.3.2)."""
    return f"__Host-{cookie}" if over_https.get() else cookie


def read(request: Request, cookie: str) -> str | None:
    return request.cookies.get(name_of(cookie)) or None


def write(response: Response, cookie: str, value: str) -> None:
    # Without a term: it goes with the browser at the latest; the store knows the limits of a session.
    response.set_cookie(name_of(cookie), value, path="/", secure=over_https.get(), httponly=True, samesite="lax")


def keep(response: Response, cookie: str, value: str) -> None:
    """For a year."""
    response.set_cookie(
        name_of(cookie), value, max_age=_YEAR_S, path="/", secure=over_https.get(), httponly=True, samesite="lax"
    )


def clear(response: Response, cookie: str) -> None:
    response.delete_cookie(name_of(cookie), path="/", secure=over_https.get(), httponly=True, samesite="lax")


def new_visit() -> str:
    return secrets.token_urlsafe(32)


def form_token(cookie_value: str) -> str:
    return hmac.new(cookie_value.encode("utf-8", "surrogatepass"), b"interlock form", hashlib.sha256).hexdigest()


def is_form_token(given: str, cookie_value: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), form_token(cookie_value).encode())
