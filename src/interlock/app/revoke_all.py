"""Everything that could be in strange hands is ended at once, for the day on which something was stolen or may have been.

First what is ours alone, in one transaction that asks nobody: every connection stands still, every session, link and token ends.
Then each sign-in at its CRM, and what is kept of it here. What only a person can end, in the CRM, is named with where. People keep
their accounts and passwords, and nothing of what syncs is lost: signing in again at both CRMs and `resume` go on from here.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import msgspec

from interlock.app import sign_offs
from interlock.app.connections import why_it_stood_still
from interlock.app.crms import Crms
from interlock.app.disconnect import KEYS, NOT_CONNECTED, NotEnded
from interlock.app.errors import Missing
from interlock.app.people.log import record
from interlock.app.people.visitor import BY_COMMAND, By
from interlock.core.model import Side
from interlock.store import Store, StoreError, connections, grants, secrets, setups, ways_in
from interlock.store.errors import SecretUnreadable
from interlock.store.tx import WriteTx

OpenCrms = Callable[[], AbstractAsyncContextManager[Crms]]
REASON = "Everything was revoked by a command."
FIX = "Sign in again at both CRMs, then run `interlock resume`."
# A CRM that does not answer is asked again after so long; then what is kept of its sign-ins is wiped all the same.
AGAIN_AFTER_S = (2.0, 5.0, 15.0)
_BY_A_PERSON = "It was made by a person in the CRM, and only there it can be ended."


class Here(msgspec.Struct, frozen=True):
    """What was ended here. `paused`: names of connections that were not."""

    closed: ways_in.Closed
    paused: list[str]


class Revoked(msgspec.Struct, frozen=True):
    """`ended`: whose sign-in at which CRM. `not_ended`: what a person has to end there, also what is forgotten here."""

    here: Here
    ended: list[tuple[Side, str]]
    not_ended: list[NotEnded]


class _NotMeant(Exception):
    """Rolls back what was only to be counted."""


async def plan(store: Store) -> tuple[Here, int]:
    """What would be ended here, and how many sign-ins at the CRMs. Nothing is changed."""
    here: Here | None = None
    with contextlib.suppress(_NotMeant):
        async with store.write(None) as tx:
            here = await _end_here(tx)
            raise _NotMeant
    assert here is not None
    async with store.read(None) as tx:
        return here, len(await grants.not_revoked(tx))


async def revoke_all(store: Store, open_crms: OpenCrms, *, by: By = BY_COMMAND) -> Revoked:
    """Run again, it ends what is left, and names once more what could not be ended. Raises StoreError."""
    not_ended = await _keys(store)
    # Whatever becomes of this run, the audit log keeps what a person has to end: once they are forgotten nothing else knows of it.
    by_a_person = [each.fix for each in not_ended]
    async with store.write(None) as tx:
        here = await _end_here(tx)
        closed = msgspec.to_builtins(here.closed)
        await record(tx, by, "all_revoked", "installation", **closed, paused=here.paused, by_a_person=by_a_person)
    # Opened first: with a `ca_file` that cannot be used, say, nothing is dropped that could not be ended.
    async with open_crms() as crms:
        await _forget_keys(store)
        ended, not_ended_there = await _end_sign_ins(store, crms)
    return Revoked(here, ended, not_ended + not_ended_there)


async def _end_sign_ins(store: Store, crms: Crms) -> tuple[list[tuple[Side, str]], list[NotEnded]]:
    ended: list[tuple[Side, str]] = []
    not_ended: list[NotEnded] = []
    async with store.read(None) as tx:
        left = await grants.not_revoked(tx)
    for pause_s in (*AGAIN_AFTER_S, None):
        to_try_again = []
        for grant_id, side in left:
            try:
                each = await sign_offs.revoke(store, crms, grant_id, keep_to_try_again=pause_s is not None)
            except SecretUnreadable as error:
                # The key may only have been mislaid, and whoever has it could use what is kept here.
                async with store.write(None) as tx:
                    await grants.wipe(tx, grant_id, f"Sign-in {grant_id} cannot be read: {error}")
                continue
            except (StoreError, Missing) as error:
                # The others are ended all the same.
                why = f"Sign-in {grant_id} cannot be ended: {error}"
                not_ended.append(NotEnded(Side(side), why, sign_offs.WHERE[Side(side)]))
                continue
            if each.kept:
                to_try_again.append((grant_id, side))
            elif each.why_not is None and not each.unknown:
                ended.append((each.side, each.user))
        left = to_try_again
        if not left or pause_s is None:
            break
        await asyncio.sleep(pause_s)
    async with store.read(None) as tx:
        # Also of an earlier run: what is wiped here may live on there until a person has ended it.
        not_ended += [
            NotEnded(Side(side), why, sign_offs.WHERE[Side(side)])
            # Nobody tells when a person has ended one at its CRM.
            for side, why in await grants.revoked_because(tx, other_than=sign_offs.ENDED_BY_US)
        ]
    return ended, not_ended


async def _end_here(tx: WriteTx) -> Here:
    closed = await ways_in.close(tx)
    paused = []
    for connection in await connections.list_(tx):
        assert connection.id is not None
        # What is paused says why, and how far a disconnect had come.
        if connection.state in (NOT_CONNECTED, "paused"):
            continue
        paused.append(connection.name)
        await connections.update(
            tx,
            connection.id,
            state="paused",
            state_reason=" ".join(filter(None, (REASON, why_it_stood_still(connection)))),
            state_fix=" ".join(filter(None, (connection.state_fix, FIX))),
        )
    return Here(closed, paused)


async def _keys(store: Store) -> list[NotEnded]:
    """Tokens and keys that were typed in."""
    found: list[NotEnded] = []
    async with store.read(None) as tx:
        listed = await connections.list_(tx)
        for setup_id in await setups.open_ids(tx):
            for name in await setups.secret_names(tx, setup_id):
                side, _name, fix = next(key for key in KEYS if name.startswith(key[0].value))
                found.append(NotEnded(side, _BY_A_PERSON, fix))
    for connection in listed:
        async with store.read(connection.id) as tx:
            held = set(await secrets.names(tx))
        found += [NotEnded(side, _BY_A_PERSON, fix) for side, name, fix in KEYS if f"sign_in.{name}" in held]
    return found


async def _forget_keys(store: Store) -> None:
    """Each in a transaction of whose they are."""
    async with store.read(None) as tx:
        listed = await connections.list_(tx)
    for connection in listed:
        async with store.write(connection.id) as tx:
            for side in Side:
                await sign_offs.drop_other_ways(tx, side)
    async with store.write(None) as tx:
        for setup_id in await setups.open_ids(tx):
            for name in await setups.secret_names(tx, setup_id):
                await setups.drop_secret(tx, setup_id, name)
