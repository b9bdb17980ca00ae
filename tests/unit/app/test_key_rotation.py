"""The key is replaced under everything that is sealed, and an interruption anywhere leaves all of it readable."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest
from cryptography.fernet import Fernet

from interlock.app import backup, key_rotation
from interlock.app.errors import Busy
from interlock.store import (
    Store,
    channels,
    connections,
    crm_apps,
    grants,
    heartbeat,
    keyring,
    schema,
    secrets,
    setups,
    sign_ins,
)
from interlock.store.connections import Connection
from interlock.store.errors import SecretUnreadable
from interlock.store.grants import Grant, Tokens

pytestmark = pytest.mark.anyio
SEALED = "sealed"  # the name of every such column
NOW = 1_800_000_000_000_000


def clock_us() -> int:
    return NOW


async def opened(folder: Path) -> Store:
    keys = keyring.load_or_create(folder / "secret.key")
    return await Store.open(str(folder / "interlock.db"), clock_us=clock_us, keyring=keys)


async def furnished(folder: Path) -> None:
    """Two connections, and one secret of every kind there is."""
    store = await opened(folder)
    for n in (1, 2):
        row = Connection(
            name=f"c{n}",
            state="idle",
            state_since_us=NOW,
            hubspot_url="",
            hubspot_account_id=str(n),
            hubspot_name="",
            salesforce_url="",
            salesforce_org_id="00D",
            salesforce_name="",
        )
        async with store.write(None) as tx:
            id_ = await connections.create(tx, row)
        async with store.write(id_) as tx:
            await secrets.put(tx, "hubspot_token", f"token {n}")
    async with store.write(None) as tx:
        app = await crm_apps.put(tx, "hubspot", "client", "app secret")
        grant = Grant(
            side="hubspot",
            app_id=app,
            login_url="",
            account_id="1",
            who={},
            scopes=[],
            tokens=Tokens("access", "refresh"),
        )
        await grants.create(tx, grant)
        await sign_ins.begin(tx, "hubspot", "state", "browser", "verifier")
        setup = await setups.begin(tx, "person:1")
        await setups.put_secret(tx, setup, "hubspot_token", "service key")
        await channels.add(tx, channels.WEBHOOK, "https://example.com/told", None, [], "signing secret")
    await store.close()


async def everything(folder: Path) -> list[str]:
    store = await opened(folder)
    try:
        found = []
        for n in (1, 2):
            async with store.read(n) as tx:
                found.append(await secrets.get(tx, "hubspot_token") or "")
        async with store.write(None) as tx:
            app, grant = await crm_apps.get(tx, 1), await grants.get(tx, 1)
            assert app is not None
            assert grant is not None
            assert grant.tokens is not None
            used = await sign_ins.use(tx, "hubspot", "state", "browser")
            assert isinstance(used, sign_ins.Used)
            found += [app.client_secret or "", grant.tokens.refresh or "", used.content]
            found += [await setups.get_secret(tx, 1, "hubspot_token") or "", await channels.secret_of(tx, 1) or ""]
    finally:
        await store.close()
    return found


ALL = ["token 1", "token 2", "app secret", "refresh", "verifier", "service key", "signing secret"]


async def test_everything_is_sealed_with_the_new_key_and_the_old_one_is_gone(tmp_path: Path) -> None:
    await furnished(tmp_path)
    old = (tmp_path / "secret.key").read_bytes()
    store = await opened(tmp_path)
    rotated = await key_rotation.rotate(store, tmp_path / "secret.key", clock_us)
    await store.close()
    assert (rotated.sealed, rotated.resumed) == (7, False)
    new = (tmp_path / "secret.key").read_bytes()
    assert len(new.split()) == 1
    assert new != old
    assert await everything(tmp_path) == ALL


async def test_the_old_key_opens_nothing_any_more(tmp_path: Path) -> None:
    await furnished(tmp_path)
    old = (tmp_path / "secret.key").read_bytes()
    store = await opened(tmp_path)
    await key_rotation.rotate(store, tmp_path / "secret.key", clock_us)
    await store.close()
    (tmp_path / "secret.key").write_bytes(old)
    with pytest.raises(SecretUnreadable):
        await everything(tmp_path)


SEALING: dict[str, ModuleType] = {
    "secrets": secrets,
    "crm_apps": crm_apps,
    "grants": grants,
    "sign_ins": sign_ins,
    "setups": setups,
    "channels": channels,
}


async def sealed_columns(folder: Path) -> dict[str, list[bytes]]:
    """Of every table of the schema that has one: what is in it."""
    store = await opened(folder)
    async with store.read(None) as tx:
        found = {
            table.name: [
                bytes(row[0]) for row in await tx.rows(f"SELECT {SEALED} FROM {table.name} WHERE {SEALED} IS NOT NULL")
            ]
            for table in schema.metadata.sorted_tables
            if SEALED in table.columns
        }
    await store.close()
    return found


async def test_no_sealed_column_of_the_schema_is_forgotten(tmp_path: Path) -> None:
    await furnished(tmp_path)
    before = await sealed_columns(tmp_path)
    assert all(before.values()), "a table seals something that this test does not furnish: add it to `furnished`"
    store = await opened(tmp_path)
    await key_rotation.rotate(store, tmp_path / "secret.key", clock_us)
    await store.close()
    new = Fernet((tmp_path / "secret.key").read_bytes().strip())
    for table, rows in (await sealed_columns(tmp_path)).items():
        assert len(rows) == len(before[table]), table
        for sealed in rows:
            new.decrypt(sealed)  # raises InvalidToken for one that the old key sealed


async def test_what_a_backup_sealed_with_another_key_needs_that_key_no_more_after_a_restore(tmp_path: Path) -> None:
    there, here = tmp_path / "there", tmp_path / "here"
    there.mkdir()
    here.mkdir()
    await furnished(there)
    file = tmp_path / "a.backup"
    backup.make(str(there / "interlock.db"), there / "secret.key", file, NOW, with_key=True)
    keyring.load_or_create(here / "secret.key")

    done = await backup.restore(str(here / "interlock.db"), here / "secret.key", file, clock_us)

    assert done.readable
    keyring.retire(here / "secret.key")
    store = await opened(here)
    async with store.read(2) as tx:
        assert await secrets.get(tx, "hubspot_token") == "token 2"
        assert await setups.get_secret(tx, 1, "hubspot_token") == "service key"
        assert await channels.secret_of(tx, 1) == "signing secret"
    await store.close()


async def test_after_a_restore_that_brought_another_key_a_rotation_makes_a_new_one_all_the_same(tmp_path: Path) -> None:
    there, here = tmp_path / "there", tmp_path / "here"
    there.mkdir()
    here.mkdir()
    await furnished(there)
    file = tmp_path / "a.backup"
    backup.make(str(there / "interlock.db"), there / "secret.key", file, NOW, with_key=True)
    keyring.load_or_create(here / "secret.key")
    await backup.restore(str(here / "interlock.db"), here / "secret.key", file, clock_us)
    old = (here / "secret.key").read_bytes().split()
    assert len(old) == 2

    store = await opened(here)
    await key_rotation.rotate(store, here / "secret.key", clock_us)
    await store.close()

    (new,) = (here / "secret.key").read_bytes().split()
    assert new not in old
    store = await opened(here)
    async with store.read(2) as tx:
        assert await secrets.get(tx, "hubspot_token") == "token 2"
    await store.close()


async def test_a_restore_says_so_where_the_key_file_does_not_open_a_signing_secret(tmp_path: Path) -> None:
    there, here = tmp_path / "there", tmp_path / "here"
    there.mkdir()
    here.mkdir()
    store = await opened(there)
    async with store.write(None) as tx:
        await channels.add(tx, channels.WEBHOOK, "https://example.com/told", None, [], "signing secret")
    await store.close()
    file = tmp_path / "a.backup"
    backup.make(str(there / "interlock.db"), there / "secret.key", file, NOW, with_key=False)

    done = await backup.restore(str(here / "interlock.db"), here / "secret.key", file, clock_us)

    assert not done.readable


class Killed(Exception):
    pass


@pytest.mark.parametrize("place", [*SEALING, "retire"])
@pytest.mark.parametrize("calls", [1, 2])
async def test_an_interruption_anywhere_loses_nothing_and_is_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, calls: int
) -> None:
    await furnished(tmp_path)
    left = [calls]
    module = SEALING.get(place)
    whole = keyring.retire if module is None else module.reseal

    def dies(*arguments: object) -> object:
        left[0] -= 1
        if left[0] == 0 or module is None:
            raise Killed
        return whole(*arguments)  # type: ignore[arg-type]

    store = await opened(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(keyring if module is None else module, "retire" if module is None else "reseal", dies)
        with pytest.raises(Killed):
            await key_rotation.rotate(store, tmp_path / "secret.key", clock_us)
    await store.close()
    assert len((tmp_path / "secret.key").read_bytes().split()) == 2
    store = await opened(tmp_path)
    rotated = await key_rotation.rotate(store, tmp_path / "secret.key", clock_us)
    await store.close()
    assert rotated.resumed
    assert len((tmp_path / "secret.key").read_bytes().split()) == 1
    assert await everything(tmp_path) == ALL


async def test_it_is_not_done_under_a_running_dispatcher(tmp_path: Path) -> None:
    await furnished(tmp_path)
    store = await opened(tmp_path)
    await heartbeat.beat(store, "somebody", NOW)
    with pytest.raises(Busy, match="holds the key in memory"):
        await key_rotation.rotate(store, tmp_path / "secret.key", clock_us)
    await store.close()
    assert await everything(tmp_path) == ALL
