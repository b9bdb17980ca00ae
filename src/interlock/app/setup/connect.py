"""Both sides signed in to, and who the sync runs as."""

from __future__ import annotations

import msgspec

from interlock.app.setup import state
from interlock.crm.oauth import Identity
from interlock.store.setups import Setup

slug = "connect"


class SignedIn(msgspec.Struct, frozen=True):
    """`grant` None: signed in with a key, which stands beside the set-up (see apps.py)."""

    identity: Identity
    grant: int | None = None


class Values(msgspec.Struct, frozen=True):
    """`salesforce` deploys the package; the sync runs as `sync_user`, or as `salesforce` where that is None."""

    hubspot: SignedIn | None = None
    salesforce: SignedIn | None = None
    sync_user: SignedIn | None = None
    sandbox: bool = False
    my_domain: str = ""


def values_of(setup: Setup) -> Values:
    return state.kept(setup, slug, Values)


def applies(setup: Setup) -> bool:
    return True


def done(setup: Setup) -> bool:
    values = values_of(setup)
    return values.hubspot is not None and values.salesforce is not None
