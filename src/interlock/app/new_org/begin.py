"""*Begin to sync with the new sandbox*: a person has seen the preview and says what becomes of the records that exist."""

from __future__ import annotations

from typing import Literal

from interlock.app.connect import load_again
from interlock.app.connections import fresh
from interlock.app.errors import BadInput, Busy, Stopped
from interlock.app.new_org import kept
from interlock.app.new_org.kept import Opened, Run
from interlock.app.people.log import record
from interlock.app.people.visitor import By
from interlock.app.setup.review import MANY_CREATES
from interlock.app.times import rfc3339, shown
from interlock.app.typed_count import is_typed
from interlock.store import another_org, connections, schedule
from interlock.store.connections import Connection

Existing = Literal["none", "link", "all"]
EXISTING: tuple[Existing, ...] = ("none", "link", "all")


async def begin(interlock: Opened, by: By, connection: Connection, existing: str, typed: str = "") -> None:
    """`typed`: the count of creates, where it is a large one. Raises Stopped, Busy, BadInput; nothing has begun then."""
    assert connection.id is not None
    _check(await kept.run_of(interlock.store, connection), existing, typed, interlock.clock_us())
    async with interlock.store.write(connection.id) as tx:
        now = await fresh(tx, connection.id)
        moved = kept.moved(now)
        await load_again(tx, existing)
        await connections.update(
            tx,
            connection.id,
            settings={**kept.without(now.settings), "existing": existing},
            begun_at_us=tx.now_us,
            state="first_sync",
            state_reason=None,
            state_fix=None,
        )
        await kept.drop_run(tx)
        await another_org.forget_bases(tx)
        await schedule.ring(tx)
        await record(
            tx,
            by,
            "new_sandbox_begun",
            f"connection:{connection.id}",
            salesforce=moved.identity.account_id,
            existing=existing,
        )


def _check(run: Run | None, existing: str, typed: str, now_us: int) -> None:
    if existing not in EXISTING:
        raise BadInput(
            f"{existing!r} is not a choice for existing records.",
            code="no_such_choice",
            field="existing",
            fix=f"There are: {', '.join(EXISTING)}.",
        )
    if run is None or run.state != "done":
        raise Stopped(
            "The new sandbox is not ready, so that nobody has seen what a sync would do there.",
            code="not_ready",
            fix="Wait until it is, or try again where it failed.",
        )
    if now_us < run.ready_at_us:
        ready = shown(rfc3339(run.ready_at_us))
        raise Busy(
            f"The ids that were emptied in HubSpot would be taken for edits of their records until {ready}.",
            code="too_early",
            fix="Begin after that.",
        )
    if existing == "all" and run.creates > MANY_CREATES and not is_typed(typed, run.creates):
        raise BadInput(
            f"{run.creates:,} records would be created.",
            code="count_not_typed",
            field="count",
            fix=f"Type {run.creates} to confirm.",
        )
