"""Batches of records: read, create, update, upsert, archive, up to 100 inputs a call.

Documented: a batch is partial (207) only when every input carries its own objectWriteTraceId; without them one bad
input fails the whole call and nothing is written. Missing ids are partial in any case.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from crm_emulator.hubspot import errors, shapes
from crm_emulator.hubspot.account import Actor
from crm_emulator.hubspot.api import OBJECTS, Api, body_of, flag_of, inputs_of
from crm_emulator.hubspot.errors import ApiError
from crm_emulator.hubspot.kinds import CONTACTS
from crm_emulator.hubspot.operations import Draft
from crm_emulator.hubspot.records import Record, Table
from crm_emulator.kernel.http import Request, Response

Drafted = Draft | ApiError


class BatchRoutes:
    def __init__(self, api: Api) -> None:
        self._api = api
        self._portal = api.portal
        for base in OBJECTS:
            api.add("POST", f"{base}/{{type}}/batch/read", self.read)
            api.add("POST", f"{base}/{{type}}/batch/create", self.create)
            api.add("POST", f"{base}/{{type}}/batch/update", self.update)
            api.add("POST", f"{base}/{{type}}/batch/upsert", self.upsert)
            api.add("POST", f"{base}/{{type}}/batch/archive", self.archive)

    def read(self, request: Request) -> Response:
        table = self._api.table(request)
        body = body_of(request, shapes.Batch)
        config = self._api.config
        history = tuple(body.get("propertiesWithHistory") or ())
        if history:
            inputs = inputs_of(body, config.history_batch_max, errors.history_batch_too_big)
        else:
            inputs = inputs_of(body, config.batch_max)
        view = self._api.views.get(table, tuple(body.get("properties") or ()), history)
        find = self._finder(table, body.get("idProperty"), archived=flag_of(request, "archived"))
        started_ms = self._portal.now_ms()
        hit = frozenset() if request.fault is None else self._hits(request, len(inputs))
        found: dict[int, Record] = {}
        missing: list[str] = []
        failing: list[str] = []
        for position, one in enumerate(inputs):
            id = str(one.get("id", ""))
            record = None if position in hit else find(id)
            if record is not None:
                found[record.id] = record
            else:
                (failing if position in hit else missing).append(id)
        failures: list[dict[str, Any]] = []
        if missing and config.batch_read_names_missing:
            failures.append(errors.missing_objects(table.kind.upper).batch_entry({"ids": missing}))
        if failing:
            failures.append(errors.internal_error().batch_entry({"ids": failing}))
        results = self._api.shuffled(table, [view.render(record) for record in found.values()])
        return self._api.batch(results, failures, started_ms)

    def create(self, request: Request) -> Response:
        def draft(table: Table, one: dict[str, Any], actor: Actor) -> Drafted:
            properties = one.get("properties") or {}
            return self._api.operations.draft_create(table, properties, actor, one.get("associations"))

        return self._write(request, draft, ok=201)

    def update(self, request: Request) -> Response:
        def draft(table: Table, one: dict[str, Any], actor: Actor) -> Drafted:
            record = self._found(table, one)
            if record is None:
                return errors.missing_objects(table.kind.upper)
            return self._api.operations.draft_update(table, record, one.get("properties") or {}, actor)

        return self._write(request, draft, check=self._check_update)

    def upsert(self, request: Request) -> Response:
        def draft(table: Table, one: dict[str, Any], actor: Actor) -> Drafted:
            properties = dict(one.get("properties") or {})
            record = self._found(table, one)
            if record is not None:
                return self._api.operations.draft_update(table, record, properties, actor)
            id_property = one.get("idProperty")
            if not id_property or id_property == "hs_object_id":
                return errors.missing_objects(table.kind.upper)
            properties.setdefault(id_property, one.get("id"))
            return self._api.operations.draft_create(table, properties, actor)

        return self._write(request, draft, check=self._check_upsert, upsert=True)

    def archive(self, request: Request) -> Response:
        """204 in any case: no per-record result is given."""
        table = self._api.table(request)
        actor = self._api.actor(request)
        for one in inputs_of(body_of(request, shapes.Batch), self._api.config.batch_max):
            record = self._portal.lookup(table, str(one.get("id", "")), None, merged=False)
            if record is not None:
                self._api.operations.archive(table, record, actor)
        return Response(204)

    # Inside

    def _write(
        self,
        request: Request,
        draft: Callable[[Table, dict[str, Any], Actor], Drafted],
        *,
        check: Callable[[Table, list[Any]], None] | None = None,
        ok: int = 200,
        upsert: bool = False,
    ) -> Response:
        table = self._api.table(request)
        inputs = inputs_of(body_of(request, shapes.Batch), self._api.config.batch_max)
        if check is not None:
            check(table, inputs)
        actor = self._api.actor(request)
        traces = _traces(inputs)
        partial = traces is not None and not (upsert and _by_email(inputs))
        started_ms = self._portal.now_ms()
        hit = self._hits(request, len(inputs))
        if hit and ok == 201 and not partial:
            raise errors.internal_error()
        drafts = self._drafts(table, inputs, draft, actor, hit, partial=partial)
        failures: dict[str, dict[str, Any]] = {}
        results: list[dict[str, Any]] = []
        for one, ready in zip(inputs, drafts, strict=True):
            trace = one.get("objectWriteTraceId")
            if isinstance(ready, ApiError):
                _add_failure(failures, ready, one, trace)
                continue
            record = self._api.operations.carry_out(table, ready, actor)
            result = self._api.views.after_write(table, ready.values).written(record, ready.values)
            if trace is not None:
                result["objectWriteTraceId"] = trace
            if upsert:
                result["new"] = ready.record is None
            results.append(result)
        return self._api.batch(self._api.shuffled(table, results), list(failures.values()), started_ms, ok)

    def _drafts(
        self,
        table: Table,
        inputs: list[Any],
        draft: Callable[[Table, dict[str, Any], Actor], Drafted],
        actor: Actor,
        hit: frozenset[int],
        *,
        partial: bool,
    ) -> list[Drafted]:
        """Check every input before anything is written. Raises the first fault of a batch that is all or nothing, and
        in any case when two inputs lead to one record (reported with action-destinations, pull request 3969)."""
        found: list[Drafted] = []
        claimed: dict[tuple[str, str], Draft] = {}
        written: set[int] = set()
        for position, one in enumerate(inputs):
            if position in hit:
                found.append(errors.internal_error())
                continue
            try:
                ready = draft(table, one, actor)
                if isinstance(ready, Draft):
                    _check_twins(table, ready, claimed)
            except ApiError as fault:
                if not partial:
                    raise
                ready = fault
            if isinstance(ready, Draft) and ready.record is not None:
                if ready.record.id in written:
                    raise errors.duplicate_ids([str(one.get("id"))])
                written.add(ready.record.id)
            found.append(ready)
        return found

    def _finder(self, table: Table, id_property: str | None, *, archived: bool) -> Callable[[str], Record | None]:
        by_id = id_property is None or id_property == "hs_object_id"
        if archived and by_id:
            return lambda id: _archived(table, id)
        if archived:
            # `archived` and `idProperty` are documented side by side (batch read). What had a value gave it up when it was
            # archived, so several may have had the same: the last one answers.
            self._portal.require_unique(table, str(id_property))
            gone = sorted(table.after(-1, archived=True), key=lambda record: record.archived_ms or 0)
            return {value: record for record in gone if (value := record.values.get(str(id_property)))}.get
        if by_id:
            if self._api.config.batch_read_resolves_merged_ids:
                return lambda id: self._portal.lookup(table, id, None, merged=True)
            live = table.live
            return lambda id: live(int(id)) if id.isdecimal() else None
        self._portal.require_unique(table, str(id_property))
        return lambda id: self._portal.lookup(table, id, id_property, merged=False)

    def _found(self, table: Table, one: dict[str, Any]) -> Record | None:
        return self._portal.lookup(table, str(one.get("id", "")), one.get("idProperty"), merged=False)

    def _check_update(self, table: Table, inputs: list[Any]) -> None:
        """Issue threads: batch update takes unique custom properties, but neither e-mail nor hs_object_id by name."""
        for one in inputs:
            name = one.get("idProperty")
            if name is not None and name not in table.schema.unique_names:
                raise errors.non_unique_id_property(name, table.kind.type_id, self._api.config.account_id)
        _refuse_twin_ids(inputs)

    def _check_upsert(self, table: Table, inputs: list[Any]) -> None:
        for one in inputs:
            name = one.get("idProperty")
            if name is not None:
                self._portal.require_unique(table, name)
        _refuse_twin_ids(inputs)

    def _hits(self, request: Request, count: int) -> frozenset[int]:
        fault = request.fault
        return fault.hits(count) if fault is not None and fault.rule.kind == "partial" else frozenset()


def _archived(table: Table, id: str) -> Record | None:
    record = table.records.get(int(id)) if id.isdecimal() else None
    return record if record is not None and record.archived_ms is not None else None


def _traces(inputs: list[Any]) -> list[str] | None:
    """The trace ids when every input carries its own, else None."""
    traces = [one.get("objectWriteTraceId") for one in inputs]
    return traces if all(traces) and len(set(traces)) == len(traces) else None


def _by_email(inputs: list[Any]) -> bool:
    """Partial upserts are not supported with idProperty=email (documented)."""
    return any(one.get("idProperty") == "email" for one in inputs)


def _refuse_twin_ids(inputs: list[Any]) -> None:
    seen: set[tuple[Any, str]] = set()
    twins: list[str] = []
    for one in inputs:
        key = (one.get("idProperty"), str(one.get("id", "")))
        if key in seen:
            twins.append(key[1])
        seen.add(key)
    if twins:
        raise errors.duplicate_ids(twins)


def _check_twins(table: Table, ready: Draft, claimed: dict[tuple[str, str], Draft]) -> None:
    """Two inputs of one batch may not take the same e-mail or unique value."""
    for name in ("email", *table.schema.unique_names):
        value = ready.values.get(name)
        email = name == "email" and table.kind is CONTACTS
        if not value or not (email or table.schema.properties[name].unique):
            continue
        if claimed.setdefault((name, value), ready) is not ready:
            message = f"Duplicate {name} values found in batch input: [{value}]. Values must be unique"
            raise ApiError(409 if email else 400, message, "CONFLICT" if email else "VALIDATION_ERROR")


def _add_failure(failures: dict[str, dict[str, Any]], fault: ApiError, one: dict[str, Any], trace: str | None) -> None:
    """One entry per input, except missing records without trace ids: one entry that lists them."""
    context: dict[str, list[str]] = {}
    if "id" in one:
        context["ids"] = [str(one["id"])]
    if trace is not None:
        context["objectWriteTraceId"] = [trace]
        failures[f"trace:{trace}"] = fault.batch_entry(context)
    elif fault.message in failures:
        failures[fault.message]["context"]["ids"].extend(context.get("ids", ()))
    else:
        failures[fault.message] = fault.batch_entry(context)
