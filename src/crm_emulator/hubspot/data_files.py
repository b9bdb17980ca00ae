"""Reads the property definitions a new account starts with from `data/`; each file names its source and licence."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

from crm_emulator.hubspot.schema import Property, property_from_data


@cache
def _entries(key: str) -> list[dict[str, Any]]:
    text = files("crm_emulator.hubspot").joinpath("data", f"{key}.json").read_bytes()
    found: list[dict[str, Any]] = msgspec.json.decode(text)["properties"]
    return found


def properties(key: str) -> list[Property]:
    """Fresh objects each time: an account may change its definitions."""
    return [property_from_data(entry) for entry in _entries(key)]
