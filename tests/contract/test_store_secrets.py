"""Secrets are sealed, bound to their row, and survive a change of the key."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.contract.conftest import Clock

from interlock.store import KeyFileProblem, SecretUnreadable, Store, keyring, secrets

pytestmark = pytest.mark.anyio


async def test_a_secret_comes_back_and_is_replaced(store: Store, connection_id: int) -> None:
    async with store.write(connection_id) as tx:
        assert await secrets.get(tx, "token") is None
        await secrets.put(tx, "token", "pat-one")
        await secrets.put(tx, "token", "pat-two é")
        assert await secrets.get(tx, "token") == "pat-two é"
        assert await secrets.names(tx) == ["token"]
        await secrets.drop(tx, "token")
        assert await secrets.get(tx, "token") is None


async def test_the_database_does_not_hold_the_secret_in_clear(store: Store, connection_id: int) -> None:
    async with store.write(connection_id) as tx:
        await secrets.put(tx, "token", "pat-clear-text")
        row = await tx.row("SELECT sealed FROM secret WHERE connection_id = ?", connection_id)
    assert row is not None
    assert b"pat-clear" not in bytes(row[0])


@pytest.mark.parametrize("where", ["another name", "another connection"])
async def test_a_sealed_value_moved_to_another_row_is_refused(
    store: Store, connection_id: int, other_connection_id: int, where: str
) -> None:
    to_connection, to_name = (
        (connection_id, "salesforce_token") if where == "another name" else (other_connection_id, "hubspot_token")
    )
    async with store.write(connection_id) as tx:
        await secrets.put(tx, "hubspot_token", "pat-one")
    async with store.write(to_connection) as tx:
        await tx.run(
            "INSERT INTO secret (connection_id, name, sealed) SELECT ?, ?, sealed FROM secret", to_connection, to_name
        )
        with pytest.raises(SecretUnreadable, match="another row"):
            await secrets.get(tx, to_name)


async def test_another_key_file_does_not_open_them(
    database_url: str, store: Store, connection_id: int, clock: Clock
) -> None:
    async with store.write(connection_id) as tx:
        await secrets.put(tx, "token", "pat-one")
    stranger = await Store.open(database_url, clock_us=clock, keyring=keyring.generate())
    keyless = await Store.open(database_url, clock_us=clock)
    async with stranger.read(connection_id) as tx:
        with pytest.raises(SecretUnreadable, match=r"secret\.key"):
            await secrets.get(tx, "token")
    async with keyless.read(connection_id) as tx:
        with pytest.raises(KeyFileProblem):
            await secrets.get(tx, "token")
    await stranger.close()
    await keyless.close()


async def test_secrets_survive_a_change_of_the_key(database_url: str, clock: Clock, tmp_path: Path) -> None:
    from tests.contract.conftest import a_connection

    from interlock.store import connections

    key_file = tmp_path / "secret.key"
    first = await Store.open(database_url, clock_us=clock, keyring=keyring.load_or_create(key_file))
    async with first.write(None) as tx:
        connection_id = await connections.create(tx, a_connection())
    async with first.write(connection_id) as tx:
        await secrets.put(tx, "token", "pat-one")

    both = keyring.rotate(key_file)
    async with first.write(connection_id) as tx:
        assert await secrets.reseal(tx, both) == 1
    await first.close()

    second = await Store.open(database_url, clock_us=clock, keyring=keyring.retire(key_file))
    async with second.read(connection_id) as tx:
        assert await secrets.get(tx, "token") == "pat-one"
    await second.close()
