"""The power goes at any byte of the write-ahead log: what was committed is there, and of what was not, nothing is.

A real sync writes the log, a copy of the database and of its log is cut at every frame, between frames and within them, and
opened as the product opens it. `synchronous=FULL` means that a commit returns when its frames are on the disk: so at a power
cut the log ends at the last commit or later, and later than that anything may stand in it. From a sample of the cuts the
sync goes on, against CRMs that know more than the database does.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sqlite3
import struct
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from tests.simulation.virtual_time import run
from tests.world import World, two_crms

from interlock.crm.seam import forbid_network
from interlock.store import Store, WriteTx
from interlock.wiring import wall_clock_us

Content = dict[str, list[tuple[Any, ...]]]

# SQLite file format: a header, then frames of a header and a page; a frame that ends a transaction tells the size of the
# database after it, the others 0.
LOG_HEADER, FRAME_HEADER = 32, 24


class Recorded(World):
    """A world whose database is as durable as in production, and which keeps what was in it after each commit."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.after_commits: list[Content] = []

    async def open(self) -> None:
        self.store = await _Recording.open(
            str(self.path), clock_us=self.clock_us, threadless=True, forbid_network=forbid_network
        )
        self.after_commits = [content_of(self.path)]
        logged = log_of(self.path).stat().st_size

        def take_note() -> None:
            nonlocal logged
            if log_of(self.path).stat().st_size > logged:  # else it had nothing to write
                logged = log_of(self.path).stat().st_size
                self.after_commits.append(content_of(self.path))

        assert isinstance(self.store, _Recording)
        self.store.told = take_note


class _Recording(Store):
    told: Callable[[], None] = staticmethod(lambda: None)

    @contextlib.asynccontextmanager
    async def write(self, *arguments: Any) -> AsyncIterator[WriteTx]:
        async with super().write(*arguments) as tx:
            yield tx
        self.told()


def content_of(path: Path) -> Content:
    """Every row of every table."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as database:
        names = [
            name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
        ]
        return {name: sorted(database.execute(f"SELECT * FROM {name}"), key=repr) for name in names}


def log_of(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


class Copy:
    """A database as it was when its log was empty, and the whole log since."""

    def __init__(self, database: Path, folder: Path) -> None:
        self.database = shutil.copy(database, folder / "base.db")
        self.log = b""
        self.after_commits: list[Content] = []

    def take_log(self, world: Recorded) -> None:
        assert world.path.read_bytes() == Path(self.database).read_bytes(), "a checkpoint came in between"
        self.log = log_of(world.path).read_bytes()
        self.after_commits = world.after_commits

    @property
    def frame_bytes(self) -> int:
        return FRAME_HEADER + int(struct.unpack(">I", self.log[8:12])[0])

    @property
    def frames(self) -> int:
        return (len(self.log) - LOG_HEADER) // self.frame_bytes

    def commits_within(self, frames: int) -> int:
        starts = [LOG_HEADER + n * self.frame_bytes for n in range(frames)]
        return sum(struct.unpack(">I", self.log[at + 4 : at + 8])[0] != 0 for at in starts)

    def cut(self, path: Path, log: bytes) -> Path:
        """The database as a machine finds it whose power went when so much of the log was on the disk."""
        for name in path.parent.glob(f"{path.name}*"):
            name.unlink()
        shutil.copy(self.database, path)
        log_of(path).write_bytes(log)
        return path


async def furnish_and_sync(world: World) -> None:
    """All that a transaction can hold: links, creates on both sides, updates, a conflict, a reference."""
    await world.connect()
    for number in range(2):
        world.person(f"twin{number}@example.com", jobtitle="CTO")
        world.sally.create("Contact", {"LastName": "Twin", "Email": f"twin{number}@example.com", "Title": "CEO"})
        world.person(f"here{number}@example.com")
        world.sally.create("Contact", {"LastName": "There", "Email": f"there{number}@example.com"})
    company = world.hugo.create("companies", {"name": "Acme", "domain": "acme.com"})
    world.hugo.associate("contacts", world.hugo.ids("contacts")[0], "companies", company)
    await world.sync()
    world.hugo.update("contacts", world.hugo.ids("contacts")[1], {"fax": "edited here"})
    world.sally.update("Contact", world.sally.ids("Contact")[1], {"Fax": "edited there"})
    await world.sync_later()


def in_virtual_time(story: Callable[[Any], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        await story(asyncio.get_running_loop())

    run(main(), seed=1)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    folder = tmp_path_factory.mktemp("power")
    made: list[Copy] = []

    async def story(loop: Any) -> None:
        world = Recorded(folder / "interlock.db", loop.now_us, existing="all")
        await (await Store.open(str(world.path), clock_us=loop.now_us, threadless=True)).close()
        made.append(Copy(world.path, folder))
        await world.open()
        await furnish_and_sync(world)
        made[0].take_log(world)
        assert world.store is not None
        await world.store.close()

    in_virtual_time(story)
    return made[0]


async def opened_content(path: Path) -> Content:
    """Through the product's own door, with its threads and settings."""
    store = await Store.open(str(path), clock_us=wall_clock_us)
    try:
        async with store.read(None) as tx:
            assert await tx.rows("PRAGMA integrity_check") == [("ok",)]
        return content_of(path)
    finally:
        await store.close()


