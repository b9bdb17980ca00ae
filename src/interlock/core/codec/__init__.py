"""From either CRM's way to write a value to a canonical one and back: the codecs, and the table of pairs that have one.

`codec_for(shape)` answers a codec or says why the two fields cannot be joined. What both sides' `from_*` return can be
compared with `==`. References and deal stages need a directory, so who has it builds their codecs, not a shape. Pure:
stdlib and msgspec only, no clock.
"""

from interlock.core.codec.base import Codec, CodecError, FieldShape, Mismatch
from interlock.core.codec.choice import ChoiceCodec, ChoicesCodec, CurrencyCodec, unmatched_options
from interlock.core.codec.reference import RefCodec
from interlock.core.codec.simple import EmailCodec, FlagCodec, NumberCodec, TextCodec, is_email
from interlock.core.codec.stage import STAGE_NOT_IN_PIPELINE, PipelineCodec, StageCodec
from interlock.core.codec.table import codec_for
from interlock.core.codec.temporal import DateCodec, DatetimeToDateCodec, DateToDatetimeCodec, InstantCodec

__all__ = [
    "STAGE_NOT_IN_PIPELINE",
    "ChoiceCodec",
    "ChoicesCodec",
    "Codec",
    "CodecError",
    "CurrencyCodec",
    "DateCodec",
    "DateToDatetimeCodec",
    "DatetimeToDateCodec",
    "EmailCodec",
    "FieldShape",
    "FlagCodec",
    "InstantCodec",
    "Mismatch",
    "NumberCodec",
    "PipelineCodec",
    "RefCodec",
    "StageCodec",
    "TextCodec",
    "codec_for",
    "is_email",
    "unmatched_options",
]
