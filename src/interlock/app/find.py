"""`find`: from an e-mail, a name or an id to record keys. Asks what is remembered, and both CRMs where they answer in time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar

import msgspec

from interlock.app.errors import Missing
from interlock.app.keys import TYPE_BY_PREFIX, object_of, parse_key
from interlock.core.codec import is_email
from interlock.core.model import Observation, RecordKey, RecordLink, Side
from interlock.crm.errors import CrmError
from interlock.crm.hubspot.client import HubSpotClient
from interlock.crm.hubspot.model import Filter
from interlock.crm.salesforce.client import SalesforceClient
from interlock.objects.registry import SPECS
from interlock.store import Store, links, search, unlinked
from interlock.store.tx import Tx

Json = dict[str, Any]
T = TypeVar("T")

LIMIT = 25
# How long a CRM may take before a person gets what is known without it.
CRM_LIMIT_S = 5.0

# No field that `find` looks through is longer in Salesforce, and no single word of a name in HubSpot.
NAME_CHARS_MAX = 255

# In HubSpot's search * stands for anything, and a value with an odd " is refused: in a name both only part words.
_NOT_IN_WORDS = str.maketrans({'"': " ", "*": " "})

# What HubSpot's search looks through for a name (CONTAINS_TOKEN matches whole words, HubSpot search API).
_NAMES = {"contacts": ("firstname", "lastname"), "companies": ("name",), "deals": ("dealname",)}
_SHOWN = {
    "contacts": ("email", "firstname", "lastname"),
    "companies": ("name", "domain"),
    "deals": ("dealname", "dealstage"),
}


class Found(msgspec.Struct):
    """One record or pair."""

    object: str
    keys: dict[Side, RecordKey]
    label: str | None = None
    link: RecordLink | None = None
    why_not: str | None = None

    def document(self) -> Json:
        key = self.keys.get
        return {
            "object": self.object,
            "label": self.label,
            "hubspot": str(found) if (found := key(Side.HUBSPOT)) else None,
            "salesforce": str(found) if (found := key(Side.SALESFORCE)) else None,
            "link": self.link.state.value if self.link is not None else None,
            "why_not": self.why_not,
        }


class Search(msgspec.Struct):
    found: list[Found]
    read: dict[Side, str]  # fresh | last_known | failed

    @property
    def silent(self) -> list[str]:
        """The sides that did not answer."""
        return [side.value for side, read in self.read.items() if read == "failed"]


def as_document(text: str, search: Search) -> Json:
    """Raises Missing when nothing was found."""
    if not search.found:
        asked = f" ({' and '.join(search.silent)} did not answer)" if search.silent else ""
        raise Missing(f"Nothing is found for {text!r}{asked}.", code="no_such_record", fix="Try an e-mail or an id.")
    return {
        "records": [each.document() for each in search.found],
        "read": {side.value: read for side, read in search.read.items()},
    }


async def find(
    store: Store, connection_id: int, text: str, clients: tuple[HubSpotClient, SalesforceClient] | None
) -> Search:
    """`clients` None: only what is remembered. Raises BadInput for an address that names no record."""
    text = text.strip()
    key = parse_key(text)
    seen: dict[RecordKey, str | None] = {}
    read = dict.fromkeys(Side, "last_known")
    if clients is not None:
        hubspot, salesforce = clients
        answers = await asyncio.gather(
            in_time(lambda: _in_hubspot(hubspot, text, key)), in_time(lambda: _in_salesforce(salesforce, text, key))
        )
        for side, rows in zip(Side, answers, strict=True):
            read[side] = "failed" if rows is None else "fresh"
            seen |= {row.key: _label(row) for row in rows or ()}
    async with store.read(connection_id) as tx:
        remembered = await _remembered(tx, text, key)
        found = await _joined(tx, seen, remembered)
    return Search(found[:LIMIT], read)


async def in_time(ask: Callable[[], Awaitable[T]], limit_s: float = CRM_LIMIT_S) -> T | None:
    """What a CRM answers within the limit, None when it does not: a person should not wait for a CRM that is down."""
    try:
        async with asyncio.timeout(limit_s):
            return await ask()
    except (CrmError, TimeoutError):
        return None


async def _in_hubspot(client: HubSpotClient, text: str, key: RecordKey | None) -> list[Observation]:
    if key is not None or _is_id(text):
        ids = {key.type: key.id} if key is not None and key.side is Side.HUBSPOT else {}
        ids = ids or (dict.fromkeys(SPECS, text) if _is_id(text) else {})
        return [
            row
            for object_, id_ in ids.items()
            for row in (await client.read(object_, [id_], _SHOWN[object_], purpose="match")).values()
        ]
    if is_email(text):
        return list((await client.read("contacts", [text], _SHOWN["contacts"], "email", purpose="match")).values())
    words = text.translate(_NOT_IN_WORDS).split()
    rows: list[Observation] = []
    if not words or max(len(word) for word in words) > NAME_CHARS_MAX:
        return rows
    for object_, names in _NAMES.items():
        for name in names:
            wanted = [Filter(name, "CONTAINS_TOKEN", word) for word in words[:3]]
            rows += await client.search(object_, wanted, _SHOWN[object_], LIMIT, purpose="match")
    if len(words) > 1:
        # A person's first and last name lie in two properties.
        wanted = [Filter("firstname", "CONTAINS_TOKEN", words[0]), Filter("lastname", "CONTAINS_TOKEN", words[-1])]
        rows += await client.search("contacts", wanted, _SHOWN["contacts"], LIMIT, purpose="match")
    return rows


async def _in_salesforce(client: SalesforceClient, text: str, key: RecordKey | None) -> list[Observation]:
    if key is None:
        if _is_id(text) or "\0" in text or len(text) > NAME_CHARS_MAX:
            return []
        return await client.find(text, LIMIT, purpose="match")
    if key.side is Side.HUBSPOT:
        return []
    names = ["FirstName", "LastName", "Email"] if key.type in ("Contact", "Lead") else ["Name"]
    return list((await client.retrieve(key.type, [key.id], names, purpose="match")).values())


def _is_id(text: str) -> bool:
    """Of HubSpot. Other scripts' digits, and raised ones, are text."""
    return text.isascii() and text.isdigit()


