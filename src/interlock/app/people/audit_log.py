"""The log of deeds as people read it: names instead of ids, and whether the chain is whole."""

from __future__ import annotations

import msgspec

from interlock.store import Store, Tx, api_tokens, deeds, people
from interlock.store.deeds import Checked, Deed

PAGE_ROWS = 100


class Entry(msgspec.Struct, frozen=True):
    """`actor` and `subject` as a person knows them; their words of the log are in `deed`."""

    deed: Deed
    actor: str
    subject: str


class Log(msgspec.Struct, frozen=True):
    """`before` continues the list; None at its end."""

    entries: list[Entry]
    checked: Checked
    before: int | None


async def read(store: Store, before: int | None = None) -> Log:
    """A page of the log, the newest first. The whole chain is read and checked each time, 1,000 rows in some milliseconds."""
    async with store.read(None) as tx:
        found = await deeds.list_(tx, before, PAGE_ROWS + 1)
        page = found[:PAGE_ROWS]
        names = await _names(tx, {word for deed in page for word in (deed.actor, deed.subject)})
        checked = await deeds.verify(tx)
    entries = [Entry(deed, names.get(deed.actor, deed.actor), names.get(deed.subject, deed.subject)) for deed in page]
    return Log(entries, checked, page[-1].seq if len(found) > PAGE_ROWS else None)


async def _names(tx: Tx, words: set[str]) -> dict[str, str]:
    names: dict[str, str] = {}
    for word in sorted(words):
        kind, _, id_ = word.partition(":")
        if kind == "person" and id_.isdecimal() and (person := await people.get(tx, int(id_))):
            names[word] = f"{person.name} ({word})"
        if kind == "token" and id_.isdecimal() and (token := await api_tokens.get(tx, int(id_))):
            names[word] = f"{token.name} ({word})"
    return names
