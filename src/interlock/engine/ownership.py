"""Owning an org for a while: its lease taken, renewed every third of its term, asked about before every request, given back.

The fence in every transaction (store/lease.py) is what keeps a former owner from writing to our database. No fence stands in
the CRMs, so this asks before each request whether the term still runs: a process that was frozen and wakes sends nothing
more, save what had left it already, which the next owner waits for (recover.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

from interlock.store import Fenced, Store, StoreError
from interlock.store import lease as leases
from interlock.store.lease import Lease

if TYPE_CHECKING:
    from collections.abc import Iterator

    from interlock.crm.budget import Governor


class Ownership:
    """Made by `own`. `lease` is the same lease throughout; only its end moves."""

    def __init__(self, store: Store, lease: Lease, clock_us: Callable[[], int], term_s: float) -> None:
        self.lease = lease
        self.after_renewal: Callable[[], Awaitable[None]] | None = None
        self.after_loss: Callable[[], object] | None = None
        self._store = store
        self._clock_us = clock_us
        self._term_s = term_s
        self._lost = False

    async def hold(self) -> None:
        """Returns while the org is ours. Raises Fenced when it is another's; asks the store only when our term is over."""
        # Asked again after a renewal: a process can also freeze while it renews.
        while self._lost or self._clock_us() >= self.lease.until_us:
            await self._renew()

    @contextmanager
    def guarding(self, governors: Iterable[Governor]) -> Iterator[None]:
        """No request of these leaves without `hold`."""
        guarded = list(governors)
        for governor in guarded:
            governor.gate = self.hold
        try:
            yield
        finally:
            for governor in guarded:
                governor.gate = None

    async def keep(self) -> None:
        """Renew for as long as this runs. Once the lease is lost, every transaction and request is refused by itself."""
        while True:
            await asyncio.sleep(self._term_s / 3)
            try:
                await self._renew()
                if self.after_renewal is not None:
                    await self.after_renewal()
            except Fenced:
                return
            except StoreError:
                continue  # busy or away: two thirds of the term are left to try again

    async def _renew(self) -> None:
        try:
            self.lease = await leases.renew(self._store, self.lease, self._clock_us(), self._term_s)
        except Fenced:
            self._lost = True
            if self.after_loss is not None:
                self.after_loss()
            raise


@asynccontextmanager
async def own(
    store: Store, org_id: str, owner: str, clock_us: Callable[[], int], term_s: float = leases.TERM_S
) -> AsyncIterator[Ownership]:
    """Raises HeldByOther while another process owns the org."""
    ownership = Ownership(store, await leases.take(store, org_id, owner, clock_us(), term_s), clock_us, term_s)
    keeper = asyncio.create_task(ownership.keep())
    try:
        yield ownership
    finally:
        keeper.cancel()
        await leases.release(store, ownership.lease)
