"""A disk that fills, a database that is locked, damaged or of another version, a key file that is gone, settings that are no
settings: every command ends clearly, with what, where and what to do, and works again once that is mended.

By the installed command. A full disk is a limit on the size of the files that the process may write (RLIMIT_FSIZE), which
SQLite meets as it meets a quota; SQLITE_FULL itself is met in the store, whose database may then grow no more.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import resource
import shutil
import signal
import sqlite3
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from tests.contract.cli_world import PATIENCE_S, Interlock, LocalCrms, Ran, validated
from tests.contract.conftest import Clock, a_connection

from interlock.cli.main import main
from interlock.store import Store, StoreUnavailable, connections, crm_apps, cursors, grants, jobs, keyring

BAD_CONFIGURATION, HELD = 2, 6


@pytest.fixture
def connected(interlock: Interlock, crms: LocalCrms) -> Interlock:
    """Joined, with one person to carry over."""
    crms.hubspot.seed("contacts", {"email": "ada@example.com", "lastname": "Byron"})
    interlock.connect().sound()
    return interlock


def database(interlock: Interlock) -> Path:
    return interlock.home / "interlock.db"


def works(interlock: Interlock, crms: LocalCrms) -> None:
    """All is as if nothing had happened."""
    interlock("sync", "--once", "--json").sound()
    assert [row["LastName"] for row in crms.salesforce.query("SELECT LastName FROM Contact")] == ["Byron"]


def says(ran: Ran, code: int, error_code: str, *parts: str) -> None:
    error = ran.sound(code).error
    assert error["code"] == error_code
    told = f"{error['message']} {error['fix']}"
    for part in parts:
        assert part in told, told


# --- the disk --------------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def files_no_larger_than(size_bytes: int) -> Iterator[None]:
    """Whatever is started within can write no file beyond it. Of this process the limit is soft, and taken back."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("room_bytes", [0, 65_536])
def test_a_disk_that_is_full_from_the_start_or_fills_in_the_middle_ends_clearly_and_nothing_is_lost(
    connected: Interlock, crms: LocalCrms, room_bytes: int
) -> None:
    with files_no_larger_than(room_bytes):
        ended = connected("sync", "--once", "--json")
    says(ended, BAD_CONFIGURATION, "store_unavailable", str(database(connected)), "disk", "run it again")
    works(connected, crms)


