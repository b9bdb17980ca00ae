"""Addresses outside the org that it trusts: remote sites (for code) and trusted URLs (for pages). Kept, never called."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

# Metadata type -> key prefix of its rows. The Tooling API calls a remote site RemoteProxy.
PREFIXES = {"RemoteSiteSetting": "0rp", "CspTrustedSite": "08y"}


@dataclass(frozen=True, slots=True)
class Site:
    """`values` are the elements of the metadata file."""

    id: str
    type: str
    name: str
    values: dict[str, Any]
