"""What has changed in either CRM's schema under a mapping that worked: a field that is gone, hidden, renamed or of another type,
and picklists whose values came, went or were renamed. Each is an issue of its mapping, until it is over.

Looked at whenever a sync has read the schemas anew, which it does every six hours and when a CRM refuses a field. Nothing is
changed in either CRM: a mapping that cannot be used is left out and its values stay (engine/left_out.py), and options are added to
a HubSpot property when a person says so (options.py).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import msgspec

from interlock.app.compile import Compiler, joined_values
from interlock.app.schemas import Schemas
from interlock.core.lists import Drifted, ListPair, drifted
from interlock.core.model import Issue, SyncRule
from interlock.crm.hubspot.model import PropertyDef
from interlock.crm.salesforce.model import FieldDef
from interlock.engine.explanations import fix_for
from interlock.objects.registry import SPECS
from interlock.store import Store, directory, issues, mappings
from interlock.store.lease import Lease
from interlock.store.mappings import FieldMappingRow, ObjectMappingRow
from interlock.store.tx import Tx, WriteTx

BROKEN, LIST_CHANGED = "mapping_broken", "picklist_changed"
PICKLISTS = ("picklist", "multipicklist")
_NAME = "lists"
# Of an issue: the whole list is on the page of the mapping.
NAMED_MOST = 20


class Known(msgspec.Struct, frozen=True):
    """By `object/property/Type.field`: the picklist's labels by value as last known, and what changed and still matters."""

    lists: dict[str, dict[str, str]] = {}
    drifted: dict[str, Drifted] = {}

    def since(self, key: str, now: ListPair) -> Drifted:
        return drifted(self.lists.get(key, now.values), self.drifted.get(key, Drifted()), now)

    def of_others(self, slugs: Sequence[str]) -> Known:
        def is_other(key: str) -> bool:
            return key.partition("/")[0] not in slugs

        return Known(
            {key: each for key, each in self.lists.items() if is_other(key)},
            {key: each for key, each in self.drifted.items() if is_other(key)},
        )


async def note(
    store: Store, connection_id: int, schemas: Schemas, slugs: Sequence[str], lease: Lease | None = None
) -> None:
    async with store.write(connection_id, lease) as tx:
        await note_in(tx, schemas, slugs)


async def note_in(tx: WriteTx, schemas: Schemas, slugs: Sequence[str]) -> None:
    """Compare `schemas`, which were just read, with what was known, and say what is wrong with these objects' mappings."""
    rows = [pair for pair in await _synced(tx) if pair[0].object in slugs]
    before = await known(tx)
    now = before.of_others(slugs)
    compiler = Compiler(schemas)
    raised: dict[tuple[str, str, str], Issue] = {}
    for of, row in rows:
        found = list(_broken(compiler, of, row))
        if (pair := pair_of(schemas, of, row)) is not None:
            key = key_of(of, row)
            changed = before.since(key, pair)
            now.lists[key] = pair.values or before.lists.get(key, {})
            if changed:
                now.drifted[key] = changed
                found.append(_list_changed(of, row, changed))
        for issue in found:
            _add(raised, issue)
    if now != before:
        await directory.put(tx, _NAME, msgspec.to_builtins(now))
    await _say(tx, list(raised.values()), slugs)


async def known(tx: Tx) -> Known:
    stored = await directory.get(tx, _NAME)
    return Known() if stored is None else msgspec.convert(stored, Known)


async def end_of(tx: WriteTx, gone: Collection[tuple[str, str | None]]) -> None:
    """These mappings, by object and property, were removed or are not synced any more: what was wrong with them is over."""
    if gone:
        over = [each.id for each in await _open(tx) if (each.object, each.property) in gone and each.id is not None]
        await issues.resolve_ids(tx, over)


async def _synced(tx: Tx) -> list[tuple[ObjectMappingRow, FieldMappingRow]]:
    types = {row.id: row for row in await mappings.object_mappings(tx) if row.enabled}
    return [
        (types[row.object_mapping_id], row)
        for row in await mappings.field_mappings(tx)
        # One that was broken when it was made never worked, and its status says so.
        if row.object_mapping_id in types and row.rule != SyncRule.DONT_SYNC.value and row.status != "broken"
    ]


