"""By which address people and the CRMs reach this Interlock's pages.

What the process was told comes first (`public_url` in interlock.yaml, `serve --public-url`), then *Address of this Interlock* in
the wizard, then the address at which it listens. What the wizard was told goes into links and into the CRMs; only what the process
was told is held against the name that a request asks for, so that a name mistyped in the wizard locks nobody out.
"""

from __future__ import annotations

from interlock.app.setup import apps, state
from interlock.store import Store, setups


async def told(store: Store, public_url: str | None, connection_id: int | None = None) -> str | None:
    """`public_url`: of the process's settings. Else as entered at this connection's newest set-up, else at the newest of any.
    None: nobody said it. Without a slash at its end."""
    if public_url is not None:
        return public_url.rstrip("/")
    async with store.read(None) as tx:
        own = [] if connection_id is None else await setups.of_connection(tx, connection_id)
        for setup_id in own + await setups.newest_first(tx):
            entered = apps.values_of(await state.load_in(tx, setup_id)).public_url
            if entered:
                return entered
    return None
