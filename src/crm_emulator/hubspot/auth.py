"""The door: bearer tokens, their expiry, and the scopes that each kind of call needs."""

from __future__ import annotations

from collections.abc import Sequence

from crm_emulator.hubspot import errors
from crm_emulator.hubspot.account import Account, Token
from crm_emulator.hubspot.kinds import Kinds
from crm_emulator.kernel.http import Request

# Path prefixes that need no token of the account.
_PUBLIC_PREFIXES = ("/oauth/",)
_LISTS = ("/crm/v3/lists", "/crm/lists/")
_OBJECTS = frozenset({"contacts", "companies", "deals"})


def is_public(route: str) -> bool:
    return route.startswith(_PUBLIC_PREFIXES)


def authenticate(account: Account, request: Request, now_ms: int) -> Token:
    """Raises ApiError 401."""
    kind, _, value = request.headers.get("authorization", "").partition(" ")
    token = account.tokens.get(value.strip()) if kind.lower() == "bearer" else None
    if token is None or token.revoked:
        raise errors.unauthenticated()
    if token.expires_ms is not None and now_ms >= token.expires_ms:
        raise errors.expired_token((now_ms - token.expires_ms) // 1_000)
    return token


def check_scopes(token: Token, request: Request, kinds: Kinds, unavailable: Sequence[str] = ()) -> None:
    """Raises ApiError 403 when the token lacks what the call needs. `unavailable`: what no token of the account can have."""
    if token.scopes is None and not unavailable:
        return
    needed = scopes_for(request, kinds)
    held = needed if token.scopes is None else token.scopes.intersection(needed)
    if needed and not set(held).difference(unavailable):
        raise errors.missing_scopes(needed)


def scopes_for(request: Request, kinds: Kinds) -> list[str]:
    """The scopes of which one is needed (granular scopes, HubSpot scopes page)."""
    route = request.route
    reads = request.method == "GET" or route.endswith(("/search", "/batch/read"))
    if route.startswith("/communication-preferences"):
        return _preference_scopes(route, reads=reads or route.endswith("/read"))
    if route.startswith("/contacts/v1"):
        return [f"crm.objects.contacts.{'read' if reads else 'write'}"]
    if route.startswith("/settings/"):  # the older name is that of the app's scope "multi-currency"
        verb = "read" if reads else "write"
        return [f"settings.currencies.{verb}", f"multi-currency-{verb}"]
    if route.startswith(_LISTS):
        return [f"crm.lists.{'read' if reads else 'write'}"]
    if "/owners" in route:
        return ["crm.objects.owners.read"]
    if route.startswith(("/account-info", "/integrations")):
        return []
    type_name = request.params.get("type") or request.params.get("from_type") or ""
    kind = kinds.find(type_name)
    if kind is None:
        return []
    family = "schemas" if route.startswith(("/crm/v3/properties", "/crm/properties", "/crm/v3/schemas")) else "objects"
    if "/pipelines" in route:
        family = "schemas"
    name = kind.key if kind.key in _OBJECTS else "custom" if kind.type_id.startswith("2-") else None
    if name is None:
        return ["tickets"] if kind.key == "tickets" else [f"crm.objects.contacts.{'read' if reads else 'write'}"]
    return [f"crm.{family}.{name}.{'read' if reads else 'write'}"]


def _preference_scopes(route: str, *, reads: bool) -> list[str]:
    """The guide of v4 names these; that of 2026-03 names `subscriptions-...` for the same calls. Whether a dated path takes
    the older names is not said: here it takes either."""
    batch = "/batch/" in route
    own = "communication_preferences.statuses.batch" if batch else "communication_preferences"
    writing = [f"{own}.write"] if batch else [f"{own}.read_write", f"{own}.write"]
    needed = [f"{own}.read", *writing] if reads else writing
    if route.startswith("/communication-preferences/v"):
        return needed
    if "/definitions" in route:
        return [*needed, "subscriptions-definition-read"]
    dated = "subscription-status-batch" if batch else "subscriptions-status"
    return [*needed, *((f"{dated}-read", f"{dated}-write") if reads else (f"{dated}-write",))]
