"""How many of the org's API calls Interlock may use in 24 hours: what a person sets, and that work under way keeps to it.

Without a setting it is a share of what the org allows (crm/budget.py). Calls no CRM.
"""

from __future__ import annotations

import re

from interlock.app import reach
from interlock.app.connections import HALTED, fresh
from interlock.app.errors import BadInput
from interlock.app.people.log import record
from interlock.app.people.visitor import By
from interlock.core.model import Side
from interlock.crm.budget import SHARE, Governor
from interlock.store import Store, connections, handovers, schedule
from interlock.store.connections import Connection

SETTING = "salesforce_allocated_calls"


def of(connection: Connection) -> int | None:
    """What a person has set; None: nothing."""
    calls = connection.settings.get(SETTING)
    return calls if isinstance(calls, int) else None


def parsed(text: str) -> int | None:
    """As typed, thousands parted or not; nothing typed is None. Raises BadInput."""
    if not text.strip():
        return None
    # Parted by threes, as languages do it: 1.5 is no number of calls, and not 15.
    digits = re.sub(r"(?<=[0-9])[\s,.](?=[0-9]{3}(?![0-9]))", "", text.strip())
    if not digits.isascii() or not digits.isdecimal() or len(digits) > 9:
        raise BadInput(
            f"{text.strip()!r} is not a number of calls.",
            code="allocation_invalid",
            field="allocated",
            fix="Write a whole number, for example 20000, or nothing for four fifths of what Salesforce allows.",
        )
    return int(digits)


async def change(store: Store, connection_id: int, calls: int | None, by: By) -> None:
    """Counts at once, for a drain that is under way too. Raises BadInput, Missing."""
    async with store.write(connection_id) as tx:
        connection, known = await fresh(tx, connection_id), await reach.read(tx)
        salesforce = known[Side.SALESFORCE]
        _check(calls, salesforce.limit)
        settings = {name: value for name, value in connection.settings.items() if name != SETTING}
        await connections.update(
            tx, connection_id, settings=settings if calls is None else {**settings, SETTING: calls}
        )
        # What the pages show until the next call has told it.
        salesforce.allocated = calls if calls is not None or salesforce.limit is None else int(SHARE * salesforce.limit)
        await reach.write(tx, known)
        if connection.begun_at_us is not None and connection.state not in HALTED:
            # A dispatcher that waits for calls to become free looks again now.
            await handovers.ask(tx, (), ())
            await schedule.ring(tx)
        await record(tx, by, "allocation_changed", f"connection:{connection_id}", before=of(connection), after=calls)


def _check(calls: int | None, limit: int | None) -> None:
    if calls is None:
        return
    if calls < 1:
        raise BadInput(
            "With no calls at all nothing could sync.",
            code="allocation_invalid",
            field="allocated",
            fix="Pause the connection instead, or allow some.",
        )
    if limit is not None and calls > limit:
        raise BadInput(
            f"Salesforce allows the whole org {limit:,} calls in 24 hours.",
            code="allocation_invalid",
            field="allocated",
            fix=f"Allow at most {limit:,}; less leaves something for your other integrations.",
        )


async def keep_to(store: Store, connection_id: int, governor: Governor, before: int | None) -> int | None:
    """Let work that is under way keep to what is set now, if that is something else than `before`. What is set now."""
    async with store.read(None) as tx:
        connection = await connections.get(tx, connection_id)
    now = before if connection is None else of(connection)
    if now != before:
        governor.allocate(now)
    return now
