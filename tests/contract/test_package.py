"""The package in an org, against the local Salesforce: installed, found half there, upgraded, resumed, removed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from tests.contract.test_clients_salesforce import OurOrg

from crm_emulator.salesforce.metadata.deployments import PlannedFailure
from interlock.app.package import parts, plan
from interlock.app.package.install import Installed, install
from interlock.app.package.kept import Keeper
from interlock.app.package.parts import Address
from interlock.crm.salesforce.deploy import Deployment
from interlock.crm.seam import forbid_network
from interlock.store import Store, connections
from interlock.store.connections import Connection

HERE = Address("https://sync.example.com")
KEY = "Contact.Interlock_Creation_Key__c"


class Installer:
    """An org, an Interlock with its store, and what it was shown while it deployed."""

    def __init__(self, path: Path, **config: Any) -> None:
        self.path = path
        self.org = OurOrg(**config)
        self.seen: list[Deployment] = []
        self.user_id = ""

    def tell(self, story: Callable[[Installer], Awaitable[None]]) -> None:
        async def main() -> None:
            self.store = await Store.open(
                str(self.path / "interlock.db"),
                clock_us=self.org.time,
                synchronous="OFF",
                threadless=True,
                forbid_network=forbid_network,
            )
            try:
                self.user_id = (await self.org.client.identity()).user_id
                self.keeper = Keeper(self.store, await self._connected())
                await story(self)
            finally:
                await self.store.close()

        self.org.run(main())

    async def _connected(self) -> int:
        row = Connection(
            name="default",
            state="idle",
            state_since_us=0,
            hubspot_url="https://api.hubapi.com",
            hubspot_account_id="1",
            hubspot_name="Looms",
            salesforce_url="https://acme.my.salesforce.com",
            salesforce_org_id=self.org.crm.org_id,
            salesforce_name="Looms",
        )
        async with self.store.write(None) as tx:
            return await connections.create(tx, row)

    async def install(self, address: Address = HERE) -> Installed:
        return await install(self.org.client, self.keeper, self.user_id, address, self.org.time, self.seen.append)

    async def look(self, address: Address = HERE) -> plan.Plan:
        return await plan.look(self.org.client, self.user_id, address)

    def fails(self, type_: str, name: str, problem: str, times: int | None = None) -> None:
        self.org.crm.deployments.failures.append(PlannedFailure(type_, name, problem, times))

    @property
    def deployments(self) -> int:
        return len(self.org.crm.deployments.all())


def test_a_fresh_org_gets_the_whole_package_and_the_sync_user_sees_the_fields(tmp_path: Path) -> None:
    async def story(our: Installer) -> None:
        before = await our.look()
        assert (before.state, before.version_there, before.assigned) == ("none", None, False)
        done = await our.install()
        assert (done.after.state, done.after.version_there, done.after.assigned) == ("current", parts.version(), True)
        assert done.after.complete
        for sobject in ("Lead", "Contact", "Account", "Opportunity"):
            fields = {each.name: each for each in await our.org.client.describe(sobject)}
            key = fields["Interlock_Creation_Key__c"]
            assert (key.unique, key.external_id, key.length, key.updateable) == (True, True, 100, True)
            assert fields["Interlock_HubSpot_Id__c"].updateable

    Installer(tmp_path).tell(story)


def test_an_org_that_has_it_all_is_left_alone(tmp_path: Path) -> None:
    async def story(our: Installer) -> None:
        await our.install()
        again = await our.install()
        assert (again.deployment, our.deployments) == (None, 1)

    Installer(tmp_path).tell(story)
