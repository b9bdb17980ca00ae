"""How a connection signs in to its two CRMs: which secrets, under which names. They are sealed in the store, never shown.

Three ways into Salesforce without a browser: client credentials, a JWT bearer key, or a token that somebody pasted (for
tests: it cannot be renewed). HubSpot: a private app's token or a service key. A side that was signed in to in the browser has a
grant instead (sign_in.py), and no secret here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from interlock.app.errors import BadInput
from interlock.store import Store, connections, secrets
from interlock.store.tx import WriteTx

_PREFIX = "sign_in."
# In the settings of a connection: when its secrets last changed.
CHANGED = "secrets_changed_at_us"


class Credentials(msgspec.Struct, frozen=True):
    hubspot_token: str | None = None
    salesforce_token: str | None = None
    salesforce_client_id: str | None = None
    salesforce_client_secret: str | None = None
    salesforce_jwt_key: str | None = None  # PEM
    salesforce_user: str | None = None

    def __repr__(self) -> str:  # never printed, also not in a report of a defect
        return "Credentials(...)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return []

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


class Sources(msgspec.Struct, frozen=True):
    """Where a person keeps the secrets: never on the command line, which others can read. `-` is standard input."""

    hubspot_token_file: str | None = None
    salesforce_token_file: str | None = None
    salesforce_client_id: str | None = None
    salesforce_client_secret_file: str | None = None
    salesforce_jwt_key: str | None = None
    salesforce_user: str | None = None


HUBSPOT_TOKEN, SALESFORCE_TOKEN = "INTERLOCK_HUBSPOT_TOKEN", "INTERLOCK_SALESFORCE_TOKEN"


def gather(sources: Sources, environment: Mapping[str, str], stdin: Callable[[], str]) -> Credentials:
    """Read them. A file that is named wins over the environment. Raises BadInput."""
    files = (
        sources.hubspot_token_file,
        sources.salesforce_token_file,
        sources.salesforce_client_secret_file,
        sources.salesforce_jwt_key,
    )
    if files.count("-") > 1:
        raise BadInput(
            "Standard input can hold one secret only.", code="bad_usage", fix="Put the others into files of mode 0600."
        )
    hubspot_token = _one_line("--hubspot-token-file", sources.hubspot_token_file, stdin)
    hubspot_token = hubspot_token or _from_environment(HUBSPOT_TOKEN, environment)
    if not hubspot_token:
        raise BadInput(
            "There is nothing to sign in to HubSpot with.",
            code="sign_in_incomplete",
            side="hubspot",
            fix=f"Put the token of a private app or a service key into {HUBSPOT_TOKEN}, or give --hubspot-token-file.",
        )
    secret = _one_line("--salesforce-client-secret-file", sources.salesforce_client_secret_file, stdin)
    key = secret_text("--salesforce-jwt-key", sources.salesforce_jwt_key, stdin)
    token = _one_line("--salesforce-token-file", sources.salesforce_token_file, stdin)
    if not (secret or key or token):
        token = _from_environment(SALESFORCE_TOKEN, environment)
    given = Credentials(
        hubspot_token=hubspot_token,
        salesforce_token=token,
        salesforce_client_id=sources.salesforce_client_id,
        salesforce_client_secret=secret,
        salesforce_jwt_key=key,
        salesforce_user=sources.salesforce_user,
    )
    _ = given.salesforce_way  # raises where it is not enough for any
    return given


def secret_text(option: str, file: str | None, stdin: Callable[[], str]) -> str | None:
    """What the file holds (`-`: standard input); None where none is named. Raises BadInput, also for an empty one."""
    if file is None:
        return None
    try:
        text = stdin() if file == "-" else Path(file).expanduser().read_text(encoding="utf-8")
    except OSError as error:
        raise BadInput(
            f"{option} {file} cannot be read: {error.strerror}.", code="file_unreadable", field=option
        ) from error
    except UnicodeDecodeError as error:
        raise BadInput(f"{option} {file} is not a text file.", code="file_unreadable", field=option) from error
    if not text.strip():
        raise BadInput(
            f"{option} {file} is empty.", code="secret_unusable", field=option, fix="Put the secret into it."
        )
    return text


def _one_line(option: str, file: str | None, stdin: Callable[[], str]) -> str | None:
    text = secret_text(option, file, stdin)
    return None if text is None else _checked(text.strip(), f"{option} {file}", option)


def _from_environment(name: str, environment: Mapping[str, str]) -> str | None:
    text = environment.get(name, "").strip()
    return _checked(text, name, name) if text else None


def _checked(secret: str, where: str, field: str) -> str:
    # It goes into a header: anything but visible ASCII is a file of something else, and would break the request.
    if not all("!" <= letter <= "~" for letter in secret):
        raise BadInput(
            f"{where} does not hold a token: it has spaces, line ends or other characters that no token has.",
            code="secret_unusable",
            field=field,
            fix="Put the secret alone into it, on one line.",
        )
    return secret


async def put(tx: WriteTx, credentials: Credentials) -> None:
    """Replace the connection's secrets."""
    for name in Credentials.__struct_fields__:
        value = getattr(credentials, name)
        if value is None:
            await secrets.drop(tx, _PREFIX + name)
        else:
            await secrets.put(tx, _PREFIX + name, value)
    await changed(tx)


async def changed(tx: WriteTx) -> None:
    """The transaction's connection signs in by other secrets from now on: whoever holds clients open that were made from the ones
    of before (serve.py) sees it by the settings, and makes them anew."""
    now = await connections.get_to_change(tx, tx.connection_id)
    if now is not None:
        await connections.update(tx, tx.connection_id, settings=now.settings | {CHANGED: tx.now_us})


async def load(store: Store, connection_id: int) -> Credentials:
    """Those that there are. Raises SecretUnreadable."""
    async with store.read(connection_id) as tx:
        found = {name: await secrets.get(tx, _PREFIX + name) for name in Credentials.__struct_fields__}
    return Credentials(**found)
