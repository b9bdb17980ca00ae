"""Everything that is kept sealed, in one list: what a new key seals anew, and what a restored database is opened with.

A module that seals a column of its own has a `reseal` and stands here; tests/unit/app/test_key_rotation.py finds every such column
by the schema, and fails where one is forgotten.
"""

from __future__ import annotations

from interlock.store import channels, connections, crm_apps, grants, secrets, setups, sign_ins
from interlock.store.database import Store
from interlock.store.keyring import Keyring

_OF_THE_INSTALLATION = (crm_apps, grants, sign_ins, setups, channels)


async def reseal_all(store: Store, keyring: Keyring) -> int:
    """Seal all there is anew with the first key of `keyring`, which must also hold the old one; how many. One transaction for
    each connection and one for the rest, so that what an interruption leaves is readable with both. Raises SecretUnreadable."""
    async with store.read(None) as tx:
        listed = await connections.list_(tx)
    sealed = 0
    for connection in listed:
        async with store.write(connection.id) as tx:
            sealed += await secrets.reseal(tx, keyring)
    async with store.write(None) as tx:
        for module in _OF_THE_INSTALLATION:
            sealed += await module.reseal(tx, keyring)
    return sealed
