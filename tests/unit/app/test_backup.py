"""A backup is made while a sync runs, and after a restore the world that went on meanwhile is caught up with, once."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sqlite3
import zipfile
from functools import partial
from pathlib import Path

import pytest
from tests.unit.app.conftest import Tell
from tests.world import World

from interlock.app import backup
from interlock.app.connections import pause
from interlock.app.errors import BadInput, Busy
from interlock.store import (
    Store,
    api_tokens,
    channels,
    colleague_links,
    connections,
    deeds,
    erasures,
    heartbeat,
    keyring,
    migrate,
    people,
    setups,
)
from interlock.store.errors import SchemaNewer, StoreUnavailable

ERASED = "hubspot:contacts:1"


def made(world: World, file: Path, with_key: bool = False) -> backup.Made:
    key_file = file.with_name("secret.key")
    keyring.load_or_create(key_file)
    return backup.make(str(world.path), key_file, file, world.clock_us(), with_key=with_key)


async def put_back(world: World, file: Path, over_newer: bool = True, over_another: bool = False) -> backup.Restored:
    """As a person does it: everything is stopped first."""
    assert world.store is not None
    await world.store.close()
    try:
        return await backup.restore(
            str(world.path),
            file.with_name("secret.key"),
            file,
            world.clock_us,
            over_newer=over_newer,
            over_another=over_another,
            open_store=partial(Store.open, synchronous="OFF", threadless=True),
        )
    finally:
        await world.open()


def test_after_a_restore_everything_since_is_swept_again_and_nothing_is_made_twice(tell: Tell, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.connect()
        await world.rule("contacts", "jobtitle", "two_way")
        old = [world.person(f"old{n}@example.com", jobtitle="Clerk") for n in range(4)]
        await world.settle()
        made(world, tmp_path / "a.backup")
        # The world goes on: edits on both sides, new records of both, a delete, and all of it synced.
        new = [world.person(f"new{n}@example.com") for n in range(3)]
        lead = world.sally.create("Contact", {"LastName": "There", "Email": "there@example.com"})
        world.hugo.update("contacts", old[0], {"jobtitle": "Count"})
        world.sally.update("Contact", world.counterpart("contacts", old[1]), {"Title": "Countess"})
        world.hugo.archive("contacts", old[2])
        await world.settle()
        counts, before = world.counts(), world.written
        titles = [world.contact(id_)["jobtitle"] for id_ in (old[0], old[1], old[3])]
        # And what nobody has synced when the disk dies.
        world.hugo.update("contacts", old[3], {"jobtitle": "Analyst"})

        done = await put_back(world, tmp_path / "a.backup")

        assert done.kept is not None
        await world.settle()
        assert world.counts() == counts
        assert [world.contact(id_)["jobtitle"] for id_ in (old[0], old[1])] == titles[:2]
        assert world.sally.get("Contact", world.counterpart("contacts", old[3]))["Title"] == "Analyst"
        assert not [entry for entry in world.ours(before) if entry.action == "create"]
        for hubspot_id in new:
            link = await world.link("contacts", hubspot_id)
            assert link is not None
            assert link.salesforce_id == world.counterpart("contacts", hubspot_id)
        async with world.read() as tx:
            rows = await tx.rows("SELECT hubspot_id FROM record_link WHERE salesforce_id = ?", lead)
        assert len(rows) == 1

    tell(story)


def test_a_backup_is_made_while_a_sync_writes(tell: Tell, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.connect()
        world.person("ada@example.com")
        assert world.store is not None
        async with world.write() as tx:
            await tx.run("UPDATE connection SET state_reason = 'half done'")
            # Not committed yet: the backup is of the moment before.
            made(world, tmp_path / "a.backup")
        with zipfile.ZipFile(tmp_path / "a.backup") as archive:
            archive.extract("interlock.db", tmp_path / "out")
        raw = sqlite3.connect(tmp_path / "out" / "interlock.db")
        assert raw.execute("SELECT state_reason FROM connection").fetchone() == (None,)
        raw.close()
        assert (tmp_path / "a.backup").stat().st_mode & 0o777 == 0o600

    tell(story)


def test_the_key_is_part_only_where_it_was_asked_for(tell: Tell, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.connect()
        made(world, tmp_path / "without")
        made(world, tmp_path / "with", with_key=True)
        assert sorted(zipfile.ZipFile(tmp_path / "without").namelist()) == ["interlock.db", "manifest.json"]
        assert "secret.key" in zipfile.ZipFile(tmp_path / "with").namelist()
        keys = (tmp_path / "secret.key").read_bytes()
        (tmp_path / "secret.key").unlink()
        done = await put_back(world, tmp_path / "with")
        assert done.key_taken
        assert (tmp_path / "secret.key").read_bytes() == keys

    tell(story)


def test_a_key_of_the_backup_is_added_behind_the_one_that_is_here(tell: Tell, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.connect()
        made(world, tmp_path / "with", with_key=True)
        old = (tmp_path / "secret.key").read_bytes().split()
        (tmp_path / "secret.key").unlink()
        keyring.load_or_create(tmp_path / "secret.key")
        here = (tmp_path / "secret.key").read_bytes().split()
        await put_back(world, tmp_path / "with")
        assert (tmp_path / "secret.key").read_bytes().split() == here + old

    tell(story)


def test_a_restore_that_is_refused_adds_no_key(tell: Tell, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.connect()
        made(world, tmp_path / "with", with_key=True)
        (tmp_path / "secret.key").unlink()
        keyring.load_or_create(tmp_path / "secret.key")
        here = (tmp_path / "secret.key").read_bytes()
        await asyncio.sleep(60.0)
        world.person("ada@example.com")
        await world.settle()
        with pytest.raises(BadInput, match="has gone on since the backup"):
            await put_back(world, tmp_path / "with", over_newer=False)
        assert (tmp_path / "secret.key").read_bytes() == here

    tell(story)


def test_a_restore_that_fails_on_its_way_adds_no_key(
    tell: Tell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_arguments: object) -> None:
        raise StoreUnavailable("The disk is full.")

    async def story(world: World) -> None:
        await world.connect()
        made(world, tmp_path / "with", with_key=True)
        (tmp_path / "secret.key").unlink()
        keyring.load_or_create(tmp_path / "secret.key")
        here = (tmp_path / "secret.key").read_bytes()
        monkeypatch.setattr(backup, "_readable_store", full)
        with pytest.raises(StoreUnavailable):
            await put_back(world, tmp_path / "with")
        assert (tmp_path / "secret.key").read_bytes() == here

    tell(story)


def test_an_installation_that_has_gone_on_is_not_replaced_unasked(tell: Tell, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.connect()
        made(world, tmp_path / "a.backup")
        await asyncio.sleep(60.0)
        world.person("ada@example.com")
        await world.settle()
        before = world.path.read_bytes()
        with pytest.raises(BadInput, match="has gone on since the backup"):
            await put_back(world, tmp_path / "a.backup", over_newer=False)
        assert world.path.read_bytes()[:16] == before[:16]
        assert await world.link("contacts", world.hugo.ids("contacts")[0]) is not None

    tell(story)


def test_a_running_installation_is_not_replaced(tell: Tell, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.connect()
        made(world, tmp_path / "a.backup")
        assert world.store is not None
        await heartbeat.beat(world.store, "somebody", world.clock_us())
        with pytest.raises(Busy, match="running on this database"):
            await put_back(world, tmp_path / "a.backup")

    tell(story)


def test_the_database_that_is_there_stays_of_its_version_until_it_is_replaced(tell: Tell, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.connect()
        assert world.store is not None
        made(world, tmp_path / "a.backup")
        # As the version before has left it: it goes on with it where nothing comes of the restore.
        async with world.write() as tx:
            await tx.run("DROP TABLE suggestion")
            await tx.run("UPDATE alembic_version SET version_num = ?", migrate.REVISIONS[-2])
        opens = partial(Store.open, synchronous="OFF", threadless=True)
        asked = partial(backup.prepared, str(world.path), tmp_path / "a.backup", world.clock_us, open_store=opens)

        await heartbeat.beat(world.store, "serve-1", world.clock_us())
        with pytest.raises(Busy, match="running on this database"):
            await asked().__aenter__()
        await heartbeat.end(world.store, "serve-1")
        async with asked(over_newer=True) as ready:
            assert ready.over in ("same", "none")
        assert await world.store.revision() == migrate.REVISIONS[-2]
        done = await put_back(world, tmp_path / "a.backup")
        assert done.kept is not None

    tell(story)


@pytest.mark.parametrize("harm", ["flipped", "cut", "no zip", "another format", "newer schema"])
def test_a_backup_that_cannot_be_trusted_is_refused_and_changes_nothing(tell: Tell, tmp_path: Path, harm: str) -> None:
    async def story(world: World) -> None:
        await world.connect()
        file = tmp_path / "a.backup"
        made(world, file)
        _harm(file, harm)
        with pytest.raises((BadInput, SchemaNewer)) as refused:
            await put_back(world, file)
        assert harm.split()[0] in {"newer"} or refused.value.failure.code in (  # type: ignore[union-attr]
            "backup_damaged",
            "no_backup",
            "backup_newer",
        )
        await world.settle()
        assert not [name for name in os.listdir(tmp_path) if "before-restore" in name]

    tell(story)


def _harm(file: Path, harm: str) -> None:
    if harm == "cut":
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
        return
    if harm == "no zip":
        file.write_text("hello")
        return
    with zipfile.ZipFile(file) as archive:
        manifest, database = json.loads(archive.read("manifest.json")), bytearray(archive.read("interlock.db"))
    if harm == "flipped":
        database[len(database) // 2] ^= 1
    if harm == "another format":
        manifest["format"] = "interlock-backup/9"
    if harm == "newer schema":
        path = file.with_name("newer.db")
        path.write_bytes(database)
        raw = sqlite3.connect(path)
        raw.execute("UPDATE alembic_version SET version_num = '9999'")
        raw.commit()
        raw.close()
        database = bytearray(path.read_bytes())
        manifest["sha256"] = backup._digest(path)
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("manifest.json", json.dumps(manifest))
        archive.writestr("interlock.db", bytes(database))


def test_nobody_is_still_signed_in_after_a_restore(tell: Tell, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.connect()
        assert world.store is not None
        async with world.store.write(None) as tx:
            person = await tx.insert(
                "person", {"email": "a@b.c", "email_key": "a@b.c", "name": "A", "role": "admin", "created_at_us": 1}
            )
            values = {"token_hash": "x", "person_id": person, "created_at_us": 1, "seen_at_us": 1, "until_us": 2**60}
            await tx.insert("session", values)
            link = await colleague_links.make(tx, await setups.begin(tx, "command"), "hubspot", "command", 2**60)
        made(world, tmp_path / "a.backup")
        await put_back(world, tmp_path / "a.backup")
        assert world.store is not None
        async with world.store.read(None) as tx:
            assert await tx.rows("SELECT id FROM session") == []
            assert await colleague_links.find(tx, link) is None
            assert (await tx.rows("SELECT action FROM deed ORDER BY seq DESC LIMIT 1"))[0][0] == "restored"

    tell(story)


def test_what_was_taken_since_from_people_programs_and_connections_stays_taken(tell: Tell, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.connect()
        assert world.store is not None
        assert world.connection is not None
        async with world.store.write(None) as tx:
            ids = {
                name: await people.add(tx, f"{name}@example.com", name, "admin", f"hash of {name}")
                for name in ("ada", "bob", "cy", "dan")
            }
            revoked_id, revoked = await api_tokens.make(tx, "report", "viewer", ids["ada"])
            _, kept = await api_tokens.make(tx, "export", "viewer", ids["ada"])
            hook = await channels.add(tx, channels.WEBHOOK, "https://example.com/left", None, ["issues"], None)
            await channels.add(tx, channels.WEBHOOK, "https://example.com/here", None, ["issues"], None)
        made(world, tmp_path / "a.backup")
        async with world.store.write(None) as tx:
            await people.set_disabled(tx, ids["ada"], True)
            await people.set_role(tx, ids["bob"], "viewer")
            await people.set_password_hash(tx, ids["cy"], None)
            await people.set_password_hash(tx, ids["dan"], "a new one")
            await people.add(tx, "new@example.com", "New", "admin", "hash")
            await api_tokens.revoke(tx, revoked_id)
            await channels.delete(tx, hook)
        await pause(world.store, world.connection, None, plan=False)

        await put_back(world, tmp_path / "a.backup")

        assert world.store is not None
        async with world.store.read(None) as tx:
            found = {each.name: each for each in await people.list_(tx)}
            assert await api_tokens.find(tx, revoked) is None
            assert await api_tokens.find(tx, kept) is not None
            assert [each.target for each in await channels.list_(tx)] == ["https://example.com/here"]
            (connection,) = await connections.list_(tx)
        assert found["ada"].disabled_at_us is not None
        assert found["bob"].role == "viewer"
        assert [found[name].password_hash for name in ("ada", "cy", "dan")] == ["hash of ada", None, "a new one"]
        assert [found[name].disabled_at_us for name in ("bob", "cy", "dan")] == [None] * 3
        assert "New" not in found  # nobody is let in whom the backup does not know
        assert connection.state == "paused"
        assert connection.state_reason == "A backup was restored that is older than its pause."

    tell(story)


def test_where_another_installation_is_replaced_nothing_is_missing_because_that_one_never_had_it(
    tell: Tell, tmp_path: Path
) -> None:
    async def story(world: World) -> None:
        await world.connect()
        assert world.store is not None
        async with world.store.write(None) as tx:
            await channels.add(tx, channels.WEBHOOK, "https://example.com/here", None, ["issues"], None)
            await people.add(tx, "ada@example.com", "ada", "admin", "hash of ada")
        made(world, tmp_path / "a.backup")
        await asyncio.sleep(60.0)
        await world.lose_the_database(tmp_path / "new.db")
        await put_back(world, tmp_path / "a.backup", over_another=True)
        async with world.store.read(None) as tx:
            assert [each.target for each in await channels.list_(tx)] == ["https://example.com/here"]
            assert [each.password_hash for each in await people.list_(tx)] == ["hash of ada"]

    tell(story)


async def another_installation(world: World, new: Path, *, account: str | None = None) -> None:
    """In the place of the one that is there: with an Ada of its own, who is no admin, and a contact whom it forgot."""
    await asyncio.sleep(60.0)
    await world.lose_the_database(new)
    assert world.store is not None
    assert world.connection is not None
    async with world.store.write(world.connection.id) as tx:
        await people.add(tx, "ada@example.com", "Ada", "viewer", "hash of another Ada")
        await people.add(tx, "eve@example.com", "Eve", "admin", "hash of Eve")
        await erasures.put(tx, [ERASED])
        if account is not None:
            await tx.run("UPDATE connection SET hubspot_account_id = ?", account)


async def our_own(world: World) -> None:
    assert world.store is not None
    async with world.store.write(None) as tx:
        ada = await people.add(tx, "ada@example.com", "Ada", "admin", "hash of Ada")
        await people.set_disabled(tx, await people.add(tx, "bob@example.com", "Bob", "admin", "hash of Bob"), True)
        await people.add(tx, "cy@example.com", "Cy", "operator", None)
        await api_tokens.make(tx, "report", "viewer", ada)


def test_over_another_installation_nothing_is_put_back_before_it_was_told_who_then_gets_in(
    tell: Tell, tmp_path: Path
) -> None:
    async def story(world: World) -> None:
        await world.connect()
        await our_own(world)
        made(world, tmp_path / "a.backup")
        await another_installation(world, tmp_path / "another.db", account="777")
        with pytest.raises(BadInput) as refused:
            await put_back(world, tmp_path / "a.backup")
        failure = refused.value.failure
        assert failure.code == "another_installation"
        assert "HubSpot 777" in failure.message
        assert "ada@example.com (admin). API tokens that work: report (viewer)." in failure.message
        assert "bob" not in failure.message  # disabled
        assert "cy@" not in failure.message  # without a password
        assert "--over-another" in failure.fix
        assert world.store is not None
        async with world.store.read(None) as tx:
            assert [each.name for each in await people.list_(tx)] == ["Ada", "Eve"]

    tell(story)


def test_over_another_installation_nobody_has_the_password_or_role_of_somebody_there_with_the_same_e_mail(
    tell: Tell, tmp_path: Path
) -> None:
    async def story(world: World) -> None:
        await world.connect()
        await our_own(world)
        made(world, tmp_path / "a.backup")
        await another_installation(world, tmp_path / "another.db", account="777")
        done = await put_back(world, tmp_path / "a.backup", over_newer=False, over_another=True)
        assert done.over == "another"
        assert (done.lets_in.people, done.lets_in.tokens) == ([("ada@example.com", "admin")], [("report", "viewer")])
        async with world.read() as tx:
            found = {each.email: each for each in await people.list_(tx)}
            (deed,) = await deeds.list_(tx, None, 1)
            # That account's records are others, also where their ids are the same.
            assert not await erasures.any_(tx)
        assert (found["ada@example.com"].role, found["ada@example.com"].password_hash) == ("admin", "hash of Ada")
        assert "eve@example.com" not in found
        assert (deed.action, deed.detail["over"]) == ("restored", "the database of another installation")

    tell(story)


def test_a_copy_that_went_its_own_way_lets_nobody_in_unseen_whom_only_it_knows(tell: Tell, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.connect()
        await our_own(world)
        assert world.store is not None
        here, copied = world.path, tmp_path / "copy.db"
        made(world, tmp_path / "a.backup")
        async with world.store.write(None) as tx:
            await people.set_role(tx, (await people.list_(tx))[0].id, "viewer")
            await deeds.append(tx, "command", "role_changed", "person:1")
        await world.store.close()
        shutil.copy(here, copied)
        # On another machine the backup was tried, and somebody made an admin of it.
        await asyncio.sleep(60.0)
        world.path = tmp_path / "trial.db"
        await world.open()
        await put_back(world, tmp_path / "a.backup")
        async with world.store.write(None) as tx:
            await people.add(tx, "eve@example.com", "Eve", "admin", "hash of Eve")
            await deeds.append(tx, "command", "person_added", "person:4")
        made(world, tmp_path / "trial.backup")
        await world.store.close()
        world.path = copied
        await world.open()
        with pytest.raises(BadInput, match=r"gone different ways.*eve@example\.com \(admin\)"):
            await put_back(world, tmp_path / "trial.backup")
        done = await put_back(world, tmp_path / "trial.backup", over_another=True)
        assert done.over == "copy"
        # What was taken here since stays taken.
        assert ("ada@example.com", "viewer") in done.lets_in.people

    tell(story)


def test_what_another_installation_forgot_or_paused_of_the_same_account_stays_so(tell: Tell, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        assert world.store is not None
        await world.store.close()
        world.keyring = keyring.load_or_create(tmp_path / "secret.key")
        await world.open()
        await world.connect()
        await our_own(world)
        made(world, tmp_path / "a.backup")
        await another_installation(world, tmp_path / "another.db")
        assert world.store is not None
        assert world.connection is not None
        await pause(world.store, world.connection, None, plan=False)
        await put_back(world, tmp_path / "a.backup", over_another=True)
        async with world.read() as tx:
            (connection,) = await connections.list_(tx)
            assert await erasures.held(tx, [ERASED, "hubspot:contacts:2"]) == {ERASED}
        assert connection.state == "paused"
        assert connection.state_reason is not None
        assert "another installation" in connection.state_reason

    tell(story)


def test_a_restore_that_dies_before_it_is_ready_has_changed_nothing(
    tell: Tell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever was signed out, erased or disabled since would be back, for the next restore knows only what it replaces."""

    async def story(world: World) -> None:
        await world.connect()
        made(world, tmp_path / "a.backup")
        assert world.store is not None
        async with world.store.write(None) as tx:
            await people.add(tx, "new@example.com", "New", "admin", "hash")

        async def dies(*_: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr(backup.restored, "forget_what_was_running", dies)
            with pytest.raises(KeyboardInterrupt):
                await put_back(world, tmp_path / "a.backup")
        async with world.store.read(None) as tx:
            assert [each.name for each in await people.list_(tx)] == ["New"]
        assert sorted(each.name for each in world.path.parent.glob(".interlock-restore-*")) == []

    tell(story)


def test_on_postgresql_the_command_to_use_is_said_without_the_password() -> None:
    database = "postgresql+psycopg://ada:violet@db.example.com:5433/interlock"
    with pytest.raises(BadInput) as refused:
        backup.make(database, Path("secret.key"), Path("a.backup"), 0, with_key=False)
    fix = refused.value.failure.fix
    assert "pg_dump --format=custom --file=a.backup --dbname=postgresql://ada@db.example.com:5433/interlock" in fix
    assert "violet" not in fix


async def _restore_on_postgresql() -> str:
    database = "postgresql+psycopg://ada:violet@db.example.com:5433/interlock"
    with pytest.raises(BadInput) as refused:
        await backup.restore(database, Path("secret.key"), Path("a.dump"), lambda: 0)
    return refused.value.failure.fix


def test_on_postgresql_nobody_is_told_to_restore_over_the_database_that_knows_what_was_taken_since() -> None:
    fix = asyncio.run(_restore_on_postgresql())
    assert "Make a new database" in fix
    assert "--clean" not in fix
    assert "interlock after-restore --replaced postgresql+psycopg://ada@db.example.com:5433/interlock" in fix
    assert "violet" not in fix
