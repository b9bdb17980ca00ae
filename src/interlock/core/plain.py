"""Values as a person reads them, in issues, the conflict log and `explain`, and back again. Pure.

The way back needs the field's codec, since "12" may be a text or a number. `from_plain(codec, plain(v)) == v` for every
canonical value of the codec (tests/property/test_codec_laws.py), which is what lets a choice between two values of the
conflict log be carried out later.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from interlock.core.codec import Codec, RefCodec
from interlock.core.values import BLANK, Blank, Choice, Choices, Date, Flag, Instant, Number, Ref, Text, Unknown, Value

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def plain(value: object) -> str | None:
    """None for a blank and for what could not be read. Raw values of a CRM are taken too."""
    match value:
        case None | Unknown() | Blank():
            return None
        case Flag(value=flag):
            return "true" if flag else "false"
        case Instant(us=us):
            return f"{(_EPOCH + timedelta(microseconds=us)).isoformat(timespec='seconds')[:19]}Z"
        case Choices(values=values):
            return ";".join(values)
        case Ref(id=id_):
            return id_
        case Text() | Number() | Date() | Choice():
            return value.value
        case bool():
            return "true" if value else "false"
        case _:
            return str(value)


def from_plain(codec: Codec, text: str | None) -> Value:
    """The canonical value of this codec that reads like `text`; Unknown when it has none."""
    if text is None:
        return codec.canon(BLANK)
    match codec.kind:
        case "text" | "email":
            value: Value = Text(text)
        case "number":
            value = Number(text)
        case "flag":
            value = Flag(text == "true")
        case "date":
            value = Date(text)
        case "choice" | "stage" | "pipeline":
            value = Choice(text)
        case "choices":
            value = Choices(tuple(text.split(";")))
        case "reference":
            assert isinstance(codec, RefCodec)
            value = Ref(codec.ref_kind, text)
        case _:
            return codec.from_salesforce(text)
    return codec.canon(value)
