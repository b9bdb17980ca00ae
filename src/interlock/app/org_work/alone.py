"""What is taken from an org while nothing is done in it for a connection's settings: the package, the sign-ins."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from interlock.app.errors import Busy
from interlock.app.once import owner_name
from interlock.engine.ownership import own
from interlock.store import HeldByOther, Store
from interlock.store.connections import Connection


def task_name(connection_id: int) -> str:
    """Of the work, and of its lease."""
    return f"org_work:{connection_id}"


@asynccontextmanager
async def alone(store: Store, others: Sequence[Connection], clock_us: Callable[[], int]) -> AsyncIterator[None]:
    """While the block runs, nothing of these is begun; what is asked for waits. Raises Busy while something is under way."""
    async with AsyncExitStack() as held:
        for each in others:
            assert each.id is not None
            try:
                await held.enter_async_context(own(store, task_name(each.id), owner_name(), clock_us))
            except HeldByOther as error:
                raise Busy(
                    f"Something is being done in the org for the settings of {each.name}. Nothing was taken from it.",
                    code="org_work_running",
                    fix="Wait until that has ended: the tabs of its settings say how far it is. Then try again.",
                ) from error
        yield
