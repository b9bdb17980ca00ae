"""JSON columns: text in, plain values out. One place, so that both databases hold the same text."""

from __future__ import annotations

from typing import Any

import msgspec

_ENCODER = msgspec.json.Encoder()
_OBJECT = msgspec.json.Decoder(dict[str, Any])
_ANY = msgspec.json.Decoder()


def dump(value: Any) -> str:
    """msgspec escapes control characters, NUL among them, so the text fits PostgreSQL."""
    return _ENCODER.encode(value).decode()


def dump_or_none(value: Any) -> str | None:
    return None if value is None else dump(value)


def load(text: str | None) -> Any:
    return None if text is None else _ANY.decode(text)


def load_object(text: str) -> dict[str, Any]:
    return _OBJECT.decode(text)
