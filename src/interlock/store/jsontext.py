"""JSON columns: text in, plain values out. One place, so that both databases hold the same text."""

from __future__ import annotations

import json
from typing import Any, cast

import msgspec

_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder()


def dump(value: Any) -> str:
    """Control characters are escaped, NUL among them, so the text fits PostgreSQL."""
    try:
        return _ENCODER.encode(value).decode()
    except UnicodeEncodeError:
        # Half an emoji, cut by a length limit: UTF-8 has no form for it, JSON's ASCII escapes do.
        return json.dumps(value)


def dump_or_none(value: Any) -> str | None:
    return None if value is None else dump(value)


def load(text: str | None) -> Any:
    if text is None:
        return None
    try:
        return _DECODER.decode(text)
    except msgspec.DecodeError:
        # The same half emoji: msgspec refuses its escape, the standard library does not.
        return json.loads(text)


def load_object(text: str) -> dict[str, Any]:
    return cast(dict[str, Any], load(text))
