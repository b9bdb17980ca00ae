"""A new key for what is stored sealed: tokens, client secrets, grants, sign-ins and set-ups under way, signing secrets.

In this order, so that an interruption anywhere leaves everything readable and the command can be run again: the new key is put
first in the key file, beside the old one; every secret is sealed anew; that the new key alone opens all of them is proven; the old
key is dropped. A running `serve` or `worker` holds the old key in memory and could read nothing afterwards: it is stopped first.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from interlock.app.errors import Busy
from interlock.app.handing_over import running
from interlock.app.people.log import record
from interlock.app.people.visitor import BY_COMMAND, By
from interlock.store import Store, keyring
from interlock.store.sealed import reseal_all


class Rotated(msgspec.Struct, frozen=True):
    """How many were sealed anew. `resumed`: there were several keys, as after an earlier rotation that was interrupted."""

    sealed: int
    resumed: bool


async def check(store: Store, clock_us: Callable[[], int]) -> None:
    """Raises Busy while a dispatcher runs."""
    if await running(store, clock_us()):
        raise Busy(
            "Interlock is running (`interlock serve`, `worker` or `sync`) and holds the key in memory.",
            code="running",
            fix="Stop it, rotate the key, then start it again. On several machines, copy the key file to each before that.",
        )


async def rotate(store: Store, key_file: Path, clock_us: Callable[[], int], *, by: By = BY_COMMAND) -> Rotated:
    """Raises Busy, KeyFileProblem, SecretUnreadable (then nothing was dropped)."""
    await check(store, clock_us)
    resumed = keyring.count(key_file) > 1
    # Always another one: whether the first of several is new, or has been here since before a restore, nothing tells.
    sealed = await reseal_all(store, keyring.rotate(key_file))
    # Sealed once more with the new key alone: what it could not open would raise here, while the old key is still there.
    await reseal_all(store, keyring.newest_alone(key_file))
    keyring.retire(key_file)
    async with store.write(None) as tx:
        await record(tx, by, "key_rotated", "installation", secrets=sealed)
    return Rotated(sealed, resumed)
