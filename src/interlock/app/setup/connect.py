"""What the step Connect keeps: both sides signed in to, who the sync runs as, and what was refused last."""

from __future__ import annotations

import msgspec

from interlock.app.setup import state
from interlock.crm.oauth import Identity
from interlock.store.setups import Setup

slug = "connect"


class SignedIn(msgspec.Struct, frozen=True):
    """`grant` None: signed in with a key, which stands beside the set-up (apps.py)."""

    identity: Identity
    grant: int | None = None
    joined_to: tuple[str, ...] = ()  # HubSpot accounts that this org is joined to already
    known_as: str | None = None  # the connection that this HubSpot account has already
    not_revoked: str | None = None  # why an earlier sign-in could not be ended at the CRM


class Values(msgspec.Struct, frozen=True):
    """`salesforce` deploys the package; the sync runs as `sync_user`, or as `salesforce` where that is None. `refused`: by part,
    what is said beside its button."""

    hubspot: SignedIn | None = None
    salesforce: SignedIn | None = None
    sync_user: SignedIn | None = None
    sandbox: bool = False
    my_domain: str = ""
    refused: dict[str, str] = {}


def values_of(setup: Setup) -> Values:
    return state.kept(setup, slug, Values)


def accounts_of(setup: Setup) -> list[str | None]:
    """HubSpot account and Salesforce org that are signed in to."""
    values = values_of(setup)
    signed_in = (values.hubspot, values.salesforce)
    return [None if each is None else each.identity.account_id for each in signed_in]


def applies(setup: Setup) -> bool:
    return True


def done(setup: Setup) -> bool:
    values = values_of(setup)
    return values.hubspot is not None and values.salesforce is not None
