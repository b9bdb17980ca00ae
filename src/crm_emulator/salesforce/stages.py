"""What an administrator does to the stages of opportunities: another name, meaning or place. No opportunity is stamped by it.

A stage is a value of the picklist StageName and a row of OpportunityStage with the same API name; the id of the row stays through
every change (object reference, OpportunityStage).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from crm_emulator.salesforce.org import Org
from crm_emulator.salesforce.store import Record


def rename(org: Org, name: str, label: str | None, api_name: str | None, *, rows_follow: bool) -> None:
    entry, row = _entry(org, name), _row(org, name)
    if label is not None:
        entry["label"] = row.values["MasterLabel"] = label
    if api_name is None or api_name == name:
        return
    entry["value"] = row.values["ApiName"] = api_name
    for record_type in org.objects["Opportunity"].record_types:
        offered = record_type.picklists.get("StageName")
        if offered is not None:
            record_type.picklists["StageName"] = _with(offered, name, api_name)
    org.processes.update({id: _with(values, name, api_name) for id, values in org.processes.items()})
    if rows_follow:
        table = org.tables["Opportunity"]
        for record in table.rows.values():
            if record.values.get("StageName") == name:
                table.set_value(record, "StageName", api_name)
    _changed(org)


def change(org: Org, name: str, probability: float | None, closed: bool | None, won: bool | None) -> None:
    values = _row(org, name).values
    if probability is not None:
        values["DefaultProbability"] = probability
    for field, said in (("IsClosed", closed), ("IsWon", won)):
        if said:
            values[field] = True
        elif said is not None:
            values.pop(field, None)
    _changed(org)


def order(org: Org, names: Sequence[str]) -> None:
    field = org.objects["Opportunity"].fields["StageName"]
    place = {name: index for index, name in enumerate(names)}
    field.picklist.sort(key=lambda entry: place.get(entry["value"], len(place)))
    for index, entry in enumerate(field.picklist, 1):
        _row(org, entry["value"]).values["SortOrder"] = index
    _changed(org)


def activate(org: Org, name: str) -> None:
    _entry(org, name)["active"] = True
    _row(org, name).values["IsActive"] = True
    _changed(org)


def _entry(org: Org, name: str) -> dict[str, Any]:
    return next(each for each in org.objects["Opportunity"].fields["StageName"].picklist if each["value"] == name)


def _row(org: Org, name: str) -> Record:
    found = org.stage(name)
    assert found is not None, name
    return found


def _with(values: Sequence[str], old: str, new: str) -> tuple[str, ...]:
    return tuple(new if each == old else each for each in values)


def _changed(org: Org) -> None:
    field = org.objects["Opportunity"].fields["StageName"]
    field.picklist_order = {each["value"]: index for index, each in enumerate(field.picklist) if each["active"]}
    org.stages_changed()
