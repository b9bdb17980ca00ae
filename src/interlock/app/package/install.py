"""Bringing an org to the version of the package that this Interlock brings, and giving it to the sync user.

Looks first, deploys only when something is missing, different or older, and can be run again after any failure. An
upgrade is the same: a deployment changes what is there and keeps the values; what the permission sets granted besides, for
mapped fields or by an administrator, is granted again.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from interlock.app.errors import AppError
from interlock.app.package import deploy, parts, plan, rights
from interlock.app.package.failures import Trouble, troubles
from interlock.app.package.kept import Keeping
from interlock.app.package.parts import Address
from interlock.app.package.plan import Plan
from interlock.crm.salesforce.client import SalesforceClient
from interlock.crm.salesforce.deploy import Deployment


class PackageFailed(AppError):
    """Salesforce did not deploy it. Nothing of it was changed (rollbackOnError)."""

    code = "package_failed"

    def __init__(self, found: list[Trouble], *, removing: bool = False) -> None:
        first = found[0]
        where = f"{first.type} {first.component}: " if first.component is not None else ""
        rest = f" {len(found) - 1} more failed." if len(found) > 1 else ""
        what = (
            "Salesforce did not remove the package, and changed nothing."
            if removing
            else "Salesforce did not deploy the package, and changed nothing."
        )
        super().__init__(
            f"{what} {where}{first.message.rstrip('.')}.{rest}",
            fix=first.fix,
            side="salesforce",
            field=first.component,
            cause=first.message,
        )
        self.troubles = found


class Installed(msgspec.Struct, frozen=True):
    before: Plan
    after: Plan
    deployment: Deployment | None  # None: nothing had to be deployed


async def install(
    salesforce: SalesforceClient,
    keeper: Keeping,
    user_id: str,
    address: Address,
    clock_us: Callable[[], int],
    progress: deploy.Progress,
) -> Installed:
    """`user_id`: whom the sync works as. Raises PackageFailed, CrmError."""
    identity = await salesforce.identity()
    async with keeper.alone(identity.org_id):
        return await _install(salesforce, keeper, user_id, identity.user_id, address, clock_us, progress)


async def _install(
    salesforce: SalesforceClient,
    keeper: Keeping,
    user_id: str,
    deploys_id: str,
    address: Address,
    clock_us: Callable[[], int],
    progress: deploy.Progress,
) -> Installed:
    done = await deploy.resume(salesforce, keeper, progress)
    before = await plan.look(salesforce, user_id, address)
    if before.state == "newer":
        raise AppError(
            f"The org has version {before.version_there} of the package; this Interlock brings version {before.version}.",
            code="package_newer",
            fix="Upgrade this Interlock: an older package would take back what the newer one needs.",
            side="salesforce",
        )
    after = before
    if before.state != "current":
        zipped = parts.package(address, await rights.held(salesforce, before))
        done = await deploy.deploy(salesforce, keeper, zipped, deploys_id, clock_us, progress)
        if found := troubles(done):
            raise PackageFailed(found)
        after = await plan.look(salesforce, user_id, address)
    if after.permission_set_id is not None and not after.assigned:
        await salesforce.assign_permission_set(after.permission_set_id, user_id)
        after = msgspec.structs.replace(after, assigned=True)
    return Installed(before, after, done)
