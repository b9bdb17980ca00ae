"""Which version of the package is in the org, and where a deployment of ours that is under way stands. Changes nothing."""

from __future__ import annotations

import msgspec

from interlock.app.errors import Missing
from interlock.app.package import plan
from interlock.app.package.kept import Keeping
from interlock.app.package.parts import Address
from interlock.app.package.plan import Plan
from interlock.crm.errors import NotFound
from interlock.crm.salesforce.client import SalesforceClient
from interlock.crm.salesforce.deploy import Deployment


class Status(msgspec.Struct, frozen=True):
    """`forgotten`: the id of a deployment that we began and the org knows no more."""

    plan: Plan
    deployment: Deployment | None
    forgotten: str | None = None


async def status(salesforce: SalesforceClient, keeper: Keeping, address: Address, *, cancel: bool = False) -> Status:
    """`cancel`: also ask Salesforce to end what is under way. Raises Missing when nothing is, CrmError."""
    kept = await keeper.load()
    if cancel and (kept is None or kept.id is None):
        raise Missing(
            "No deployment of this Interlock is under way.",
            code="no_deployment",
            fix="Setup, Deployment Status shows those of other tools, and cancels them.",
        )
    user_id = (await salesforce.identity()).user_id
    found = await plan.look(salesforce, user_id, address)
    if kept is None or kept.id is None:
        return Status(found, None)
    try:
        if cancel:
            await salesforce.cancel_deployment(kept.id)
        return Status(found, await salesforce.deployment(kept.id))
    except NotFound:
        return Status(found, None, forgotten=kept.id)
