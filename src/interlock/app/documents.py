"""The JSON documents that commands print and the JSON API answers with: their head, and the one for failures. Pure."""

from __future__ import annotations

from typing import Any

from interlock import __version__
from interlock.app.errors import Failure
from interlock.app.times import rfc3339

Json = dict[str, Any]


def with_head(document: Json, schema: str, now_us: int) -> Json:
    """`schema` is the name alone: `issues-show`. Every document begins with these three."""
    head = {"schema": f"interlock.{schema}/1", "interlock_version": __version__, "generated_at": rfc3339(now_us)}
    return {**head, **document}


def error_document(failure: Failure) -> Json:
    """`interlock.error/1`, without its head."""
    names = ("code", "message", "side", "record", "field", "cause", "fix", "docs")
    return {"error": {name: getattr(failure, name) for name in names}}
