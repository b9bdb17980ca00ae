"""The address that the card on a HubSpot record asks. No session, no token and no cookie: the signature is the door, and whoever
has none that holds is told nothing, not even which accounts there are."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from interlock.app import hubspot_card
from interlock.app.errors import AppError
from interlock.app.hubspot_card import Looked, Sent
from interlock.store.connections import Connection
from interlock.store.errors import StoreError
from interlock.web.api.failures import status_of
from interlock.web.body import read_body
from interlock.web.site import Site
from interlock.web.whence import whence

BODY_BYTES = 4_096
QUERY_CHARS = 2_048


class _Wanted(msgspec.Struct):
    action: str


async def answer(asked: tuple[Site, Request]) -> Response:
    site, request = asked
    # All of it is signed, or none of it counts: what is left out of the signature anybody may add.
    if len(request.scope["query_string"]) > QUERY_CHARS:
        return _refused(414, "The address is too long.")
    sent = await _sent(request)
    looked = _looked(request)
    try:
        account = await hubspot_card.account_of(site.store, looked.portal_id)
    except StoreError:
        return _refused(503, "The database cannot be read. Load the record again.")
    if account is not None:
        connection, secret = account
        pages_at = await site.own_address(connection.id)
        if hubspot_card.is_from_hubspot(sent, secret, pages_at, site.clock_us()):
            if wait_s := site.tokens.wait_s(f"hubspot:{connection.id}"):
                return _refused(429, f"Too many requests. Wait {wait_s} s.")
            return await _answered(site, sent, looked, connection, pages_at)
    wait_s = site.strangers.wait_s(whence(request))
    return _refused(429, f"Wait {wait_s} s.") if wait_s else _refused(401, "This request is not signed by HubSpot.")


async def _answered(site: Site, sent: Sent, looked: Looked, connection: Connection, pages_at: str) -> Response:
    key = looked.key
    if key is None:
        return _refused(404, "Records of this object do not sync.")
    now_us = site.clock_us()
    try:
        if sent.method == "POST":
            try:
                wanted = msgspec.json.decode(sent.body, type=_Wanted)
            except msgspec.DecodeError:
                return _refused(400, "The body is not JSON that names an action.")
            if wanted.action != "sync":
                return _refused(400, "There is one action: sync.")
            await hubspot_card.sync(site.store, connection, looked, key, now_us)
        return JSONResponse(await hubspot_card.tell(site.store, connection, key, pages_at, now_us))
    except AppError as error:
        return _refused(status_of(error), f"{error.failure.message} {error.failure.fix or ''}".strip())
    except StoreError:
        return _refused(503, "The database cannot be used. Load the record again.")


async def _sent(request: Request) -> Sent:
    """Raises HTTPException."""
    body = await read_body(request, BODY_BYTES, "The body is too long.")
    path = request.scope.get("raw_path") or request.scope["path"].encode()
    query = request.scope["query_string"]
    target = path.split(b"?")[0] + (b"?" + query if query else b"")
    headers = request.headers
    return Sent(
        request.method,
        target.decode("latin-1"),
        body,
        headers.get("x-hubspot-request-timestamp", ""),
        headers.get("x-hubspot-signature-v3", ""),
    )


def _looked(request: Request) -> Looked:
    query = request.query_params
    names = ("portalId", "userEmail", "objectTypeId", "objectId")
    # Given twice, the one that was signed last is HubSpot's own: it appends who is signed in.
    return Looked(*(query.getlist(name)[-1][:200] if query.getlist(name) else "" for name in names))


def _refused(status: int, message: str) -> JSONResponse:
    return JSONResponse({"error": message}, status)