def test_serve_outlives_a_disk_that_fills_and_empties_again(connected: Interlock, crms: LocalCrms) -> None:
    connected("sync", "--once").sound()
    process = connected.start("serve", "--port", "0")
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        assert "Status:" in process.stdout.readline()
        before = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (0, before[1]))
        # It says what is wrong, with the file; it beats every two seconds.
        said = process.stderr.readline()
        while str(database(connected)) not in said:
            assert process.poll() is None
            said = process.stderr.readline()
        assert "disk" in said
        crms.hubspot.seed("contacts", {"email": "grace@example.com", "lastname": "Hopper"})
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, before)
        connected("sync", "--once", "--wait", "1m").sound()
        assert process.poll() is None, process.stderr.read()
        # It beats every two seconds, and may not have had room for a beat before.
        assert any(connected("status", "--json").document["worker"]["running"] for _ in range(20))
        found = {row["LastName"] for row in crms.salesforce.query("SELECT LastName FROM Contact")}
        assert found == {"Byron", "Hopper"}
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_serve_ends_an_administrators_sign_in_that_it_had_no_time_to_end_when_it_died(
    connected: Interlock, clock: Clock
) -> None:
    keys = keyring.load_or_create(connected.home / "secret.key")
    store = await Store.open(str(database(connected)), clock_us=clock, keyring=keys)
    async with store.write(1) as tx:
        app_id = await crm_apps.put(tx, "salesforce", "consumer", "hush")
        left = grants.Grant(
            side="salesforce",
            app_id=app_id,
            login_url="http://127.0.0.1:9",
            account_id="00D",
            who={"user_name": "admin@example.com"},
            scopes=[],
            tokens=grants.Tokens("access", "refresh"),
            role=grants.ADMIN,
        )
        left.id = await grants.create(tx, left)
        await grants.join(tx, left, grants.ADMIN)
    process = connected.start("serve", "--port", "0")
    try:
        assert process.stderr is not None
        said = process.stderr.readline()
        while "could not be told to end the sign-in of admin@example.com" not in said:
            assert process.poll() is None
            said = process.stderr.readline()
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE_S)
    async with store.read(None) as tx:
        found = await grants.get(tx, left.id)
    await store.close()
    assert found is not None
    assert (found.state, found.tokens) == (grants.REVOKED, None)


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_serve_deletes_answers_of_jobs_whose_day_is_over_though_nobody_begins_another(
    connected: Interlock, clock: Clock
) -> None:
    store = await Store.open(str(database(connected)), clock_us=clock)
    async with store.write(1) as tx:
        await jobs.put(tx, "1-old", "plan", {}, "a process that is gone", 0)
        await jobs.end(tx, "1-old", {"result": {"examples": ["ada@example.com"]}}, 0)
    process = connected.start("serve", "--port", "0")
    try:
        assert process.stdout is not None
        assert "Status:" in process.stdout.readline()
        for _ in range(20):  # each of these takes its time
            connected("status").sound()
            async with store.read(1) as tx:
                if await jobs.get(tx, "1-old") is None:
                    break
        else:
            raise AssertionError("The answer is still there.")
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE_S)
        await store.close()


@pytest.mark.anyio
async def test_a_database_that_can_grow_no_more_says_so_and_keeps_what_was_committed(
    tmp_path: Path, clock: Clock
) -> None:
    path = tmp_path / "interlock.db"
    store = await Store.open(str(path), clock_us=clock)
    async with store.write(None) as tx:
        id_ = await connections.create(tx, a_connection())
    async with store.write(id_) as tx:
        await cursors.set(tx, "kept", {"n": 1})
        await tx.rows("PRAGMA max_page_count = 1")  # SQLite makes it what it has by now

    async def write_too_much() -> None:
        async with store.write(id_) as tx:
            await cursors.set(tx, "kept", {"n": 2})
            await cursors.set(tx, "large", {"text": "x" * 1_000_000})

    with pytest.raises(StoreUnavailable, match="full") as refused:
        await write_too_much()
    assert str(path) in str(refused.value)
    assert "Free some space" in refused.value.fix
    async with store.write(id_) as tx:
        assert await cursors.get(tx, "kept") == {"n": 1}, "half a transaction was kept"
        await tx.rows("PRAGMA max_page_count = 1000000")
        await cursors.set(tx, "large", {"text": "x" * 1_000_000})
    await store.close()


# --- the file ----------------------------------------------------------------------------------------------------------------


def truncated(size_bytes: int, file: Path) -> None:
    os.truncate(file, size_bytes)


def overwritten(file: Path) -> None:
    """Every page but the first holds something else: it is a database as long as nobody reads on."""
    with file.open("r+b") as opened:
        opened.seek(4_096)
        opened.write(b"\xa5" * (file.stat().st_size - 4_096))


def a_text(file: Path) -> None:
    file.write_text("Dear diary, " * 1_000)