def _label(row: Observation) -> str | None:
    name = row.values.get("Name")
    if row.key.side is Side.SALESFORCE and name:
        email = row.values.get("Email")
        return f"{name} <{email}>" if email else str(name)
    return SPECS[object_of(row.key)].label(row.key.side, row.values)


async def _remembered(tx: Tx, text: str, key: RecordKey | None) -> list[tuple[RecordKey, str | None]]:
    if key is not None:
        return [(key, None)]
    rows: list[tuple[RecordKey, str | None]] = []
    if _is_id(text):
        rows += [(RecordKey(Side.HUBSPOT, slug, text), None) for slug in SPECS]
    for hit in await search.by_text(tx, text, LIMIT):
        if hit.hubspot_id:
            rows.append((RecordKey(Side.HUBSPOT, hit.object, hit.hubspot_id), hit.label))
        elif hit.salesforce_id and hit.salesforce_id[:3] in TYPE_BY_PREFIX:
            type_ = TYPE_BY_PREFIX[hit.salesforce_id[:3]]
            rows.append((RecordKey(Side.SALESFORCE, type_, hit.salesforce_id), hit.label))
    return rows


async def _joined(
    tx: Tx, seen: dict[RecordKey, str | None], remembered: Iterable[tuple[RecordKey, str | None]]
) -> list[Found]:
    """Both halves of a pair are one line; a remembered key that neither a link nor a CRM confirms is left out."""
    labels: dict[RecordKey, str | None] = dict(seen)
    for key, label in remembered:
        labels[key] = labels.get(key) or label
    alone = await unlinked.by_keys(tx, list(labels))
    found: dict[RecordKey, Found] = {}
    for key, label in labels.items():
        slug = object_of(key)
        look = links.by_hubspot if key.side is Side.HUBSPOT else links.by_salesforce
        link = (await look(tx, slug, [key.id])).get(key.id)
        if link is None and key not in seen and key not in alone:
            continue
        first = link.hubspot if link is not None else key
        one = found.setdefault(first, Found(slug, {key.side: key}, link=link))
        if link is not None:
            one.keys = {side: link.key(side) for side in Side}
        if key in alone:
            one.label, one.why_not = one.label or alone[key].label, alone[key].why
        one.label = label or one.label
    return list(found.values())
