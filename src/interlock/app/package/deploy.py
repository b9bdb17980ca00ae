"""Carrying one deployment to its end: remembered, sent, followed, and found again after a crash.

1. what is about to be sent is kept (kept.py); 2. it is sent, and its id kept; 3. it is looked at until it is done, and
forgotten. A process that dies between any two of them is continued by `resume`. Where the answer to the sending was lost,
the org's own list tells whether a deployment of this user began since.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping

import msgspec

from interlock.app.package.kept import Keeping, Kept
from interlock.crm.errors import CrmError, NotFound
from interlock.crm.salesforce.client import SalesforceClient
from interlock.crm.salesforce.deploy import Deployment, StartUnknown
from interlock.crm.salesforce.requests import to_us

LOOK_FIRST_S = 1.0
LOOK_AGAIN_MAX_S = 8.0
# Salesforce's clock may be behind ours: a deployment that seems this much older may still be the one that was sent.
CLOCKS_APART_US = 300_000_000

Progress = Callable[[Deployment], None]
Sleep = Callable[[float], Awaitable[None]]


async def deploy(
    salesforce: SalesforceClient,
    keeper: Keeping,
    zipped: bytes,
    user_id: str,
    clock_us: Callable[[], int],
    progress: Progress,
    *,
    ignore_warnings: bool = False,
    taken: Mapping[str, list[str]] | None = None,
    sleep: Sleep = asyncio.sleep,
) -> Deployment:
    """The deployment, done: whether it succeeded stands in it. Raises CrmError; what may be running is kept. `taken`: from
    whom the permission sets were taken for it."""
    about = Kept(None, user_id, clock_us(), dict(taken or {}))
    await keeper.keep(about)
    try:
        id_ = await salesforce.start_deployment(zipped, ignore_warnings=ignore_warnings)
    except StartUnknown:
        found = await _find(salesforce, about)
        if found is None:
            raise
        id_ = found
    except CrmError:
        # Refused, or not sent: nothing was begun. Who could not be given their sets back now gets them by `resume`.
        with contextlib.suppress(CrmError):
            await give_back(salesforce, about.taken)
            await keeper.forget()
        raise
    await keeper.keep(msgspec.structs.replace(about, id=id_))
    done = await _follow(salesforce, id_, progress, sleep)
    if not done.success:
        await give_back(salesforce, about.taken)
    await keeper.forget()
    return done


async def resume(
    salesforce: SalesforceClient, keeper: Keeping, progress: Progress, *, sleep: Sleep = asyncio.sleep
) -> Deployment | None:
    """Follow what an earlier process left under way to its end. None when there is none, or the org knows none."""
    kept = await keeper.load()
    if kept is None:
        return None
    id_ = kept.id or await _find(salesforce, kept)
    done: Deployment | None = None
    if id_ is not None:
        await keeper.keep(msgspec.structs.replace(kept, id=id_))
        # The org forgets deployments after 30 days, and a sandbox all of them when it is made anew.
        with contextlib.suppress(NotFound):
            done = await _follow(salesforce, id_, progress, sleep)
    if done is None or not done.success:
        await give_back(salesforce, kept.taken)
    await keeper.forget()
    return done


async def give_back(salesforce: SalesforceClient, taken: Mapping[str, list[str]]) -> None:
    """The sets to whom they were taken from. One that is deleted by now is nobody's. Raises CrmError."""
    for set_id, users in taken.items():
        await salesforce.assign_permission_set_to(set_id, users)


async def _find(salesforce: SalesforceClient, kept: Kept) -> str | None:
    """The newest deployment that this user began since. One by another tool of theirs only costs waiting: what the org
    holds is looked at afresh afterwards."""
    running = [
        each.id
        for each in await salesforce.unfinished_deployments()
        if each.user_id[:15] == kept.user_id[:15] and to_us(each.created) >= kept.since_us - CLOCKS_APART_US
    ]
    return running[-1] if running else None


async def _follow(salesforce: SalesforceClient, id_: str, progress: Progress, sleep: Sleep) -> Deployment:
    wait_s = LOOK_FIRST_S
    while True:
        deployment = await salesforce.deployment(id_)
        progress(deployment)
        if deployment.done:
            return deployment
        await sleep(wait_s)
        wait_s = min(wait_s * 2, LOOK_AGAIN_MAX_S)
