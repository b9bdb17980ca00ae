"""An org, and an Interlock that puts its package into it, with what it was shown meanwhile."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from crm_emulator.salesforce.metadata.deployments import PlannedFailure
from interlock.app.package import export, parts, plan
from interlock.app.package.install import Installed, install
from interlock.app.package.kept import Keeper
from interlock.app.package.parts import Address
from interlock.app.package.permit import MappedField, Permitted, permit
from interlock.app.package.remove import Removed, remove
from interlock.core.model import LinkedBy, LinkState, RecordLink, Side
from interlock.crm.salesforce.client import SalesforceClient
from interlock.crm.salesforce.deploy import Deployment
from interlock.crm.seam import forbid_network
from interlock.crm.tokens import StaticToken
from interlock.crm.transport import OutcomeUnknown, Request, Response
from interlock.store import Store, connections, links
from interlock.store.connections import Connection
from tests import databases
from tests.contract.test_clients_salesforce import OurOrg

HERE = Address("https://sync.example.com")
KEY = "Contact.Interlock_Creation_Key__c"


class Installer:
    """An org, an Interlock with its store, and what it was shown while it deployed."""

    def __init__(self, path: Path, signed_in_as: str | None = None, **config: Any) -> None:
        self.path = path
        self.org = OurOrg(**config)
        if signed_in_as is not None:
            tokens = StaticToken(Side.SALESFORCE, self.org.crm.issue_token(signed_in_as))
            url = "https://acme.my.salesforce.com"
            self.org.client = SalesforceClient(url, self.org.wire, tokens, self.org.governor, self.org.time)
        self.seen: list[Deployment] = []
        self.user_id = ""

    def tell(self, story: Callable[[Installer], Awaitable[None]]) -> None:
        async def main() -> None:
            self.store = await Store.open(
                databases.at(self.path / "interlock.db"),
                clock_us=self.org.time,
                synchronous="OFF",
                threadless=True,
                forbid_network=forbid_network,
            )
            try:
                self.user_id = (await self.org.client.identity()).user_id
                self.connection_id = await self._connected()
                self.keeper = Keeper(self.store, self.connection_id)
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

    async def field_by_hand(self, full_name: str) -> None:
        """As an administrator makes one: nobody is granted it."""
        owner, _, name = full_name.partition(".")
        elements = f"<fullName>{name}</fullName><label>{name}</label><length>100</length><type>Text</type>"
        text = f'<CustomObject xmlns="{parts.NAMESPACE}"><fields>{elements}</fields></CustomObject>'
        manifest = parts.manifest([("CustomField", full_name)])
        zipped = parts.zipped({"package.xml": manifest, f"objects/{owner}.object": text})
        done = await self.org.client.deployment(await self.org.client.start_deployment(zipped))
        assert done.success, done

    async def remove(self, exported: export.Exported) -> Removed:
        return await remove(self.store, self.org.client, self.keeper, exported, self.org.time, self.seen.append)

    async def permit(self, *fields: MappedField) -> Permitted:
        return await permit(self.org.client, self.keeper, self.user_id, fields, self.seen.append)

    async def everybody_has(self, set_id: str, people: int) -> list[str]:
        """So many users who have the set, by id."""
        users = [self.org.crm.add_user(f"Person {number}").id for number in range(people)]
        assert await self.org.client.assign_permission_set_to(set_id, users) == {}
        return sorted(users)

    def administrator_adds(self, set_id: str) -> None:
        """What an administrator may do in Setup to one of the sets."""
        rights = {"PermissionsRead": True, "PermissionsCreate": True, "PermissionsEdit": True}
        self.org.person.create("ObjectPermissions", {"ParentId": set_id, "SobjectType": "Lead", **rights})
        field = {"SobjectType": "Lead", "Field": "Lead.Title", "PermissionsRead": True}
        self.org.person.create("FieldPermissions", {"ParentId": set_id, **field})
        self.org.person.update("PermissionSet", set_id, {"PermissionsViewSetup": True})

    def granted(self, set_id: str) -> tuple[list[tuple[str, bool]], list[tuple[str, bool, bool]], bool]:
        """Of fields that are not ours, of objects (may edit, may delete), and whether it lets people view Setup."""
        tables = self.org.crm.org.tables
        fields, objects = (
            [row.values for row in tables[name].rows.values() if row.values["ParentId"] == set_id and not row.deleted]
            for name in ("FieldPermissions", "ObjectPermissions")
        )
        return (
            sorted((r["Field"], bool(r.get("PermissionsEdit"))) for r in fields if "Interlock_" not in r["Field"]),
            [(r["SobjectType"], bool(r.get("PermissionsEdit")), bool(r.get("PermissionsDelete"))) for r in objects],
            bool(tables["PermissionSet"].rows[set_id].values.get("PermissionsViewSetup")),
        )

    async def export(self) -> export.Exported:
        return await export.write(self.store, self.org.crm.org_id, self.path / "links.csv")

    async def link(self, hubspot_id: str, salesforce_id: str) -> None:
        link = RecordLink(
            object="contacts",
            hubspot_id=hubspot_id,
            salesforce_type="Contact",
            salesforce_id=salesforce_id,
            state=LinkState.LINKED,
            linked_by=LinkedBy.EMAIL,
            linked_at_us=1,
            base={},
            sets={},
        )
        async with self.store.write(self.connection_id) as tx:
            await links.insert(tx, [link])

    def set_row(self) -> Any:
        rows = self.org.crm.org.tables["PermissionSet"].rows.values()
        [row] = [each for each in rows if each.values.get("Name") == parts.PERMISSION_SET and not each.deleted]
        return row

    def lose_answer_to(self, method: str, path: str) -> None:
        """The next such request is carried out and its answer is lost."""
        wire, real = self.org.wire, self.org.wire.send

        async def send(request: Request, deadline_s: float) -> Response:
            answer = await real(request, deadline_s)
            if request.method == method and path in request.url:
                wire.send = real  # type: ignore[method-assign]
                raise OutcomeUnknown("the line went dead")
            return answer

        wire.send = send  # type: ignore[method-assign]
