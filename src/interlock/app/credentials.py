"""How a connection signs in to its two CRMs: which secrets, under which names. They are sealed in the store, never shown.

Three ways into Salesforce without a browser: client credentials, a JWT bearer key, or a token that somebody pasted (for
tests: it cannot be renewed). HubSpot: a private app's token or a service key.
"""

from __future__ import annotations

import msgspec

from interlock.app.errors import BadInput
from interlock.store import Store, secrets

_PREFIX = "sign_in."


class Credentials(msgspec.Struct, frozen=True):
    hubspot_token: str
    salesforce_token: str | None = None
    salesforce_client_id: str | None = None
    salesforce_client_secret: str | None = None
    salesforce_jwt_key: str | None = None  # PEM
    salesforce_user: str | None = None

    def __repr__(self) -> str:  # never printed, also not in a report of a defect
        return "Credentials(...)"

    @property
    def salesforce_way(self) -> str:
        """token | client_credentials | jwt. Raises BadInput when what was given is not enough for any of them."""
        if self.salesforce_jwt_key is not None:
            if not self.salesforce_client_id or not self.salesforce_user:
                raise BadInput(
                    "A JWT key needs the client id of the app and the user to sign in as.",
                    code="sign_in_incomplete",
                    side="salesforce",
                    fix="Add --salesforce-client-id and --salesforce-user.",
                )
            return "jwt"
        if self.salesforce_client_secret is not None:
            if not self.salesforce_client_id:
                raise BadInput(
                    "A client secret needs the client id of the app.",
                    code="sign_in_incomplete",
                    side="salesforce",
                    fix="Add --salesforce-client-id.",
                )
            return "client_credentials"
        if self.salesforce_token:
            return "token"
        raise BadInput(
            "There is nothing to sign in to Salesforce with.",
            code="sign_in_incomplete",
            side="salesforce",
            fix="Give --salesforce-client-id with --salesforce-client-secret-file, or --salesforce-jwt-key with"
            " --salesforce-user, or a token in INTERLOCK_SALESFORCE_TOKEN.",
        )


async def save(store: Store, connection_id: int, credentials: Credentials) -> None:
    """Replace the connection's secrets."""
    async with store.write(connection_id) as tx:
        for name in Credentials.__struct_fields__:
            value = getattr(credentials, name)
            if value is None:
                await secrets.drop(tx, _PREFIX + name)
            else:
                await secrets.put(tx, _PREFIX + name, value)


async def load(store: Store, connection_id: int) -> Credentials:
    """Raises BadInput when the connection holds none, SecretUnreadable."""
    async with store.read(connection_id) as tx:
        found = {name: await secrets.get(tx, _PREFIX + name) for name in Credentials.__struct_fields__}
    token = found.pop("hubspot_token")
    if token is None:
        raise BadInput(
            "This connection holds no sign-in.", code="sign_in_missing", fix="Run `interlock connect` again."
        )
    return Credentials(token, **found)
