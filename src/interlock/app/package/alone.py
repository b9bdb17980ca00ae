"""One at a time in an org, whatever connection, set-up or command it is for, and whichever process does it.

A deployment puts the permission sets to what was read when it began. Who grants a field meanwhile, or deploys as well, would have
it taken back while the page says that it is there: so each is waited for.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from interlock.app.once import owner_name
from interlock.engine.ownership import own
from interlock.store import HeldByOther, Store

LOOK_AGAIN_S = 1.0


@asynccontextmanager
async def alone_in(store: Store, org_id: str) -> AsyncIterator[None]:
    """Waits as long as somebody else is at it. Whoever died is not waited for."""
    # Two in one process are two owners, who live and die together.
    owner = f"{secrets.token_hex(4)}:{owner_name()}"
    async with AsyncExitStack() as held:
        while True:
            try:
                await held.enter_async_context(own(store, f"package:{org_id}", owner, store.clock_us))
                break
            except HeldByOther:
                await asyncio.sleep(LOOK_AGAIN_S)
        yield
