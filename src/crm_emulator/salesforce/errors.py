"""The errors a local Salesforce answers with, as a tree, and how each looks on the wire.

RequestError refuses a whole call with an HTTP status; RecordError is about one record of a call (a single-record call
turns
it into a 400, a collection into an entry of its results). No class here knows about transport.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class ApiError(Exception):
    """`code` is errorCode in single calls and statusCode in collections."""

    status = 400

    def __init__(
        self,
        code: str,
        message: str,
        fields: Sequence[str] | None = None,
        *,
        status: int | None = None,
        extra: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.fields = fields
        self.extra = extra or {}
        if status is not None:
            self.status = status

    def as_single(self) -> list[dict[str, Any]]:
        body: dict[str, Any] = {"message": self.message, "errorCode": self.code}
        if self.fields is not None:
            body["fields"] = list(self.fields)
        body.update(self.extra)
        return [body]

    def as_item(self) -> dict[str, Any]:
        """One entry of `errors` in a collection's result."""
        return {"statusCode": self.code, "message": self.message, "fields": list(self.fields or ()), **self.extra}


class RequestError(ApiError):
    """The call as a whole is refused: it is malformed, names what does not exist, or may not be made."""


class RecordError(ApiError):
    """One record is refused; the others of the same call are not."""


def not_found(message: str = "The requested resource does not exist") -> RequestError:
    return RequestError("NOT_FOUND", message, status=404)


def no_such_column(name: str, sobject: str) -> RequestError:
    return RequestError("INVALID_FIELD", f"No such column '{name}' on sobject of type {sobject}")


def json_parser_error(message: str) -> RequestError:
    return RequestError("JSON_PARSER_ERROR", message)


def wrong_json(kind: str, token: str, value: str, at: int) -> RequestError:
    """A value that the JSON reader cannot turn into the field's type. It refuses the whole call, because a real org
    reads
    the body before it looks at any record (message recorded by users of several clients)."""
    return json_parser_error(
        f"Cannot deserialize instance of {kind} from {token} value {value} "
        f"or request may be missing a required field at [line:1, column:{at}]"
    )
