"""Where people reach the pages, as each connection remembers it: whoever syncs it may be a process that was told no address."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from interlock.app.connections import fresh
from interlock.store import Store, connections


async def keep_right(store: Store, told_address: Callable[[int | None], Awaitable[str | None]]) -> int:
    """Of every connection; how many were told another one. The links that records hold follow with their next writes."""
    async with store.read(None) as tx:
        ids = [each.id for each in await connections.list_(tx) if each.id is not None]
    changed = 0
    for id_ in ids:
        pages_at = await told_address(id_) or ""
        async with store.write(id_) as tx:
            now = await fresh(tx, id_)
            if now.settings.get("pages_at", "") == pages_at:
                continue
            await connections.update(tx, id_, settings={**now.settings, "pages_at": pages_at})
            changed += 1
    return changed
