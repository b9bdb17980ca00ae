"""What was last known of both CRMs: whether they answered, and how much of their API limits is used.

Written when a command or a cycle has finished with its clients, read by `status`, which itself calls no CRM.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import msgspec

from interlock.core.model import Side
from interlock.crm.budget import Governor, SalesforceGovernor
from interlock.crm.errors import ServerFault, SignInRefused, Unreachable
from interlock.store import Store, connections, directory
from interlock.store.lease import Lease
from interlock.store.tx import Tx, WriteTx

_NAME = "reach"

Failed = Unreachable | SignInRefused | ServerFault


class Reach(msgspec.Struct):
    """One side. `None` is unknown."""

    reachable: bool | None = None
    signed_in: bool | None = None
    allocated: int | None = None
    limit: int | None = None
    used_by_all: int | None = None


async def read(tx: Tx) -> dict[Side, Reach]:
    stored = await directory.get(tx, _NAME) or {}
    return {side: msgspec.convert(stored.get(side.value, {}), Reach) for side in Side}


async def write(tx: WriteTx, known: dict[Side, Reach]) -> None:
    await directory.put(tx, _NAME, {side.value: msgspec.structs.asdict(reach) for side, reach in known.items()})


@asynccontextmanager
async def remember(
    store: Store,
    connection_id: int,
    governors: Sequence[Governor],
    clock_us: Callable[[], int],
    lease: Lease | None = None,
) -> AsyncIterator[None]:
    """Note at the end of the block what its calls have shown, also when it failed."""
    failed: Failed | None = None
    before = {governor.side: sum(governor.counts.values()) for governor in governors}
    try:
        yield
    except (Unreachable, SignInRefused, ServerFault) as error:
        failed = error
        raise
    finally:
        # A side that nobody asked in this block is known as before; one that refused to sign in may have no call counted.
        asked = [
            each
            for each in governors
            if sum(each.counts.values()) > before[each.side] or (failed is not None and failed.side is each.side)
        ]
        await note(store, connection_id, asked, failed, clock_us, lease)


async def note(
    store: Store,
    connection_id: int,
    asked: Sequence[Governor],
    failed: Failed | None,
    clock_us: Callable[[], int],
    lease: Lease | None = None,
) -> None:
    """What these calls have shown, where no block was around them."""
    async with store.write(connection_id, lease) as tx:
        # As it is now: another process may have found out about the other side meanwhile.
        known = await read(tx)
        ok: dict[str, int] = {}
        for governor in asked:
            reach = known[governor.side]
            if failed is not None and failed.side is governor.side:
                reach.reachable = isinstance(failed, SignInRefused)
                reach.signed_in = False if isinstance(failed, SignInRefused) else reach.signed_in
            else:
                reach.reachable = reach.signed_in = True
                ok[f"{governor.side.value}_last_ok_us"] = clock_us()
                # Only an answer tells limits: a governor that heard none holds its cautious defaults.
                _learn(reach, governor)
        await write(tx, known)
        if ok and await connections.get(tx, connection_id) is not None:
            await connections.update(tx, connection_id, **ok)


def _learn(reach: Reach, governor: Governor) -> None:
    if not governor.counts:
        return
    reach.allocated = governor.allocated
    if isinstance(governor, SalesforceGovernor):
        reach.limit = governor.daily_limit
        reach.used_by_all = governor.org_used or reach.used_by_all
    else:
        reach.limit = governor.allocated
