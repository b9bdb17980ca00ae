"""sObject Collections: up to 200 records created, updated, upserted or deleted in one call, and up to 2,000 read by id.

Results come in the order of the request, each with its own outcome. With allOrNone one refused record takes back all.
Records of several types are cut into runs of one type, at most ten.
"""

from __future__ import annotations

from typing import Any

from crm_emulator.kernel.http import Request, Response
from crm_emulator.salesforce.api.context import Api, answer, object_of
from crm_emulator.salesforce.api.rows import matching
from crm_emulator.salesforce.errors import (
    ApiError,
    RecordError,
    RequestError,
    json_parser_error,
    no_such_column,
    not_found,
)
from crm_emulator.salesforce.ids import to_18
from crm_emulator.salesforce.rules import locked
from crm_emulator.salesforce.save import Changes
from crm_emulator.salesforce.schema import Field
from crm_emulator.salesforce.soql.render import attributes
from crm_emulator.salesforce.store import Record, Table
from crm_emulator.salesforce.transaction import Transaction

MOST_RECORDS = 200
MOST_IDS_READ = 2_000
MOST_RUNS = 10
_ROLLED_BACK = RecordError(
    "ALL_OR_NONE_OPERATION_ROLLED_BACK",
    "Record rolled back because not all records were valid and the request was using AllOrNone header",
    [],
)

Result = dict[str, Any]


class _Item:
    """One record of a call: its table, the row it is about (None: to be created), and what it changes."""

    __slots__ = ("changes", "record", "refusal", "table")

    def __init__(
        self, table: Table | None, record: Record | None, changes: Changes | None, refusal: ApiError | None
    ) -> None:
        self.table = table
        self.record = record
        self.changes = changes
        self.refusal = refusal


