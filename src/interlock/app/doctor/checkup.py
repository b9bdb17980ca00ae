"""What an examination is made with: the one that is looked at, and a finding. Changes nothing."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from interlock.app.connections import objects_on
from interlock.app.schemas import Schemas
from interlock.core.model import Side
from interlock.crm.hubspot.client import HubSpotClient
from interlock.crm.salesforce.client import SalesforceClient
from interlock.store import Store
from interlock.store.connections import Connection

OK, WARNING, ERROR = "ok", "warning", "error"


class Check(msgspec.Struct, frozen=True):
    code: str
    side: Side | None
    level: str
    message: str
    fix: str | None = None


class Patient(msgspec.Struct):
    """Everything that the checks may look at."""

    store: Store
    connection: Connection
    hubspot: HubSpotClient
    salesforce: SalesforceClient
    clock_us: Callable[[], int]
    schemas: Schemas | None = None

    @property
    def objects(self) -> list[str]:
        return objects_on(self.connection)
