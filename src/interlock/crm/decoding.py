"""Decoding the JSON of an answer, also where one value in it is half a character.

A text cut in the middle of an emoji ends in a lone surrogate, which a CRM may hold and escape as it is. The fast decoder
refuses the whole answer for it; one record's broken value would stop everybody's sync. It is read as it stands instead, and
the codec says of that one field that it cannot be sent.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TypeVar

import msgspec

T = TypeVar("T")


def decoder(type_: type[T]) -> Callable[[bytes | msgspec.Raw], T]:
    """A function from an answer's body to `type_`, which must not hold msgspec.Raw. It raises msgspec.MsgspecError."""
    fast = msgspec.json.Decoder(type_).decode

    def decode(body: bytes | msgspec.Raw) -> T:
        try:
            return fast(body)
        except msgspec.ValidationError:
            raise
        except msgspec.DecodeError:
            try:
                # surrogatepass: the half may also come as the three bytes that no UTF-8 has.
                value = json.loads(bytes(body).decode("utf-8", "surrogatepass"))
            except ValueError:
                value = None
            if value is None:
                raise
            return msgspec.convert(value, type_)

    return decode
