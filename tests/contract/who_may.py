"""Who gets to each address: written down here a second time, apart from the table that is served (web/routes.py), so that a
slip there is noticed. A new address needs a line; the tests ask each of them as nobody, viewer, operator and admin."""

from __future__ import annotations

from interlock.app.people.roles import Role
from interlock.web.address import Address

EVERYBODY = None
VIEWER, OPERATOR, ADMIN = Role.VIEWER, Role.OPERATOR, Role.ADMIN

# The lowest role that may.
LOWEST: dict[str, Role | None] = {
    "GET /": VIEWER,
    "GET /health": EVERYBODY,
    "GET /sign-in": EVERYBODY,
    "POST /sign-in": EVERYBODY,
    "POST /sign-out": VIEWER,
    "GET /welcome/{token}": EVERYBODY,
    "POST /welcome/{token}": EVERYBODY,
    "GET /account": VIEWER,
    "POST /account/password": VIEWER,
    "POST /account/sign-out-elsewhere": VIEWER,
    "GET /people": ADMIN,
    "POST /people": ADMIN,
    "POST /people/{id:int}/role": ADMIN,
    "POST /people/{id:int}/disable": ADMIN,
    "POST /people/{id:int}/enable": ADMIN,
    "POST /people/{id:int}/reset-password": ADMIN,
    "GET /api-tokens": ADMIN,
    "POST /api-tokens": ADMIN,
    "POST /api-tokens/{id:int}/revoke": ADMIN,
    "GET /audit-log": ADMIN,
    "GET /api/openapi.json": VIEWER,
    "GET /api/v1/me": VIEWER,
    "GET /api/v1/status": VIEWER,
    "GET /api/v1/connections": VIEWER,
    "GET /api/v1/connections/{connection}": VIEWER,
    "GET /api/v1/connections/{connection}/status": VIEWER,
    "GET /api/v1/connections/{connection}/doctor": VIEWER,
    "POST /api/v1/connections/{connection}/pause": OPERATOR,
    "POST /api/v1/connections/{connection}/resume": OPERATOR,
    "GET /api/v1/connections/{connection}/package": VIEWER,
    "GET /api/v1/connections/{connection}/package/plan": VIEWER,
    "POST /api/v1/connections/{connection}/plan": OPERATOR,
    "POST /api/v1/connections/{connection}/sync": OPERATOR,
    "POST /api/v1/connections/{connection}/import": OPERATOR,
    "GET /api/v1/jobs/{job}": VIEWER,
    "GET /api/v1/connections/{connection}/issues": VIEWER,
    "GET /api/v1/connections/{connection}/issues/export": VIEWER,
    "GET /api/v1/connections/{connection}/issues/{id:int}": VIEWER,
    "POST /api/v1/connections/{connection}/issues/resync": OPERATOR,
    "POST /api/v1/connections/{connection}/issues/ignore": OPERATOR,
    "GET /api/v1/connections/{connection}/conflicts": VIEWER,
    "POST /api/v1/connections/{connection}/conflicts/{id:int}/resolve": OPERATOR,
    "POST /api/v1/connections/{connection}/conflicts/resolve": OPERATOR,
    "GET /api/v1/connections/{connection}/records": VIEWER,
    "GET /api/v1/connections/{connection}/records/explain": VIEWER,
    "GET /api/v1/connections/{connection}/mappings": VIEWER,
    "GET /api/v1/connections/{connection}/mappings/export": VIEWER,
    "POST /api/v1/connections/{connection}/mappings/diff": VIEWER,
    "PUT /api/v1/connections/{connection}/mappings": ADMIN,
    "GET /api/v1/people": ADMIN,
    "POST /api/v1/people": ADMIN,
    "POST /api/v1/people/{id:int}/role": ADMIN,
    "POST /api/v1/people/{id:int}/disable": ADMIN,
    "POST /api/v1/people/{id:int}/enable": ADMIN,
    "POST /api/v1/people/{id:int}/reset-password": ADMIN,
    "GET /api/v1/api-tokens": ADMIN,
    "POST /api/v1/api-tokens": ADMIN,
    "POST /api/v1/api-tokens/{id:int}/revoke": ADMIN,
    "GET /api/v1/audit-log": ADMIN,
}


def may(role: Role | None, address: Address) -> bool:
    lowest = LOWEST[f"{address.method} {address.path}"]
    if lowest is EVERYBODY:
        return True
    return role is not None and list(Role).index(role) >= list(Role).index(lowest)
