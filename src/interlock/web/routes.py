"""Every address of the pages and of the JSON API, with the one action that it needs: the table of who gets to what.

`need` None: open to everybody. A test asks each of these as nobody, viewer, operator and admin.
"""

from __future__ import annotations

from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from interlock.app.people.roles import Action
from interlock.web import access
from interlock.web.access import Endpoint
from interlock.web.address import API, Address, Operation
from interlock.web.api.addresses import OPERATIONS
from interlock.web.api.door import door
from interlock.web.hosts import check_host
from interlock.web.pages import account, api_tokens, audit_log, people, sign_in, status, welcome
from interlock.web.site import Site

__all__ = ["ADDRESSES", "API", "Address", "Operation", "routes"]


class _Id(Convertor[int]):
    """{id:int}: of a size that both databases hold. A longer one is an address that is not there."""

    regex = "[0-9]{1,18}"

    def convert(self, value: str) -> int:
        return int(value)

    def to_string(self, value: int) -> str:
        return str(value)


register_url_convertor("int", _Id())

ADDRESSES: tuple[Address, ...] = (
    Address("GET", "/", Action.SEE, status.show),
    Address("GET", "/health", None, status.health),
    Address("GET", "/sign-in", None, sign_in.show),
    Address("POST", "/sign-in", None, sign_in.send),
    Address("POST", "/sign-out", Action.OWN_ACCOUNT, sign_in.sign_out),
    Address("GET", "/welcome/{token}", None, welcome.show),
    Address("POST", "/welcome/{token}", None, welcome.send),
    Address("GET", "/account", Action.OWN_ACCOUNT, account.show),
    Address("POST", "/account/password", Action.OWN_ACCOUNT, account.change_password),
    Address("POST", "/account/sign-out-elsewhere", Action.OWN_ACCOUNT, account.sign_out_elsewhere),
    Address("GET", "/people", Action.MANAGE_PEOPLE, people.show),
    Address("POST", "/people", Action.MANAGE_PEOPLE, people.add),
    Address("POST", "/people/{id:int}/role", Action.MANAGE_PEOPLE, people.change_role),
    Address("POST", "/people/{id:int}/disable", Action.MANAGE_PEOPLE, people.disable),
    Address("POST", "/people/{id:int}/enable", Action.MANAGE_PEOPLE, people.enable),
    Address("POST", "/people/{id:int}/reset-password", Action.MANAGE_PEOPLE, people.reset_password),
    Address("GET", "/api-tokens", Action.MANAGE_TOKENS, api_tokens.show),
    Address("POST", "/api-tokens", Action.MANAGE_TOKENS, api_tokens.make),
    Address("POST", "/api-tokens/{id:int}/revoke", Action.MANAGE_TOKENS, api_tokens.revoke),
    Address("GET", "/audit-log", Action.SEE_AUDIT_LOG, audit_log.show),
    *OPERATIONS,
)


def routes(site: Site) -> list[Route]:
    return [_route(site, address) for address in ADDRESSES]


def _route(site: Site, address: Address) -> Route:
    if isinstance(address, Operation):
        endpoint = door(site, address)
    elif address.need is None:
        endpoint = access.open_page(site, address.handler)
    else:
        endpoint = access.page(site, address.handler, address.need, address.path)
    return Route(address.path, _for_us(site, endpoint), methods=[address.method])


def _for_us(site: Site, endpoint: Endpoint) -> Endpoint:
    async def checked(request: Request) -> Response:
        check_host(request, site.public_url)
        return await endpoint(request)

    return checked
