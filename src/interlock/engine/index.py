"""The identity index: by what a record of one side is matched, or names its counterpart, without asking a CRM."""

from __future__ import annotations

from collections.abc import Sequence

from interlock.core.model import Observation, Side
from interlock.engine.context import Cycle, ObjectRuntime
from interlock.objects import native
from interlock.store import WriteTx, identity


async def index_rows(ctx: Cycle, runtime: ObjectRuntime, rows: Sequence[Observation]) -> None:
    if rows:
        async with ctx.store.write(ctx.connection_id, ctx.lease) as tx:
            await index_in(tx, runtime, rows)


async def index_in(tx: WriteTx, runtime: ObjectRuntime, rows: Sequence[Observation]) -> None:
    """Keep the identity index of objects that are matched through it (companies), and of what names its counterpart."""
    side = rows[0].key.side
    if not runtime.indexes(side):
        return
    entries = [
        (kind, key, row.key.id)
        for row in rows
        if not row.values.get("IsDeleted")
        for kind, key in _index_keys(runtime, row)
    ]
    await identity.put(tx, runtime.slug, side, entries)


def _index_keys(runtime: ObjectRuntime, row: Observation) -> list[tuple[str, str]]:
    keys = runtime.spec.identity_keys(row.key.side, row.values) if runtime.matched_by_index else []
    if runtime.native_ids and row.key.side is Side.HUBSPOT:
        named = native.named(runtime.spec, row.values)
        if named is not None and named.key is not None:
            keys = [*keys, (native.KIND, named.key.id)]
    return keys
