"""Which records are one, written to a file before the package goes: with it go the keys that the org itself holds.

CSV, a line for each live link of every connection of the org, in order of id:

    connection,hubspot,salesforce,state,linked_by,linked_at_us
    default,hubspot:contacts:501,salesforce:Contact:003...,linked,sync_key,1780000000000000
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec

from interlock.app.errors import BadInput
from interlock.core.model import LinkState, RecordKey, Side
from interlock.store import Store, connections, links

_PAGE_ROWS = 1000
_HEADER = ("connection", "hubspot", "salesforce", "state", "linked_by", "linked_at_us")


class Exported(msgspec.Struct, frozen=True):
    """A file that held every live link of the org when it was written."""

    path: str
    pairs: int
    sha256: str


def check_new(path: Path) -> None:
    """Raises BadInput: it may be the export of another time, whose keys no org holds any more."""
    if os.path.lexists(path):
        raise BadInput(
            f"{path} is there already, and is not written over.", code="file_exists", fix="Name another file."
        )


async def count(store: Store, org_id: str) -> int:
    """How many pairs the file would hold."""
    return sum([1 async for _ in lines(store, org_id)]) - 1  # the header is none


async def write(store: Store, org_id: str, path: Path) -> Exported:
    """As a whole or not at all: written beside the file, then put in its place. Raises BadInput."""
    beside = path.with_name(path.name + ".part")
    digest, pairs = hashlib.sha256(), -1  # the header is no pair
    try:
        with beside.open("wb") as file:
            async for line in lines(store, org_id):
                file.write(line)
                digest.update(line)
                pairs += 1
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        raise BadInput(
            f"{path} cannot be written: {error.strerror}.",
            code="file_unwritable",
            fix="Name another file, or make room; the folder has to be there.",
        ) from error
    return Exported(str(path), pairs, digest.hexdigest())


async def is_true(store: Store, org_id: str, exported: Exported) -> bool:
    """Whether the file is as it was written, and still says what the store says."""
    try:
        with open(exported.path, "rb") as file:  # noqa: ASYNC230  (a few megabytes of a local file, once)
            held = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return False
    now = hashlib.sha256()
    async for line in lines(store, org_id):
        now.update(line)
    return held == exported.sha256 == now.hexdigest()


async def lines(store: Store, org_id: str) -> AsyncIterator[bytes]:
    """The file, a line at a time."""
    yield _line(_HEADER)
    async with store.read(None) as tx:
        listed = await connections.of_org(tx, org_id)
    for connection in listed:
        async with store.read(connection.id) as tx:
            objects = sorted(await links.counts(tx))
        for object_ in objects:
            after = 0
            while True:
                async with store.read(connection.id) as tx:
                    page = await links.page(tx, object_, after, _PAGE_ROWS)
                if not page:
                    break
                for link in page:
                    if link.state is not LinkState.UNLINKED:
                        hubspot = RecordKey(Side.HUBSPOT, object_, link.hubspot_id)
                        salesforce = RecordKey(Side.SALESFORCE, link.salesforce_type, link.salesforce_id)
                        words = (link.state.value, link.linked_by.value, str(link.linked_at_us))
                        yield _line((connection.name, str(hubspot), str(salesforce), *words))
                assert page[-1].id is not None
                after = page[-1].id


def _line(cells: tuple[str, ...]) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(cells)
    return out.getvalue().encode()
