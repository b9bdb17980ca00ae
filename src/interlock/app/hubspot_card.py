"""What the card on a HubSpot record tells and does (docs/hubspot-card.md): where the record's sync stands, and *Sync now*.

Who asks is HubSpot, on behalf of somebody who looks at the record there. It proves that by a signature with the secret of the app
that this connection is signed in with, and with no other: whoever has set up another app for another account is nobody here. What
is told holds no values of records; what of them somebody may see in HubSpot is for HubSpot to say.
"""

from __future__ import annotations

from typing import Any

import msgspec

from interlock.app.connections import HALTED, active_objects
from interlock.app.people.visitor import By
from interlock.app.records import sync_now
from interlock.app.times import rfc3339
from interlock.app.words import why_not
from interlock.core.model import Issue, LinkState, RecordKey, RecordLink, Side
from interlock.crm.hubspot.signature import is_signed
from interlock.objects.registry import SPECS
from interlock.store import Store, connections, crm_apps, dirty, grants, issues, links, unlinked
from interlock.store.connections import Connection

Json = dict[str, Any]
ISSUES_MOST = 5
PAIR_STATES = {
    LinkState.LINKED: "Synced with Salesforce.",
    LinkState.HUBSPOT_DELETED: "Its pair rests: the HubSpot record was deleted.",
    LinkState.SALESFORCE_DELETED: "Its pair rests: the Salesforce record was deleted.",
    LinkState.UNLINKED: "Unlinked from its Salesforce record.",
    LinkState.EXCLUDED: "Outside the list or filter that limits what syncs.",
    LinkState.OTHER_PIPELINE: "In a pipeline, or of a record type, that does not sync.",
}


class Sent(msgspec.Struct, frozen=True):
    """A request as it came. `target`: path and query, just as they were sent."""

    method: str
    target: str
    body: bytes
    sent: str
    signature: str


class Looked(msgspec.Struct, frozen=True):
    """Who looks at which record. The names of the first two are HubSpot's, the others those of our card."""

    portal_id: str
    user_email: str
    object_type_id: str
    object_id: str

    @property
    def key(self) -> RecordKey | None:
        """None: of an object that never syncs."""
        spec = next((each for each in SPECS.values() if each.hubspot_type_id == self.object_type_id), None)
        is_id = self.object_id.isascii() and self.object_id.isdigit() and len(self.object_id) <= 20
        return RecordKey(Side.HUBSPOT, spec.hubspot_type, self.object_id) if spec is not None and is_id else None


async def account_of(store: Store, portal_id: str) -> tuple[Connection, str] | None:
    """The connection of that account, and the secret of its app. None: there is none, or it signs in with no app."""
    # Anybody may have sent it: PostgreSQL takes no text with a NUL.
    if not (portal_id.isascii() and portal_id.isdigit()):
        return None
    async with store.read(None) as tx:
        connection = await connections.by_hubspot_account(tx, portal_id)
    if connection is None or connection.id is None:
        return None
    async with store.read(connection.id) as tx:
        grant = (await grants.in_use(tx)).get(Side.HUBSPOT.value)
    if grant is None:
        return None
    async with store.read(None) as tx:
        app = await crm_apps.get(tx, grant.app_id)
    return None if app is None or app.client_secret is None else (connection, app.client_secret)


def is_from_hubspot(request: Sent, secret: str, pages_at: str, now_us: int) -> bool:
    uri = pages_at.rstrip("/") + request.target
    return is_signed(secret, request.method, uri, request.body, request.sent, request.signature, now_us // 1_000)


async def tell(store: Store, connection: Connection, key: RecordKey, pages_at: str, now_us: int) -> Json:
    """Asks no CRM."""
    assert connection.id is not None
    async with store.read(connection.id) as tx:
        link = (await links.by_hubspot(tx, key.type, [key.id])).get(key.id)
        alone = (await unlinked.by_keys(tx, [key])).get(key)
        keys = [key] if link is None else [link.hubspot, link.salesforce]
        due = list((await dirty.by_keys(tx, keys)).values())
        found, _ = await issues.list_(tx, record=key, limit=ISSUES_MOST)
    text = (
        PAIR_STATES[link.state] if link is not None else why_not(alone.why) if alone is not None else "Not synced yet."
    )
    runs = connection.state not in HALTED and key.type in active_objects(connection)
    return {
        "state": link.state.value if link is not None else "not_linked",
        "text": text,
        "runs": runs,
        "salesforce": None if link is None else _salesforce(connection, link),
        "looked_at": rfc3339(None if link is None else link.synced_at_us),
        "due": any(each.due_at_us <= now_us for each in due),
        "waits_until": rfc3339(min((each.due_at_us for each in due if each.due_at_us > now_us), default=None)),
        "issues": [_issue(each) for each in found],
        "page": f"{pages_at.rstrip('/')}/connections/{connection.id}/records/{key}",
    }


async def sync(store: Store, connection: Connection, looked: Looked, key: RecordKey, now_us: int) -> None:
    """The record is due, as by *Sync now* on its page. Raises Stopped."""
    await sync_now(store, connection, key, now_us, By(f"hubspot:{looked.user_email}"))


def _salesforce(connection: Connection, link: RecordLink) -> Json:
    url = f"{connection.salesforce_url.rstrip('/')}/{link.salesforce_id}"
    return {"type": link.salesforce_type, "id": link.salesforce_id, "url": url}


def _issue(issue: Issue) -> Json:
    return {"code": issue.code, "property": issue.property, "field": issue.field, "fix": issue.fix}