class Collections:
    def __init__(self, api: Api) -> None:
        self._api = api
        api.data("POST", "/composite/sobjects", self.create)
        api.data("PATCH", "/composite/sobjects", self.update)
        api.data("DELETE", "/composite/sobjects", self.delete)
        api.data("GET", "/composite/sobjects/{object}", self.retrieve)
        api.data("POST", "/composite/sobjects/{object}", self.retrieve)
        api.data("PATCH", "/composite/sobjects/{object}/{field}", self.upsert)

    def create(self, request: Request) -> Response:
        records, all_or_none = self._records(request)
        items = [self._read(request, self._table_of(raw), None, raw, create=True) for raw in records]
        return self._save(request, items, all_or_none, says_created=False)

    def update(self, request: Request) -> Response:
        records, all_or_none = self._records(request)
        items = [self._read_update(request, raw) for raw in records]
        return self._save(request, items, all_or_none, says_created=False)

    def _read_update(self, request: Request, raw: dict[str, Any]) -> _Item:
        table = self._table_of(raw)
        given = raw.pop("id", None) or raw.pop("Id", None) or raw.pop("ID", None)
        if not given:
            refusal = RecordError("MISSING_ARGUMENT", "Id not specified in an update call", [])
            return _Item(table, None, None, refusal)
        id18 = to_18(given) if isinstance(given, str) else None
        if id18 is None:
            refusal = RecordError(
                "MALFORMED_ID", f"{table.sobject.label} ID: id value of incorrect type: {given}", ["Id"]
            )
            return _Item(table, None, None, refusal)
        record = table.rows.get(id18)
        if record is None:
            return _Item(
                table, None, None, RecordError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", [])
            )
        return self._read(request, table, record, raw, create=False)

    def upsert(self, request: Request) -> Response:
        api = self._api
        records, all_or_none = self._records(request)
        table = api.table(request.params["object"])
        caller = api.caller(request)
        view = api.org.access.view(caller.user_id, table.sobject)
        field = view.field(request.params["field"])
        if field is None or not (field.external_id or field.id_lookup):
            raise not_found(
                f"Provided external ID field does not exist or is not accessible: {request.params['field']}"
            )
        items: list[_Item] = []
        seen: dict[Any, int] = {}
        for raw in records:
            if self._table_of(raw) is not table:
                raise RequestError("INVALID_ARGUMENT", "All records must have the type of the URL")
            items.append(self._read_upsert(request, table, field, raw, seen))
        return self._save(request, items, all_or_none, says_created=True)

    def _read_upsert(
        self, request: Request, table: Table, field: Field, raw: dict[str, Any], seen: dict[Any, int]
    ) -> _Item:
        key = next((name for name in raw if name.lower() == field.name.lower()), None)
        value = raw.pop(key) if key is not None else None
        if value in (None, "") and field.name != "Id":
            refusal = RecordError("MISSING_ARGUMENT", f"{field.name} not specified", [])
            return _Item(table, None, None, refusal)
        if field.name == "Id":
            record = table.rows.get(to_18(str(value or "")) or "")
            if value and record is None:
                return _Item(
                    table, None, None, RecordError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", [])
                )
            return self._read(request, table, record, raw, create=record is None)
        index = table.index(field)
        folded = index.key(value)
        if folded in seen:
            refusal = RecordError("DUPLICATE_VALUE", f"Duplicate external id specified: {value}", [field.name])
            return _Item(table, None, None, refusal)
        seen[folded] = 1
        found = matching(table, field, value)
        if len(found) > 1:
            refusal = RecordError(
                "DUPLICATE_EXTERNAL_ID",
                f"{field.name}: more than one record found for external id field: "
                f"[{', '.join(record.id for record in found)}]",
                [field.name],
            )
            return _Item(table, None, None, refusal)
        if found:
            return self._read(request, table, found[0], raw, create=False)
        return self._read(request, table, None, {**raw, field.name: value}, create=True)

    def _records(self, request: Request) -> tuple[list[dict[str, Any]], bool]:
        body = object_of(request)
        records = body.get("records")
        if not isinstance(records, list) or not all(isinstance(raw, dict) for raw in records):
            raise json_parser_error("Cannot deserialize instance of records: a list of sObjects is required")
        if len(records) > MOST_RECORDS:
            raise RequestError(
                "EXCEEDED_ID_LIMIT",
                f"record limit reached. cannot submit more than {MOST_RECORDS} records in this call",
            )
        runs = 0
        last = None
        for raw in records:
            kind = _type_of(raw)
            if kind != last:
                runs, last = runs + 1, kind
        if runs > MOST_RUNS:
            raise RequestError("LIMIT_EXCEEDED", f"Cannot have more than {MOST_RUNS} chunks in a single operation.")
        return records, bool(body.get("allOrNone", False))

    def _table_of(self, raw: dict[str, Any]) -> Table:
        kind = _type_of(raw)
        sobject = self._api.org.sobject(kind)
        if sobject is None:
            raise RequestError("INVALID_TYPE", f"sObject type '{kind}' is not supported.")
        return self._api.org.tables[sobject.name]

    def _read(
        self, request: Request, table: Table, record: Record | None, raw: dict[str, Any], *, create: bool
    ) -> _Item:
        api = self._api
        try:
            if create and any(key in raw for key in ("id", "Id")):
                raise RecordError("INVALID_FIELD_FOR_INSERT_UPDATE", "cannot specify Id in an insert call", ["Id"])
            return _Item(table, record, api.saver.read(request.context.caller, table, raw, create=create), None)
        except RecordError as refused:
            return _Item(table, record, None, refused)
        except RequestError as refused:
            if api.org.config.malformed_records == "record":
                return _Item(table, record, None, refused)
            raise

    def _save(self, request: Request, items: list[_Item], all_or_none: bool, *, says_created: bool) -> Response:
        self._lock_some(request, items)
        results: list[Result] = []

        def work(tx: Transaction) -> None:
            saver = self._api.saver
            for item in items:
                created = item.record is None
                point = tx.point()
                try:
                    if item.refusal is not None or item.changes is None or item.table is None:
                        raise item.refusal or not_found()
                    if item.record is None:
                        item.record = saver.create(tx, item.table, item.changes)
                    else:
                        saver.update(tx, item.record, item.changes)
                    result: Result = {"id": item.record.id, "success": True, "errors": []}
                    if says_created:
                        result["created"] = created
                    results.append(result)
                except ApiError as refused:
                    tx.roll_back_to(point)
                    results.append({"success": False, "errors": [refused.as_item()]})

        self._run(request, work, results, all_or_none)
        return answer(results)

    def _run(self, request: Request, work: Any, results: list[Result], all_or_none: bool) -> None:
        """With allOrNone, one refusal takes everything back and every other result says so."""
        outer = request.context.transaction
        if outer is not None:  # of an all-or-none composite call: the caller looks at the results and takes all back
            work(outer)
            all_or_none = True
        else:
            # A person account is two rows: where the second is refused, the first has to go.
            two_rows = self._api.org.features.person_accounts
            tx = self._api.org.begin(self._api.caller(request), can_roll_back=all_or_none or two_rows)
            work(tx)
            if all_or_none and not all(result["success"] for result in results):
                tx.roll_back()
                self._api.org.access.changed()
            else:
                tx.commit()
        if all_or_none and not all(result["success"] for result in results):
            for position, result in enumerate(results):
                if result["success"]:
                    results[position] = {"success": False, "errors": [_ROLLED_BACK.as_item()]}

    def _lock_some(self, request: Request, items: list[_Item]) -> None:
        """A planted partial fault: some records meet another transaction's lock."""
        fault = request.fault
        if fault is None or fault.rule.kind != "partial":
            return
        for position in fault.hits(len(items)):
            record = items[position].record
            items[position].refusal = locked(record.id if record is not None else "the record")

    def delete(self, request: Request) -> Response:
        api = self._api
        ids = [part for part in (request.query_one("ids") or "").split(",") if part]
        if not ids:
            raise RequestError("INVALID_ARGUMENT", "ids parameter is required")
        if len(ids) > MOST_RECORDS:
            raise RequestError(
                "EXCEEDED_ID_LIMIT",
                f"record limit reached. cannot submit more than {MOST_RECORDS} records in this call",
            )
        all_or_none = (request.query_one("allOrNone") or "false").lower() == "true"
        hit: frozenset[int] = frozenset()
        if request.fault is not None and request.fault.rule.kind == "partial":
            hit = request.fault.hits(len(ids))
        results: list[Result] = []

        def work(tx: Transaction) -> None:
            for position, given in enumerate(ids):
                try:
                    record = self._to_delete(given)
                    if position in hit:
                        raise locked(record.id)
                    api.remover.delete(tx, record)
                    results.append({"id": record.id, "success": True, "errors": []})
                except RecordError as refused:
                    results.append({"success": False, "errors": [refused.as_item()]})

        self._run(request, work, results, all_or_none)
        return answer(results)

    def _to_delete(self, given: str) -> Record:
        id18 = to_18(given)
        if id18 is None:
            raise RecordError("MALFORMED_ID", f"malformed id {given}", [])
        record = self._api.org.record(id18)
        if record is None:
            raise RecordError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", [])
        return record

    def retrieve(self, request: Request) -> Response:
        api = self._api
        table = api.table(request.params["object"])
        if request.method == "POST":
            body = object_of(request)
            ids, names = body.get("ids"), body.get("fields")
        else:
            ids = (request.query_one("ids") or "").split(",")
            names = (request.query_one("fields") or "").split(",")
        if not isinstance(ids, list) or not isinstance(names, list) or not all(names):
            raise RequestError("INVALID_ARGUMENT", "ids and fields are required")
        if len(ids) > MOST_IDS_READ:
            raise RequestError("EXCEEDED_ID_LIMIT", f"cannot retrieve more than {MOST_IDS_READ} records in this call")
        caller = api.caller(request)
        view = api.org.access.view(caller.user_id, table.sobject)
        getters = []
        for name in names:
            field = view.field(str(name).strip())
            if field is None:
                raise no_such_column(str(name), table.sobject.name)
            getters.append((field.name, api.org.getters.getter(table.sobject.name, field)))
        rows: list[dict[str, Any] | None] = []
        for given in ids:
            record = table.rows.get(to_18(str(given)) or "")
            if record is None or record.deleted_s is not None:
                rows.append(None)
                continue
            shown = attributes(record, caller.base)
            for name, getter in getters:
                shown[name] = getter(record)
            shown.setdefault("Id", record.id)
            rows.append(shown)
        return answer(rows)


def _type_of(raw: dict[str, Any]) -> str:
    found = raw.get("attributes")
    kind = found.get("type") if isinstance(found, dict) else None
    if not isinstance(kind, str):
        raise RequestError("INVALID_ARGUMENT", "attributes.type is required for each record")
    return kind
