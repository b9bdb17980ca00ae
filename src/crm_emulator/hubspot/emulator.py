"""HubSpotEmulator: one HubSpot account in memory, as an ASGI app and as a handle for tests, demo and pages.

Deterministic for a given clock source and seed. `app` is served by `crm_emulator.kernel.server` or called in process;
`user()` acts as a person of the account; `journal`, `stats`, `faults` and `clock` are the kernel's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from crm_emulator.hubspot.account import Account, User
from crm_emulator.hubspot.api import Api, client_of
from crm_emulator.hubspot.associations import Associations
from crm_emulator.hubspot.config import Config
from crm_emulator.hubspot.custom import define_object
from crm_emulator.hubspot.errors import ApiError
from crm_emulator.hubspot.limits import Limits
from crm_emulator.hubspot.list_pages import ListPages
from crm_emulator.hubspot.native import NativeIntegration
from crm_emulator.hubspot.operations import Operations
from crm_emulator.hubspot.pages_adapter import ConsentPages, HubSpotPages
from crm_emulator.hubspot.portal import Portal
from crm_emulator.hubspot.routes_account import AccountRoutes
from crm_emulator.hubspot.routes_association_limits import AssociationLimitRoutes
from crm_emulator.hubspot.routes_associations import AssociationRoutes
from crm_emulator.hubspot.routes_associations_v3 import AssociationV3Routes
from crm_emulator.hubspot.routes_batches import BatchRoutes
from crm_emulator.hubspot.routes_currencies import CurrencyRoutes
from crm_emulator.hubspot.routes_emails import EmailRoutes
from crm_emulator.hubspot.routes_limits import LimitRoutes
from crm_emulator.hubspot.routes_lists import ListRoutes
from crm_emulator.hubspot.routes_oauth import OAuthRoutes
from crm_emulator.hubspot.routes_objects import ObjectRoutes
from crm_emulator.hubspot.routes_pipelines import PipelineRoutes
from crm_emulator.hubspot.routes_preferences import PreferenceRoutes
from crm_emulator.hubspot.routes_properties import PropertyRoutes
from crm_emulator.hubspot.sample import SAMPLE
from crm_emulator.hubspot.search import Search
from crm_emulator.hubspot.settings import Settings
from crm_emulator.hubspot.users import UserHandle
from crm_emulator.kernel.clock import Clock
from crm_emulator.kernel.control import USER, Control
from crm_emulator.kernel.faults import Faults
from crm_emulator.kernel.http import App, Receive, Router, Scope, Send
from crm_emulator.kernel.journal import Journal
from crm_emulator.kernel.pages import Pages
from crm_emulator.kernel.stats import Stats

_ROUTES = (
    ObjectRoutes,
    BatchRoutes,
    PropertyRoutes,
    AssociationRoutes,
    AssociationV3Routes,
    AssociationLimitRoutes,
    LimitRoutes,
    AccountRoutes,
    PipelineRoutes,
    CurrencyRoutes,
    EmailRoutes,
    PreferenceRoutes,
    ListRoutes,
    OAuthRoutes,
)

# Who seeds records, beside a user.
NATIVE = "native_integration"


class HubSpotEmulator:
    """`config` are the fields of `crm_emulator.hubspot.config.Config`."""

    def __init__(self, clock: Clock | None = None, seed: int = 0, **config: Any) -> None:
        self.clock = clock or Clock()
        self._seed = seed
        self.config = msgspec.convert(config, Config)
        self.faults = Faults(seed)
        self.stats = Stats(self.clock)
        self.journal = Journal()
        self.account = Account(self.config, seed)
        self._start()

    def _start(self) -> None:
        """A fresh portal behind the same account, clock, faults and counts."""
        self.portal = Portal(self.config, self.clock, self.account, self.journal, self._seed)
        associations = Associations(self.portal)
        self.operations = Operations(self.portal, associations)
        self.limits = Limits(self.config, self.clock)
        router = Router()
        search = Search(self.portal, associations.ids)
        self.api = Api(self.portal, self.operations, search, self.limits, router, self._seed)
        for routes in _ROUTES:
            routes(self.api)
        adapter = HubSpotPages(self.api, self.account, self.operations)
        pages = Pages(adapter, router, accent="hubspot", places=(("/lists", "Lists"),))
        ListPages(self.portal, self.account, pages, router)
        ConsentPages(self.api, pages, router)
        Control(self, router)
        self._app = App(
            router,
            faults=self.faults,
            stats=self.stats,
            client_of=client_of,
            gate=self.api.gate,
            finish=self.api.finish,
            not_found=self.api.unrouted,
            fault_body=self.api.planted,
        )

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application. It stays the same one over a reset."""
        await self._app(scope, receive, send)

    def reset(self) -> None:
        """An account without records, as new. Users and tokens stay, the journal's sequence goes on."""
        self.journal.clear()
        self.faults.clear()
        self.stats.reset()
        self._start()

    @property
    def token(self) -> str:
        """The private-app token of the account, with every scope."""
        return self.account.private_token

    @property
    def account_id(self) -> int:
        return self.config.account_id

    @property
    def client_id(self) -> str:
        return self.account.client_id

    @property
    def client_secret(self) -> str:
        return self.account.client_secret

    @property
    def users(self) -> list[User]:
        return self.account.users

    def user(self, name: str | None = None) -> UserHandle:
        """A handle to act as a person; without a name, the first one."""
        return UserHandle(self.account, self.operations, self.account.user(name))

    def settings(self, name: str | None = None) -> Settings:
        """A handle to change the account's settings as a person; without a name, the first one, who is its admin."""
        return Settings(self.portal, self.account.user(name))

    def issue_token(self, *scopes: str, expires_in_s: int | None = None) -> str:
        """A token with these scopes only: of a private app, or, with an expiry, of OAuth."""
        granted = frozenset(scopes) if scopes else None
        if expires_in_s is None:
            return self.account.issue_private_token(granted).value
        return self.account.issue_oauth_token(granted, self.clock.now_ms(), lifetime_s=expires_in_s).value

    def revoke_token(self, value: str) -> None:
        self.account.tokens[value].revoked = True

    def native(self) -> NativeIntegration:
        """HubSpot's own Salesforce integration, installed."""
        return NativeIntegration(self.portal, self.operations)

    def seed(self, objects: Mapping[str, Sequence[Mapping[str, Any]]], by: str = USER) -> dict[str, list[str]]:
        """Create records as the first user, or as the native integration. Returns their ids, in order."""
        handle = self.native() if by == NATIVE else self.user()
        return {type: [handle.create(type, properties) for properties in rows] for type, rows in objects.items()}

    def control_reset(self, data: str) -> None:
        """For the control API: "empty" or "sample"."""
        self.reset()
        if data == "sample":
            self.seed(SAMPLE)

    def control_seed(self, objects: dict[str, list[dict[str, Any]]], by: str = USER) -> dict[str, list[str]]:
        """For the control API. `by` "native_integration": as HubSpot's own Salesforce integration makes them. Raises ValueError
        with what HubSpot would have said."""
        if by not in (USER, NATIVE):
            raise ValueError(f'by: records are made by "{USER}" or by "{NATIVE}" here')
        try:
            return self.seed(objects, by)
        except ApiError as refused:
            raise ValueError(refused.message) from refused

    def define_object(self, name: str, properties: Sequence[Mapping[str, Any]], required: Sequence[str] = ()) -> str:
        """A custom object type. Returns its objectTypeId."""
        return define_object(self.portal, name, properties, required)

    def snapshot(self) -> dict[str, dict[str, dict[str, str]]]:
        """Every live record's stored values: {object type: {id: {property: value}}}."""
        return {
            key: {
                str(record.id): {name: value for name, value in record.values.items() if value}
                for record in table.after(-1, archived=False)
            }
            for key, table in self.portal.tables.items()
        }
