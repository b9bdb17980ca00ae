"""Writing a deed: what every use case that changes something calls at the end of its transaction."""

from __future__ import annotations

from typing import Any

from interlock.app.people.visitor import By
from interlock.store import WriteTx, deeds

# A resync of everything names thousands: the first few tell what it was about, and the number how much.
_NAMED = 100
_LATELY_US = 3_600_000_000


async def record(tx: WriteTx, by: By, action: str, subject: str, **detail: Any) -> None:
    """`action` is a word of audit_log.words(); `subject` like `connection:1`. Names and values of people's records stay out.

    The last statement of the transaction, see `deeds.append`.
    """
    await deeds.append(tx, by.actor, action, subject, _kept(by, detail))


async def record_once_an_hour(tx: WriteTx, by: By, action: str, subject: str, **detail: Any) -> None:
    """As `record`, unless the same stands there already and is not an hour old."""
    if not await deeds.lately(tx, by.actor, action, subject, _kept(by, detail), tx.now_us - _LATELY_US):
        await record(tx, by, action, subject, **detail)


def _kept(by: By, detail: dict[str, Any]) -> dict[str, Any]:
    kept = {name: _short(value) if isinstance(value, list) else value for name, value in detail.items()}
    return kept if by.address is None else {**kept, "at": by.address}


def _short(values: list[Any]) -> list[Any]:
    return values if len(values) <= _NAMED else [*values[:_NAMED], f"and {len(values) - _NAMED} more"]