def key_of(of: ObjectMappingRow, row: FieldMappingRow) -> str:
    return f"{of.object}/{row.property}/{of.salesforce_type}.{row.field}"


def pair_of(schemas: Schemas, of: ObjectMappingRow, row: FieldMappingRow) -> ListPair | None:
    """None: these two are no lists that are joined by their values. Deal stages are joined by labels, owners by people."""
    spec = SPECS[of.object]
    if any(each.property == row.property and each.codec != "shape" for each in spec.mappings):
        return None
    here = schemas.property_named(spec.hubspot_type, row.property)
    there = schemas.field_named(of.salesforce_type, row.field)
    if here is None or there is None or not _are_lists(here, there):
        return None
    rule = SyncRule(row.rule)
    return ListPair(
        {option.value: option.label for option in here.options},
        dict(there.picklist_values),
        into_hubspot=rule is not SyncRule.ALWAYS_HUBSPOT,
        # An unrestricted picklist takes any value.
        into_salesforce=rule is not SyncRule.ALWAYS_SALESFORCE and there.restricted,
        joined=joined_values(row),
    )


def _are_lists(here: PropertyDef, there: FieldDef) -> bool:
    return here.type == "enumeration" and not here.external_options and there.type in PICKLISTS


# --- what is said ------------------------------------------------------------------------------------------------------


def _broken(compiler: Compiler, of: ObjectMappingRow, row: FieldMappingRow) -> Iterator[Issue]:
    status = compiler.check(SPECS[of.object], of.salesforce_type, row.property, row.field, joined_values(row))
    if status.status == "broken":
        field, reason = f"{of.salesforce_type}.{row.field}", status.reason or "they cannot be joined"
        yield _issue(BROKEN, "error", of, row, f"{row.property} and {field} do not sync for now: {reason}.")


def _list_changed(of: ObjectMappingRow, row: FieldMappingRow, changed: Drifted) -> Issue:
    field, property_ = f"{of.salesforce_type}.{row.field}", row.property
    said = []
    if changed.came:
        values = _named(changed.came)
        said.append(f"The picklist {field} has new values that the property {property_} has no option for: {values}.")
    if changed.went:
        values = _named(changed.went)
        said.append(f"The picklist {field} has no longer what the property {property_} offers: {values}.")
    if changed.renamed:
        values = _named(tuple(changed.renamed))
        said.append(f"The picklist {field} shows these under other labels than the property {property_}: {values}.")
    return _issue(LIST_CHANGED, "warning", of, row, " ".join(said))


def _named(values: Sequence[str]) -> str:
    more = len(values) - NAMED_MOST
    return ", ".join(values[:NAMED_MOST]) + (f" (+ {more})" if more > 0 else "")


def _issue(code: str, severity: str, of: ObjectMappingRow, row: FieldMappingRow, cause: str) -> Issue:
    category, fix = fix_for(code)
    return Issue(
        category=category,
        code=code,
        severity=severity,
        object=of.object,
        hubspot_id=None,
        salesforce_id=None,
        salesforce_type=None,
        cause=cause,
        fix=fix,
        property=row.property,
        field=row.field,
    )


def _add(raised: dict[tuple[str, str, str], Issue], issue: Issue) -> None:
    """One property may be mapped to a field of each Salesforce type: an issue is of the property."""
    key = (issue.object, issue.code, issue.property or "")
    before = raised.get(key)
    if before is not None:
        issue = msgspec.structs.replace(issue, cause=f"{before.cause} {issue.cause}")
    raised[key] = issue


async def _say(tx: WriteTx, raised: list[Issue], slugs: Sequence[str]) -> None:
    still = {(issue.object, issue.code, issue.property) for issue in raised}
    over = [
        issue.id
        for issue in await _open(tx)
        if issue.object in slugs and (issue.object, issue.code, issue.property) not in still and issue.id is not None
    ]
    if over:
        await issues.resolve_ids(tx, over)
    if raised:
        await issues.raise_(tx, raised)


async def _open(tx: Tx) -> list[Issue]:
    found: list[Issue] = []
    for code in (BROKEN, LIST_CHANGED):
        place: str | None = None
        while True:
            page, place = await issues.list_(tx, code=code, cursor=place, limit=1_000)
            found += page
            if place is None:
                break
    return found
