"""Single records: create, read, update, delete, and the same by external id (upsert)."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from crm_emulator.kernel.http import Request, Response
from crm_emulator.salesforce import times
from crm_emulator.salesforce.api.context import Api, answer, no_content, object_of
from crm_emulator.salesforce.errors import RecordError, RequestError, no_such_column, not_found
from crm_emulator.salesforce.ids import to_18
from crm_emulator.salesforce.rules import locked
from crm_emulator.salesforce.save import Changes
from crm_emulator.salesforce.schema import Field
from crm_emulator.salesforce.soql.render import attributes
from crm_emulator.salesforce.store import Record, Table

_TAGGED = "Account"  # the only rows with an ETag (recorded; REST API, conditional requests)
_ROW = "/sobjects/{object}/{id}"
_BY_KEY = "/sobjects/{object}/{field}/{value...}"


class Rows:
    def __init__(self, api: Api) -> None:
        self._api = api
        api.data("POST", "/sobjects/{object}", self.create)
        api.data("GET", _ROW, self.get)
        api.data("PATCH", _ROW, self.update)
        api.data("DELETE", _ROW, self.delete)
        api.data("POST", _ROW, self.post)
        api.data("GET", _BY_KEY, self.get)
        api.data("PATCH", _BY_KEY, self.update)
        api.data("DELETE", _BY_KEY, self.delete)
        api.data("POST", _BY_KEY, self.post)

    def create(self, request: Request) -> Response:
        api, table = self._api, self._api.table(request.params["object"])
        raw = object_of(request)
        if any(key.lower() == "id" for key in raw):
            raise RequestError("INVALID_FIELD", "The Id field should not be specified in the sobject data.")
        self._maybe_locked(request)
        return self._created(request, table, api.saver.read(api.caller(request), table, raw, create=True))

    def _created(self, request: Request, table: Table, changes: Changes, **more: Any) -> Response:
        made: list[Record] = []
        self._api.transact(request, lambda tx: made.append(self._api.saver.create(tx, table, changes)))
        location = f"{self._api.caller(request).base}/sobjects/{table.sobject.name}/{made[0].id}"
        body = {"id": made[0].id, "success": True, "errors": [], **more}
        return answer(body, 201, [("Location", location)])

    def get(self, request: Request) -> Response:
        api = self._api
        table, found = self._target(request)
        if len(found) > 1:
            return _choices(table, found, api.caller(request).base)
        record = found[0] if found else None
        if record is None or record.deleted_s is not None:
            raise not_found()
        if _is_known_already(request, record):
            return Response(304, b"", content_type=None)
        caller = api.caller(request)
        view = api.org.access.view(caller.user_id, table.sobject)
        wanted = request.query_one("fields")
        fields = list(view.fields.values())
        if wanted:
            fields = []
            for name in wanted.split(","):
                field = view.field(name.strip())
                if field is None:
                    raise no_such_column(name.strip(), table.sobject.name)
                fields.append(field)
        shown = attributes(record, caller.base)
        for field in fields:
            shown[field.name] = api.org.getters.getter(table.sobject.name, field)(record)
        if wanted:
            shown.setdefault("Id", record.id)
        headers = [("Last-Modified", times.http_date(record.stamp_s))]
        if table.sobject.name == _TAGGED:
            headers.append(("ETag", etag(record)))
        return answer(shown, 200, headers)

    def update(self, request: Request) -> Response:
        api = self._api
        raw = object_of(request)
        field, value = self._key(request)
        table = api.table(request.params["object"])
        if field is not None:
            return self._upsert(request, table, field, value, raw)
        record = self._existing(request)
        if any(key.lower() == "id" for key in raw):
            raise RequestError("INVALID_FIELD", "The Id field should not be specified in the sobject data.")
        self._check_conditions(request, record)
        self._maybe_locked(request)
        changes = api.saver.read(api.caller(request), table, raw, create=False)
        api.transact(request, lambda tx: api.saver.update(tx, record, changes))
        return no_content()

    def _upsert(self, request: Request, table: Table, field: Field, value: str, raw: dict[str, Any]) -> Response:
        api = self._api
        for key in raw:
            if key.lower() in ("id", field.name.lower()):
                raise RequestError(
                    "INVALID_FIELD", f"The {field.name} field should not be specified in the sobject data."
                )
        found = matching(table, field, value)
        if len(found) > 1:
            return _choices(table, found, api.caller(request).base)
        self._maybe_locked(request)
        caller = api.caller(request)
        if not found:
            body = raw if field.name == "Id" else {**raw, field.name: value}
            return self._created(request, table, api.saver.read(caller, table, body, create=True), created=True)
        record = found[0]
        self._check_conditions(request, record)
        changes = api.saver.read(caller, table, raw, create=False)
        api.transact(request, lambda tx: api.saver.update(tx, record, changes))
        # 200 with a body since v46; before that 204 without one.
        return answer({"id": record.id, "success": True, "errors": [], "created": False})

    def delete(self, request: Request) -> Response:
        # Conditional headers do nothing here: "DELETE requests aren't supported" (REST API, conditional requests).
        table, found = self._target(request)
        if len(found) > 1:
            return _choices(table, found, self._api.caller(request).base)
        record = self._existing(request)
        self._maybe_locked(request)
        self._api.transact(request, lambda tx: self._api.remover.delete(tx, record))
        return no_content()

    def post(self, request: Request) -> Response:
        """POST with ?_HttpMethod=PATCH, for clients that cannot send PATCH; POST on .../Id creates."""
        method = (request.query_one("_HttpMethod") or "").upper()
        if method == "PATCH":
            return self.update(request)
        if request.params.get("id", request.params.get("field", "")).lower() == "id":
            return self.create(request)
        raise RequestError(
            "METHOD_NOT_ALLOWED", "HTTP Method 'POST' not allowed. Allowed are HEAD,GET,PATCH,DELETE", status=405
        )

    # Finding the row

    def _key(self, request: Request) -> tuple[Field | None, str]:
        """The external-id field and value of the path, or (None, id). A value may hold slashes, and some clients quote
        `Ext__c/value` as a whole."""
        name, value = request.params.get("field"), request.params.get("value", "")
        if name is None:
            name, slash, value = request.params["id"].partition("/")
            if not slash:
                return None, name
        sobject = self._api.sobject(request.params["object"])
        if name.lower() == "id":
            return None, value
        view = self._api.org.access.view(self._api.caller(request).user_id, sobject)
        field = view.field(name)
        if field is None or not (field.external_id or field.id_lookup):
            raise not_found(f"Provided external ID field does not exist or is not accessible: {name}")
        return field, value

    def _target(self, request: Request) -> tuple[Table, list[Record]]:
        """The rows that the path means: one by id, any number by external id."""
        table = self._api.table(request.params["object"])
        field, value = self._key(request)
        if field is not None:
            return table, matching(table, field, value)
        id18 = to_18(value)
        if id18 is None:
            raise not_found(f"Provided external ID field does not exist or is not accessible: {value}")
        record = table.rows.get(id18)
        return table, [record] if record is not None else []

    def _existing(self, request: Request) -> Record:
        found = self._target(request)[1]
        if not found:
            raise not_found()
        record = found[0]
        if record.deleted_s is not None:
            raise RecordError("ENTITY_IS_DELETED", "entity is deleted", [], status=404)
        return record

    def _check_conditions(self, request: Request, record: Record) -> None:
        given, match = request.headers.get("if-unmodified-since"), request.headers.get("if-match")
        since = times.parse_http_date(given) if given is not None else None
        if given is not None and since is None:
            # "When you include an invalid header value ... a 400 status code is returned" (conditional requests).
            raise RequestError("INVALID_ARGUMENT", f"Invalid If-Unmodified-Since header: {given}")
        if record.table.sobject.name != _TAGGED:
            match = None
        # A condition compares whole seconds: an edit in the very second of the header's time passes it.
        if (since is not None and record.stamp_s > since) or (match is not None and etag(record) not in match):
            raise RequestError("PRECONDITION_FAILED", "The resource has been modified", status=412)

    def _maybe_locked(self, request: Request) -> None:
        if request.fault is not None and request.fault.rule.kind == "partial" and request.fault.hits(1):
            raise locked(request.params.get("id", "the record"))


def _choices(table: Table, found: list[Record], base: str) -> Response:
    """300: several rows have the external id; the answer lists where they are (recorded)."""
    return answer([f"{base}/sobjects/{table.sobject.name}/{record.id}" for record in found], 300)


def _is_known_already(request: Request, record: Record) -> bool:
    since = times.parse_http_date(request.headers.get("if-modified-since", ""))
    tags = request.headers.get("if-none-match")
    if tags is not None and record.table.sobject.name == _TAGGED:
        return etag(record) in tags
    return since is not None and record.stamp_s <= since


def matching(table: Table, field: Field, value: Any) -> list[Record]:
    return table.index(field).find(value)


def etag(record: Record) -> str:
    digest = hashlib.sha256(f"{record.id}{record.stamp_s}".encode()).digest()
    return f'"{base64.b64encode(digest).decode()}"'
