"""SalesforceEmulator: one Salesforce org in memory, as an ASGI app and as a handle for tests, demo and pages.

Deterministic for a given clock source and seed. `app` is served by `crm_emulator.kernel.server` or called in process;
`user()` acts as a person of the org; `journal`, `stats`, `faults` and `clock` are the kernel's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from crm_emulator.kernel.clock import Clock
from crm_emulator.kernel.control import USER, Control
from crm_emulator.kernel.faults import Faults
from crm_emulator.kernel.http import App, Receive, Router, Scope, Send
from crm_emulator.kernel.journal import Journal
from crm_emulator.kernel.pages import Pages
from crm_emulator.kernel.stats import Stats
from crm_emulator.salesforce.administration import Administration
from crm_emulator.salesforce.api.collections import Collections
from crm_emulator.salesforce.api.composite import Composite
from crm_emulator.salesforce.api.context import Api, client_of
from crm_emulator.salesforce.api.describes import Describes
from crm_emulator.salesforce.api.layouts import Layouts
from crm_emulator.salesforce.api.metadata import Metadata
from crm_emulator.salesforce.api.oauth import OAuth
from crm_emulator.salesforce.api.query import Queries
from crm_emulator.salesforce.api.rows import Rows
from crm_emulator.salesforce.api.sessions import Sessions
from crm_emulator.salesforce.api.soap import Soap
from crm_emulator.salesforce.api.tooling import Tooling
from crm_emulator.salesforce.api.ui import UiApi
from crm_emulator.salesforce.config import Config
from crm_emulator.salesforce.errors import ApiError
from crm_emulator.salesforce.features import NAMES, check_names
from crm_emulator.salesforce.metadata.deployments import Deployments
from crm_emulator.salesforce.org import Org
from crm_emulator.salesforce.pages_adapter import ConsentPages, SalesforcePages
from crm_emulator.salesforce.people import UserHandle
from crm_emulator.salesforce.record_actions import BIN, RecordActions
from crm_emulator.salesforce.removal import Remover
from crm_emulator.salesforce.sample import SAMPLE
from crm_emulator.salesforce.save import Saver
from crm_emulator.salesforce.setup import OrgUser, add_profile, add_user, furnish
from crm_emulator.salesforce.times import parse_seconds
from crm_emulator.salesforce.transaction import Caller

_SEED_REFERENCE = re.compile(r"@(\w+)\[(\d+)\]\Z")
_SEED_STAMPS = ("CreatedDate", "LastModifiedDate", "SystemModstamp")


class SalesforceEmulator(Administration):
    """`config` are the fields of `crm_emulator.salesforce.config.Config`."""

    def __init__(
        self, clock: Clock | None = None, seed: int = 0, edition: str = "Developer Edition", **config: Any
    ) -> None:
        self.clock = clock or Clock()
        self._seed = seed
        self.config = Config(edition=edition, **config)
        self._features = self.config.features
        self.faults = Faults(seed)
        self.stats = Stats(self.clock)
        self.org = Org(self.clock, seed, self.config)
        self.users: list[OrgUser] = furnish(self.org)
        self.sessions = Sessions(self.org, seed)
        self.token = self.sessions.issue(self.users[0].id, expires=False)
        self._start()

    def _start(self) -> None:
        """A fresh API over the org as it is."""
        self.saver = Saver(self.org)
        self.remover = Remover(self.org, self.saver)
        router = Router()
        self.api = api = Api(self.org, self.saver, self.remover, self.sessions, router)
        for resources in (Describes, Rows, Collections, Composite, Queries, Tooling, Metadata, Soap, Layouts, UiApi):
            resources(api)
        OAuth(api, self.users)
        actions = RecordActions(api, self.users)
        pages = Pages(SalesforcePages(api, self.users), router, places=[BIN], actions=actions.of)
        actions.add_to(pages, router)
        ConsentPages(api, pages, self.users, router)
        Control(self, router)
        self._app = App(
            router,
            faults=self.faults,
            stats=self.stats,
            client_of=client_of,
            gate=api.gate,
            finish=api.finish,
            not_found=api.unrouted,
            fault_body=api.planted,
        )

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application. It stays the same one over a reset."""
        await self._app(scope, receive, send)

    def reset(self) -> None:
        """An org without records, rules and custom fields. Users keep their names and the token keeps working; the
        journal's sequence goes on."""
        self.org.journal.clear()
        self.faults.clear()
        self.stats.reset()
        people = self.users[3:]
        self.org.start_empty()
        self.users[:] = furnish(self.org)
        self.users.extend(add_user(self.org, user.name, user.email) for user in people)
        self.sessions.access[self.token].user_id = self.users[0].id
        self._start()

    @property
    def deployments(self) -> Deployments:
        return self.api.deployments

    @property
    def journal(self) -> Journal:
        return self.org.journal

    @property
    def org_id(self) -> str:
        return self.org.org_id

    @property
    def client_id(self) -> str:
        return self.sessions.client_id

    @property
    def client_secret(self) -> str:
        return self.sessions.client_secret

    @property
    def instance_url(self) -> str:
        """What token answers and describes name; set it to where the org is served."""
        return self.config.instance_url

    @instance_url.setter
    def instance_url(self, url: str) -> None:
        self.config.instance_url = url.rstrip("/")

    def user(self, name: str | None = None) -> UserHandle:
        """A handle to act as a person, found by name, e-mail, user name or id; made where there is none of that name.
        Without a name, the administrator."""
        found = self.users[1]
        if name is not None:
            known = (user for user in self.users if name in (user.name, user.email, user.username, user.id))
            found = next(known, None) or self.add_user(name)
        return UserHandle(self.org, self.saver, self.remover, found)

    def add_user(
        self,
        name: str,
        email: str | None = None,
        *,
        active: bool = True,
        api_enabled: bool = True,
        user_type: str = "Standard",
    ) -> OrgUser:
        """`user_type`: Standard, PowerPartner, Guest, ... (object reference, User.UserType)."""
        address = email or f"{name.lower().replace(' ', '.')}@example.com"
        profile = None if api_enabled else add_profile(self.org, "Minimum Access", api=False)
        user = add_user(self.org, name, address, profile=profile, active=active, user_type=user_type)
        self.users.append(user)
        return user

    def issue_token(self, user: str | None = None, *, expires: bool = True) -> str:
        """An access token of a user (by name, e-mail or id); the integration user's where none is named."""
        return self.sessions.issue(self.users[0].id if user is None else self.user(user).id, expires=expires)

    def revoke_token(self, token: str) -> None:
        self.sessions.revoke(token)

    def seed(self, objects: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, list[str]]:
        """Create records as the administrator, in the order given. Returns their ids, in order.

        A value `@Account[0]` is the id of the first Account of this call. CreatedDate, LastModifiedDate and
        SystemModstamp may be given, as with "Set Audit Fields"; duplicate and assignment rules do not run.
        """
        made: dict[str, list[str]] = {}
        caller = Caller(self.users[1].id, "seed", assign=False, allow_duplicates=True)
        for name, rows in objects.items():
            table = self.api.table(name)
            ids = made.setdefault(name, [])
            for row in rows:
                raw = {key: self._seed_value(value, made) for key, value in row.items() if key not in _SEED_STAMPS}
                tx = self.org.begin(caller)
                record = self.saver.create(tx, table, self.saver.read(caller, table, raw, create=True))
                tx.commit()
                ids.append(record.id)
                if any(stamp in row for stamp in _SEED_STAMPS):
                    created = parse_seconds(str(row.get("CreatedDate", ""))) or record.created_s
                    record.created_s = created
                    record.modified_s = parse_seconds(str(row.get("LastModifiedDate", ""))) or created
                    record.stamp_s = parse_seconds(str(row.get("SystemModstamp", ""))) or record.modified_s
                    table.note_stamp(record)
        return made

    def _seed_value(self, value: Any, made: dict[str, list[str]]) -> Any:
        match = _SEED_REFERENCE.match(value) if isinstance(value, str) else None
        return value if match is None else made[match.group(1)][int(match.group(2))]

    @property
    def feature_names(self) -> Sequence[str]:
        return NAMES

    def control_reset(self, data: str, features: Sequence[str] | None = None) -> None:
        """For the control API: "empty" or "sample". Without `features` those that the org was made with. Raises ValueError
        for a feature that there is none."""
        check_names(features or ())
        self.config.features = self._features if features is None else tuple(features)
        self.reset()
        if data == "sample":
            self.seed(SAMPLE)

    def control_seed(self, objects: dict[str, list[dict[str, Any]]], by: str = USER) -> dict[str, list[str]]:
        """For the control API. Raises ValueError with what Salesforce would have said."""
        if by != USER:
            raise ValueError(f'by: records are made by "{USER}" here')
        try:
            return self.seed(objects)
        except ApiError as refused:
            raise ValueError(f"{refused.code}: {refused.message}") from refused
        except (KeyError, IndexError) as missing:
            raise ValueError(f"a reference to a row that was not made: {missing}") from missing

    def snapshot(self) -> dict[str, dict[str, dict[str, Any]]]:
        """Every live row's stored values: {object: {id: {field: value}}}."""
        return {
            name: {record.id: dict(record.values) for record in table.from_id("") if record.deleted_s is None}
            for name, table in self.org.tables.items()
        }