def differing(found: Content, wanted: Content) -> list[str]:
    return [name for name in wanted if found.get(name) != wanted[name]]


def test_the_log_holds_what_is_to_be_cut(copy: Copy) -> None:
    """Else the tests below would cut nothing."""
    commits = copy.commits_within(copy.frames)
    assert commits == len(copy.after_commits) - 1
    assert commits > 30
    several = [n for n in range(1, copy.frames) if copy.commits_within(n) == copy.commits_within(n - 1)]
    assert len(several) > 100, "transactions of several frames are what can be torn"
    for table in ("record_link", "audit", "dirty", "cursor", "intent"):
        assert len({repr(each[table]) for each in copy.after_commits}) > 2, f"{table} never changed"


def test_what_must_not_be_torn_apart_is_one_transaction(copy: Copy) -> None:
    """So that no cut can part it: the first marks of a page and the cursor that passed it; a new link, what the audit says
    of it, and that its records are no longer due; a base that moved and the audit row that says why."""
    seen = {"marks": 0, "links": 0, "bases": 0}
    ever_due: set[Any] = set()
    for before, after in zip(copy.after_commits, copy.after_commits[1:], strict=False):
        changed = {name for name in after if before.get(name) != after[name]}
        marked = {row[:2] for row in after["dirty"]} - {row[:2] for row in before["dirty"]}
        made = {row[0] for row in after["record_link"]} - {row[0] for row in before["record_link"]}
        if marked - ever_due:
            seen["marks"] += 1
            assert "cursor" in changed, marked
        ever_due |= marked
        if made:
            seen["links"] += 1
            assert len(after["audit"]) >= len(before["audit"]) + len(made)
            assert len(after["dirty"]) < len(before["dirty"]), "the records of the pair are no longer due"
        if len(after["audit"]) > len(before["audit"]):
            seen["bases"] += 1
            assert "record_link" in changed
    assert all(times >= 3 for times in seen.values()), seen


def test_cut_between_any_two_frames_the_committed_is_there_and_nothing_else(copy: Copy, tmp_path: Path) -> None:
    async def story() -> None:
        for frames in range(copy.frames + 1):
            log = copy.log[: LOG_HEADER + frames * copy.frame_bytes]
            found = await opened_content(copy.cut(tmp_path / "cut.db", log))
            wanted = copy.after_commits[copy.commits_within(frames)]
            assert found == wanted, f"after {frames} frames these tables are torn: {differing(found, wanted)}"

    asyncio.run(story())


def test_cut_within_any_frame_that_frame_is_not_there(copy: Copy, tmp_path: Path) -> None:
    """In its header, just behind it, within its page, before its last byte; the rest is missing, or zeros, or what stood
    on the disk before."""

    async def story() -> None:
        size = copy.frame_bytes
        offsets = (1, FRAME_HEADER - 1, FRAME_HEADER, FRAME_HEADER + 512, size // 2, size - 1)
        rests = (b"", bytes(size), copy.log[LOG_HEADER : LOG_HEADER + size])
        for frames in range(copy.frames):
            offset, rest = offsets[frames % len(offsets)], rests[frames // len(offsets) % len(rests)]
            whole = LOG_HEADER + frames * size
            if frames == 0 and rest == rests[2]:
                continue  # what stood there before would be this very frame
            log = copy.log[: whole + offset] + rest[offset:]
            if log == copy.log[: whole + size]:
                continue  # the rest of the page is zeros anyway
            found = await opened_content(copy.cut(tmp_path / "cut.db", log))
            wanted = copy.after_commits[copy.commits_within(frames)]
            assert found == wanted, f"{offset} bytes into frame {frames} these are torn: {differing(found, wanted)}"

    asyncio.run(story())


@pytest.mark.parametrize("share", [0.0, 0.3, 0.5, 0.7, 0.9])
def test_a_sync_goes_on_from_any_cut_and_nothing_is_lost_or_made_twice(
    copy: Copy, tmp_path: Path, share: float
) -> None:
    """The CRMs are as the whole sync has left them: the database knows less than in any power cut."""
    frames = round(share * copy.frames)

    async def story(loop: Any) -> None:
        async with two_crms(tmp_path / "interlock.db", loop.now_us, existing="all") as world:
            await furnish_and_sync(world)
            counts = world.counts()
            assert world.store is not None
            await world.store.close()
            world.path = copy.cut(tmp_path / "cut.db", copy.log[: LOG_HEADER + frames * copy.frame_bytes])
            await asyncio.sleep(30.0)  # the lease of the process that the power cut ended
            await world.open()
            # Where not even the connection is there it is made again.
            await world.connect()
            await world.settle()
            assert world.counts() == counts
            assert counts["contacts"] == counts["Contact"] == 6
            assert counts["companies"] == counts["Account"] == 1
            for here in world.hugo.ids("contacts"):
                mine, theirs = world.contact(here), world.sally.get("Contact", world.counterpart("contacts", here))
                for property_, field in (("email", "Email"), ("jobtitle", "Title"), ("fax", "Fax")):
                    assert (mine.get(property_) or None) == (theirs[field] or None), (property_, mine, theirs)
            faxes = {world.contact(here).get("fax") for here in world.hugo.ids("contacts")}
            assert {"edited here", "edited there"} <= faxes

    in_virtual_time(story)
