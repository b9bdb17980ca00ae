"""The HubSpot project that makes the app: two files in a zip, for `hs project upload`.

Source: developers.hubspot.com, App configuration (developer platform 2025.2): hsproject.json names `srcDir` and `platformVersion`;
the app is src/app/*-hsmeta.json. `distribution: private` with `auth.type: oauth` is an app for accounts that are named, as those
of a self-hosted installation are. Redirect addresses must be https, or http://localhost.
"""

from __future__ import annotations

import io
import zipfile

import msgspec

from interlock.app import sign_in
from interlock.core.model import Side

FILE_NAME = "interlock-hubspot-project.zip"
PLATFORM_VERSION = "2025.2"
# The same zip for the same address: nothing in it says when it was made.
_MADE = (2026, 1, 1, 0, 0, 0)


def files(public_url: str) -> dict[str, str]:
    """{path: text}. Raises BadInput for an address that no CRM sends anybody back to."""
    required, optional = sign_in.hubspot_scopes()
    app = {
        "uid": "interlock",
        "type": "app",
        "config": {
            "name": "Interlock",
            "description": "Two-way sync between HubSpot and Salesforce, on a server of your own.",
            "distribution": "private",
            "auth": {
                "type": "oauth",
                "redirectUrls": [sign_in.redirect_uri(public_url, Side.HUBSPOT)],
                "requiredScopes": list(required),
                "optionalScopes": list(optional),
                "conditionallyRequiredScopes": [],
            },
            "permittedUrls": {"fetch": ["https://api.hubapi.com"], "iframe": [], "img": []},
        },
    }
    project = {"name": "interlock", "srcDir": "src", "platformVersion": PLATFORM_VERSION}
    return {"hsproject.json": _text(project), "src/app/app-hsmeta.json": _text(app)}


def zipped(public_url: str) -> bytes:
    """Raises BadInput."""
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, text in files(public_url).items():
            archive.writestr(zipfile.ZipInfo(path, _MADE), text)
    return into.getvalue()


def _text(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n"
