"""Taking the package out of an org: the key fields with their values, the permission set, the sites.

Refused unless the links of every connection of the org were exported first, and the export is still true: without the
keys the org no longer says which HubSpot record each of its records is.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import msgspec

from interlock.app.errors import BadInput
from interlock.app.package import deploy, export, parts, plan
from interlock.app.package.export import Exported
from interlock.app.package.failures import troubles
from interlock.app.package.install import PackageFailed
from interlock.app.package.kept import Keeping, Kept
from interlock.app.package.parts import Address
from interlock.crm.errors import CrmError
from interlock.crm.salesforce.client import SalesforceClient
from interlock.crm.salesforce.deploy import Deployment
from interlock.store import Store


class Removed(msgspec.Struct, frozen=True):
    components: list[tuple[str, str]]  # (type, full name)
    deployment: Deployment | None  # None: nothing was there


async def remove(
    store: Store,
    salesforce: SalesforceClient,
    keeper: Keeping,
    exported: Exported,
    clock_us: Callable[[], int],
    progress: deploy.Progress,
) -> Removed:
    """Raises BadInput (links_not_exported), PackageFailed, CrmError. After a failure everybody has the sets again: at once
    where Salesforce can be asked, else before the next thing that is done with the package."""
    identity = await salesforce.identity()
    if not await export.is_true(store, identity.org_id, exported):
        raise BadInput(
            f"{exported.path} does not hold the links as they are now.",
            code="links_not_exported",
            fix="Pause the sync, so that no link is made meanwhile, export again, then remove the package.",
        )
    async with keeper.alone(identity.org_id):
        return await _remove(salesforce, keeper, identity.user_id, clock_us, progress)


async def _remove(
    salesforce: SalesforceClient,
    keeper: Keeping,
    user_id: str,
    clock_us: Callable[[], int],
    progress: deploy.Progress,
) -> Removed:
    await deploy.resume(salesforce, keeper, progress)
    found = await plan.look(salesforce, user_id, Address(None))
    # The set goes first: it names the fields.
    listed = sorted(found.there(), key=lambda each: each[0] != "PermissionSet")
    if not listed:
        return Removed([], None)
    sets = [each for each in (found.permission_set_id, found.user_set_id) if each is not None]
    held = {set_id: await salesforce.permission_set_holders(set_id) for set_id in sets}
    taken = {set_id: sorted(set(users.values())) for set_id, users in held.items()}
    await keeper.keep(Kept(None, user_id, clock_us(), taken))
    try:
        for assignments in held.values():
            await salesforce.take_permission_set(list(assignments))
        # Somebody may delete a component while we do: that what is not there cannot be deleted is a warning.
        done = await deploy.deploy(
            salesforce,
            keeper,
            parts.removal(listed),
            user_id,
            clock_us,
            progress,
            ignore_warnings=True,
            taken=taken,
        )
    except BaseException:
        # Should the removal still run, this makes it fail: then the sync goes on as it was.
        with contextlib.suppress(CrmError):
            await deploy.give_back(salesforce, taken)
        raise
    if failed := troubles(done):
        raise PackageFailed(failed, removing=True)
    return Removed(listed, done)
