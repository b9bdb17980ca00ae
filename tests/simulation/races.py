"""People who edit the very record that we are writing, in the moments before and behind our write, and what we ask the changes of.

Of moves made at any time few fall there, and what an engine does about them is most of what a sync can get wrong. Half of
them type over a field that we write, the others fill in another one, so that the record's newest version is ours and theirs
at once.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import unquote

import msgspec

from interlock.crm.transport import Request
from tests.simulation.desk import Desk
from tests.simulation.kinds import CREATION_KEY, KINDS, LINK, Kind
from tests.simulation.recipe import Recipe
from tests.simulation.users import REFUSALS

RACES: dict[str, float] = {  # share of the write requests
    "edited_before": 0.07,  # too late for us to see it, in time to be written over
    "edited_behind": 0.07,  # over what we have just written
}
# Of the questions what has changed, the share about which two edits fall, one that the answer shows and one behind it, with one
# stamp: whoever goes on behind the newest stamp seen misses the second.
ABOUT_A_POLL, POLLED_SHARE = "edited_about_a_poll", 0.05
LONGEST_WAIT_S = 1.5
Target = tuple[Kind, str, list[str]]  # of which record which properties we write


class Races:
    def __init__(self, desk: Desk, recipe: Recipe) -> None:
        self._desk = desk
        self._without = recipe.without_faults
        self._chance = recipe.chance("races")
        self._made = 0

    def drawn(self, side: str, request: Request) -> str | None:
        """Whether somebody races with this request."""
        if not written(side, request):
            return None
        drawn = self._chance.random()
        # A gap that a rule fills in is what a person sees and fills in too.
        if any(self._empty(side, *target) for target in self._found(side, request)):
            drawn /= 4
        for kind, share in RACES.items():
            if drawn < share:
                return None if kind in self._without else kind
            drawn -= share
        return None

    def polled(self, side: str, request: Request) -> Kind | None:
        """Of what the request asks the changes, where somebody edits about it."""
        kind = changes_asked(side, request)
        if kind is None or ABOUT_A_POLL in self._without or self._chance.random() >= POLLED_SHARE:
            return None
        return kind

    def edit_any(self, side: str, kind: Kind) -> None:
        self._made += 1
        self._desk.begin(f"r{self._made}", self._chance)
        user = self._desk.hugo if side == "hubspot" else self._desk.sally
        object_ = kind.slug if side == "hubspot" else kind.sobject
        ids = user.ids(object_)
        if not ids:
            return
        name = self._chance.choice(list(kind.fields))
        token = self._desk.token(name)
        with suppress(*REFUSALS):
            user.update(object_, self._chance.choice(ids), {name if side == "hubspot" else kind.fields[name]: token})

    async def behind(self, side: str, request: Request) -> None:
        await asyncio.sleep(self._chance.choice((0.0, self._chance.uniform(0.0, LONGEST_WAIT_S))))
        self.edit(side, request)

    def edit(self, side: str, request: Request) -> None:
        """One of the records that the request names is edited, if it is there."""
        self._made += 1
        self._desk.begin(f"r{self._made}", self._chance)
        with suppress(*REFUSALS):
            kind, id_, names = self._chance.choice(self._found(side, request))
            name = self._chance.choice(self._likely(side, kind, id_, names))
            token = self._desk.token(name)
            if side == "hubspot":
                self._desk.hugo.update(kind.slug, id_, {name: token})
            else:
                self._desk.sally.update(kind.sobject, id_, {kind.fields[name]: token})

    def _likely(self, side: str, kind: Kind, id_: str, names: list[str]) -> list[str]:
        if not names or self._chance.random() < 0.4:
            return list(kind.fields)
        return self._empty(side, kind, id_, names) or names

    def _empty(self, side: str, kind: Kind, id_: str, names: list[str]) -> list[str]:
        if side == "hubspot":
            seen = self._desk.hugo.get(kind.slug, id_)
            return [name for name in names if not seen.get(name)]
        row = self._desk.sally.get(kind.sobject, id_)
        return [name for name in names if not row.get(kind.fields[name])]

    def _found(self, side: str, request: Request) -> list[Target]:
        ids = {kind.slug: self._by_key(side, kind) for kind in self._desk.kinds}
        return [
            (kind, ids[kind.slug][key], names)
            for kind, key, names in written(side, request)
            if key in ids.get(kind.slug, {})
        ]

    def _by_key(self, side: str, kind: Kind) -> dict[str, str]:
        """Records by their ids, and by the ids of the other side with which we may name them."""
        if side == "hubspot":
            ids = self._desk.hugo.ids(kind.slug)
            return {id_: id_ for id_ in ids} | {
                value: id_ for id_ in ids if (value := self._desk.hugo.get(kind.slug, id_).get(LINK))
            }
        ids = self._desk.sally.ids(kind.sobject)
        rows = self._desk.org.tables[kind.sobject].rows
        return {id_: id_ for id_ in ids} | {str(key): id_ for id_ in ids if (key := rows[id_].values.get(CREATION_KEY))}


def written(side: str, request: Request) -> list[Target]:
    """What a request writes: an object, the id or key of a record, the properties of it that users edit too."""
    if request.method != "POST" or not request.body:
        return []
    return list(_in_hubspot(request) if side == "hubspot" else _in_salesforce(request))


_CHANGES = re.compile(r" FROM (\w+) WHERE \(?SystemModstamp >")


def changes_asked(side: str, request: Request) -> Kind | None:
    """The object of which a request asks what has changed."""
    path = request.url.partition("?")[0]
    if side == "hubspot":
        return (
            KINDS.get(path.split("/")[-2])
            if path.endswith("/search") and b"lastmodifieddate" in (request.body or b"")
            else None
        )
    found = _CHANGES.search(unquote(f"{request.url} {(request.body or b'').decode()}"))
    return next((kind for kind in KINDS.values() if found is not None and kind.sobject == found[1]), None)


def _in_hubspot(request: Request) -> Iterator[Target]:
    path = request.url.partition("?")[0]
    if not path.endswith(("/batch/update", "/batch/upsert")):
        return
    kind = KINDS[path.split("/")[-3]]
    for each in msgspec.json.decode(request.body or b"{}")["inputs"]:
        yield kind, each["id"], [name for name in each["properties"] if name in kind.fields]


def _in_salesforce(request: Request) -> Iterator[Target]:
    if not request.url.endswith("/composite"):
        return
    kinds = {kind.sobject: kind for kind in KINDS.values()}
    for sub in msgspec.json.decode(request.body or b"{}")["compositeRequest"]:
        body: dict[str, Any] = sub.get("body") or {}
        for record in body.get("records", ()):
            kind = kinds.get(record["attributes"]["type"])
            key = record.get("id") or record.get(CREATION_KEY)
            if kind is not None and key:
                yield kind, key, [name for name, field in kind.fields.items() if field in record]
