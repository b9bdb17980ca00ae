"""Writing a deed: what every use case that changes something calls at the end of its transaction."""

from __future__ import annotations

from typing import Any

from interlock.app.people.visitor import By
from interlock.store import WriteTx, deeds

# A resync of everything names thousands: the first few tell what it was about, and the number how much.
_NAMED = 100


async def record(tx: WriteTx, by: By, action: str, subject: str, **detail: Any) -> None:
    """`action` is a word of audit_log.words(); `subject` like `connection:1`. Names and values of people's records stay out.

    The last statement of the transaction, see `deeds.append`.
    """
    kept = {name: _short(value) if isinstance(value, list) else value for name, value in detail.items()}
    if by.address is not None:
        kept["at"] = by.address
    await deeds.append(tx, by.actor, action, subject, kept)


def _short(values: list[Any]) -> list[Any]:
    return values if len(values) <= _NAMED else [*values[:_NAMED], f"and {len(values) - _NAMED} more"]