@pytest.mark.parametrize(
    "damage",
    [partial(truncated, 40_000), overwritten, a_text],
    ids=["cut short", "overwritten", "a text"],
)
def test_a_damaged_database_is_named_left_alone_and_can_be_restored_or_made_anew(
    connected: Interlock, crms: LocalCrms, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    connected("sync", "--once").sound()
    file = database(connected)
    backup = shutil.copy(file, tmp_path / "backup.db")
    damage(file)
    damaged = file.read_bytes()
    command = ("status",) if damage is a_text else ("sync", "--once")
    ended = connected(*command, "--json")
    says(ended, BAD_CONFIGURATION, "store_unavailable", str(file), "damaged", "interlock connect")
    assert file.read_bytes() == damaged, "what a person may still want to look into was changed"
    if damage is a_text:
        # There is no backup: as the message says.
        file.unlink()
        connected.connect().sound()
    else:
        shutil.copy(backup, file)
    works(connected, crms)


def test_a_database_of_another_program_that_was_named_by_mistake_is_left_as_it_is(interlock: Interlock) -> None:
    interlock.home.mkdir(exist_ok=True)
    with contextlib.closing(sqlite3.connect(database(interlock))) as raw, raw:
        raw.execute("CREATE TABLE invoice (id INTEGER PRIMARY KEY)")
    says(interlock("status", "--json"), BAD_CONFIGURATION, "database_not_ours", "invoice", "a database of its own")
    with contextlib.closing(sqlite3.connect(database(interlock))) as raw:
        assert raw.execute("SELECT name FROM sqlite_master").fetchall() == [("invoice",)]


def test_a_database_of_a_newer_version_says_so_by_the_command(connected: Interlock, crms: LocalCrms) -> None:
    with contextlib.closing(sqlite3.connect(database(connected), isolation_level=None)) as opened:
        ((ours,),) = opened.execute("SELECT version_num FROM alembic_version").fetchall()
        opened.execute("UPDATE alembic_version SET version_num = '9999'")
        says(connected("sync", "--once", "--json"), BAD_CONFIGURATION, "schema_newer", "9999", "upgrade")
        opened.execute("UPDATE alembic_version SET version_num = ?", (ours,))
    works(connected, crms)


def test_a_database_that_another_process_keeps_locked_is_exit_6_after_a_while(
    connected: Interlock, crms: LocalCrms
) -> None:
    with contextlib.closing(sqlite3.connect(database(connected), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        says(connected("sync", "--once", "--json"), HELD, "store_busy", "locked", "again")
        # What only reads is not kept waiting.
        connected("connections", "--json").sound()
    works(connected, crms)


# --- the key file and the settings ----------------------------------------------------------------------------------------------


def half_a_key(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:20])


def test_a_backup_of_another_installation_is_restored_only_by_whoever_was_told_who_then_gets_in(
    interlock: Interlock, crms: LocalCrms, tmp_path: Path
) -> None:
    password = tmp_path / "password"
    password.write_text("violets in a field of oats")
    add = ("users", "add", "--name", "N", "--role", "admin", "--password-file", str(password))
    file = str(tmp_path / "other.backup")
    other = Interlock(tmp_path / "other", crms)
    other(*add, "ada@example.com").sound()
    other("backup", file).sound()
    interlock(*add, "bob@example.com").sound()
    asked = ("restore", file, "--json")
    says(interlock(*asked, "--yes"), BAD_CONFIGURATION, "another_installation", "ada@example.com (admin)")
    planned = interlock(*asked, "--plan", "--over-another")
    assert validated(planned.sound().document)["lets_in"]["people"] == [{"email": "ada@example.com", "role": "admin"}]
    told = interlock(*asked, "--over-another")
    says(told, BAD_CONFIGURATION, "confirmation_needed", "People who get in by it: ada@example.com (admin)")
    (person,) = interlock("users", "list", "--json").sound().document["users"]
    assert person["email"] == "bob@example.com"
    done = validated(interlock(*asked, "--yes", "--over-another").sound().document)
    assert (done["installation"], done["lets_in"]["people"]) == (
        "another",
        [{"email": "ada@example.com", "role": "admin"}],
    )


def test_a_key_file_that_is_damaged_is_said_and_its_backup_mends_it(connected: Interlock, crms: LocalCrms) -> None:
    file = connected.home / "secret.key"
    backup = file.read_bytes()
    half_a_key(file)
    says(connected("sync", "--once", "--json"), BAD_CONFIGURATION, "key_file", "key", "backup")
    file.write_bytes(backup)
    works(connected, crms)


def test_without_the_key_file_connecting_again_is_enough(connected: Interlock, crms: LocalCrms) -> None:
    (connected.home / "secret.key").unlink()
    ended = connected("sync", "--once", "--json")
    says(ended, BAD_CONFIGURATION, "secret_unreadable", "secret.key", "interlock connect")
    connected.connect().sound()
    works(connected, crms)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("database: [interlock.db", "line 1"),
        ("database: interlock.db\nport: eighty\n", "line 2"),
        ("port: 70000\n", "port"),
        ("database: [a, b]\n", "database"),
        ("- database\n", "keys and values"),
        ("interlock.db\n", "keys and values"),
        ("database: interlock.db\ncolour: green\n", "colour"),
        ("database: mysql://localhost/interlock\n", "mysql"),
        ("database: nowhere/interlock.db\n", "nowhere"),
        ("key_file: nowhere/secret.key\n", "nowhere"),
        (b"database: \xff\xfe\n", "interlock.yaml"),
    ],
)
def test_settings_that_are_no_settings_are_named_with_their_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | bytes, said: str
) -> None:
    """The command, run in this process."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "interlock.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    assert main(["connections", "--json", "--home", str(home)]) == BAD_CONFIGURATION
    error = validated(json.loads(capsys.readouterr().out))["error"]
    assert said in error["message"]
    assert error["fix"]
    assert not (home / "interlock.db").exists(), "something was made by settings that were refused"
    (home / "interlock.yaml").unlink()
    assert main(["connections", "--json", "--home", str(home)]) == 0


@pytest.mark.parametrize("name", ["allowed_addresses", "api_addresses"])
def test_behind_a_proxy_that_is_not_named_nothing_is_served_by_a_list_of_addresses(
    interlock: Interlock, name: str
) -> None:
    """Everybody would have the proxy's address, which the list holds."""
    config = interlock.home / "interlock.yaml"
    config.parent.mkdir(exist_ok=True)
    config.write_text(f"public_url: https://sync.example.com\n{name}: ['127.0.0.1', '10.0.0.0/8']\n")
    said = (name, "trusted_proxies", "https://sync.example.com", "X-Forwarded-For")
    says(interlock("serve", "--port", "0", "--json"), BAD_CONFIGURATION, "config_invalid", *said)
    config.write_text(f"{name}: ['127.0.0.1']\n")
    told = ("serve", "--port", "0", "--public-url", "https://sync.example.com", "--json")
    says(interlock(*told), BAD_CONFIGURATION, "config_invalid", *said)
    # Commands on the machine go on: they are how somebody sees what is wrong.
    interlock("connections", "--json").sound()


def test_serve_says_at_its_start_from_where_it_is_reached_and_a_list_that_locked_everybody_out_is_mended_by_a_restart(
    interlock: Interlock,
) -> None:
    config = interlock.home / "interlock.yaml"
    config.parent.mkdir(exist_ok=True)
    for listed, status in (("['203.0.113.7']", 403), ("['127.0.0.1']", 200)):
        config.write_text(f"allowed_addresses: {listed}\napi_addresses: ['203.0.113.20']\n")
        process = interlock.start("serve", "--port", "0")
        assert process.stdout is not None
        try:
            url = re.search(r"Status: (\S+)", process.stdout.readline())
            assert url is not None
            assert answered(f"{url[1]}/sign-in") == status
        finally:
            process.send_signal(signal.SIGTERM)
            _, said = process.communicate(timeout=PATIENCE_S)
        assert f"reached from {listed[2:-2]}/32 only (allowed_addresses)" in said
        assert "Tokens work from 203.0.113.20/32 only (api_addresses)" in said


def answered(url: str) -> int:
    try:
        with urllib.request.urlopen(url) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
