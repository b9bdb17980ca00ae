"""What a batch will write down, gathered before the transaction so that each table is written once. Data, and its links."""

from __future__ import annotations

import msgspec

from interlock.core.model import AuditRow, Base, Intent, LinkState, Looked, RecordKey, RecordLink, Side
from interlock.store import WriteTx, dirty, links
from interlock.store.unlinked import Unlinked


class Ledger(msgspec.Struct):
    """What a batch will write down, gathered first so that each table is written once."""

    new_links: list[RecordLink] = []
    bases: list[tuple[int, dict[int, tuple[int, int]], dict[str, list[int]], int]] = []
    held: list[tuple[int, Base]] = []
    touched: list[int] = []
    looked: list[tuple[int, Looked]] = []
    states: list[tuple[int, LinkState]] = []
    moves: list[tuple[int, RecordKey]] = []
    audit: list[AuditRow] = []
    settled: list[int] = []
    parked: list[tuple[Side, int]] = []
    to_verify: list[int] = []
    still_open: list[Intent] = []  # a part of which may have been settled, and is in it no more
    opened: list[Intent] = []  # such a part, where its history is to be looked up
    now_updates: list[Intent] = []  # creates whose record is to be verified like an updated one
    done: list[RecordKey] = []
    postponed: list[dirty.Postponed] = []
    park_too: list[tuple[RecordKey, int]] = []  # until when
    alone: list[Unlinked] = []
    not_alone: list[RecordKey] = []
    resolved: list[RecordKey] = []
    ended: list[int] = []
    still_held: dict[RecordKey, set[str]] = {}
    lost: list[tuple[RecordLink, AuditRow]] = []
    awaits: list[tuple[RecordKey, RecordKey]] = []
    linked: list[RecordKey] = []  # records that have a counterpart now: whoever waits for one of them is looked at
    due_now: list[RecordKey] = []


async def write_links(tx: WriteTx, ledger: Ledger, looked_us: int) -> None:
    for link_id in ledger.ended:
        await links.set_state(tx, [link_id], LinkState.UNLINKED)
    for link, id_ in zip(ledger.new_links, await links.insert(tx, ledger.new_links), strict=True):
        link.id = id_
    await links.update_base(tx, ledger.bases)
    await links.set_held(tx, ledger.held)
    if ledger.touched:
        await links.touch(tx, ledger.touched, looked_us)
    if ledger.looked:
        await links.set_looked(tx, ledger.looked)
    for link_id, state in ledger.states:
        await links.set_state(tx, [link_id], state)
    for link_id, key in ledger.moves:
        if key.side is Side.HUBSPOT:
            await links.move(tx, link_id, hubspot_id=key.id)
        else:
            await links.move(tx, link_id, salesforce_type=key.type, salesforce_id=key.id)
