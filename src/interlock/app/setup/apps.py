"""Which apps Interlock signs in with, and by which address browsers come back. The demo brings its own, and skips this step."""

from __future__ import annotations

import msgspec

from interlock.app.setup import state
from interlock.store.setups import Setup

slug = "apps"
# How a person signs in to a side; `app`: with an app, in the browser.
APP, KEY, JWT, CLIENT_CREDENTIALS = "app", "key", "jwt", "client_credentials"


class Values(msgspec.Struct, frozen=True):
    """Ids are of `store.crm_apps`. Secrets stand beside the set-up, sealed (`setups.put_secret`)."""

    public_url: str = ""
    hubspot_way: str = APP
    hubspot_app: int | None = None
    salesforce_way: str = APP
    salesforce_app: int | None = None
    given: bool = False  # by the demo: nothing to ask


def values_of(setup: Setup) -> Values:
    return state.kept(setup, slug, Values)


def applies(setup: Setup) -> bool:
    return not values_of(setup).given


def done(setup: Setup) -> bool:
    values = values_of(setup)
    hubspot = values.hubspot_way != APP or values.hubspot_app is not None
    return bool(values.public_url) and hubspot and (values.salesforce_way != APP or values.salesforce_app is not None)
