"""CustomField: a field of an object file, made, changed or deleted.

The rules of its elements are in field_rules.py. Whether anybody sees a new field is not decided here: a field that a
deployment makes is invisible until a permission set or profile grants it.
"""

from __future__ import annotations

from typing import Any

from crm_emulator.salesforce.custom_fields import field_from_metadata
from crm_emulator.salesforce.errors import RequestError
from crm_emulator.salesforce.metadata.draft import Change, Draft, Hands
from crm_emulator.salesforce.metadata.field_rules import check_name, read_field
from crm_emulator.salesforce.metadata.plan import Component
from crm_emulator.salesforce.metadata.problems import NOT_AVAILABLE, Problem, missing
from crm_emulator.salesforce.schema import Field, SObject

# Salesforce help, article 000385134 (support can raise it); the sentence is supposed.
MOST_EXTERNAL_IDS = 25


def check_object(draft: Draft, step: Component) -> Change:
    """CustomObject: only as the bearer of fields. Standard objects are there; custom ones cannot be made here."""
    draft.first_time("CustomObject", step.full_name)
    assert step.node is not None
    if step.full_name.endswith("__c") and not step.node.first("label"):
        raise Problem("Must specify a non-empty label for the CustomObject")  # seen
    if step.full_name != "Activity" and step.full_name not in draft.org.objects:
        raise Problem(NOT_AVAILABLE)
    for child in step.node.children:
        if child.tag != "fields":
            raise Problem(NOT_AVAILABLE, line=child.line, column=child.column)
    return Change(lambda hands: None)


def check_field(draft: Draft, step: Component) -> Change:
    draft.need("CustomizeApplication")
    owner, _, name = step.full_name.partition(".")
    if not name:
        raise missing("fullName")
    targets = draft.targets(owner)
    check_name(name, targets[0])
    draft.first_time("CustomField", step.full_name)
    assert step.node is not None
    metadata = read_field(step.node, draft.org.objects)
    created = changed = False
    fields: dict[str, Field] = {}
    for sobject in targets:
        field = fields[sobject.name] = _field(name, metadata, open_to_all=draft.org.config.custom_fields_visible)
        there = draft.field_of(sobject, name)
        if there is None:
            created = True
        else:
            _check_change(draft, sobject, there, field)
            field.open_to_all = there.open_to_all
            changed = changed or field.raw != there.raw
        draft.fields[sobject.name, name.lower()] = field
        if field.external_id and draft.external_ids(sobject) > MOST_EXTERNAL_IDS:
            raise Problem(f"{sobject.name} already has {MOST_EXTERNAL_IDS} External ID fields")

    def carry_out(hands: Hands) -> str | None:
        made = None
        for sobject in targets:
            made = _put(hands, sobject, fields[sobject.name])
        return made

    return Change(carry_out, created=created, changed=created or changed)


def _field(name: str, metadata: dict[str, Any], *, open_to_all: bool) -> Field:
    try:
        return field_from_metadata(name, metadata, open_to_all=open_to_all)
    except RequestError as refused:
        raise Problem(refused.message) from refused


def _check_change(draft: Draft, sobject: SObject, old: Field, new: Field) -> None:
    """A field keeps its type once there are rows ("Cannot change type due to existing data", seen, of rows that were
    empty in that field too); it becomes unique only where no two values are the same (supposed wording)."""
    table = draft.org.tables[sobject.name]
    if _storage(new) != _storage(old) and table.rows:
        raise Problem("Cannot change type due to existing data")
    if new.unique and not (old.unique and old.case_sensitive == new.case_sensitive):
        values = [row.values[old.name] for row in table.rows.values() if not row.deleted and old.name in row.values]
        folded = values if new.case_sensitive else [str(value).casefold() for value in values]
        if len(set(folded)) != len(folded):
            raise Problem(f"Cannot make {old.name} unique: duplicate values exist")


def _storage(field: Field) -> tuple[object, ...]:
    """What of a field's type a describe shows: long and rich texts are text areas that cannot be filtered."""
    return field.type, field.filterable, field.raw.get("htmlFormatted", False), field.reference_to


def _put(hands: Hands, sobject: SObject, field: Field) -> str:
    org = hands.org
    if sobject.field(field.name) is None:
        hands.tx.on_roll_back(lambda: org.remove_field(sobject, field))
        return org.add_field(sobject, field)
    old = sobject.fields[field.name]
    hands.tx.on_roll_back(lambda: org.replace_field(sobject, old))
    return org.replace_field(sobject, field)


def check_deletion(draft: Draft, step: Component) -> Change:
    """The field goes with its values and its grants. What is not there is a warning (seen: "No CustomField named: ...
    found"); what is used elsewhere stays (seen: "This custom field is referenced elsewhere in salesforce.com")."""
    draft.need("CustomizeApplication")
    draft.first_time("destructive CustomField", step.full_name)
    owner, _, name = step.full_name.partition(".")
    try:
        targets = draft.targets(owner)
    except Problem:
        targets = []
    found = [(sobject, draft.field_of(sobject, name)) for sobject in targets]
    there = [(sobject, field) for sobject, field in found if field is not None]
    if not there:
        raise Problem(f"No CustomField named: {step.full_name} found", warning=True)
    for sobject, field in there:
        if not field.custom:
            raise Problem(f"Cannot delete standard field: {step.full_name}")  # supposed
        used_by = draft.org.rules.users_of(sobject.name, field.name)
        if used_by:
            raise Problem(f"This custom field is referenced elsewhere in salesforce.com.: {', '.join(used_by)}")
    for sobject, field in there:
        draft.fields[sobject.name, field.name.lower()] = None

    def carry_out(hands: Hands) -> str | None:
        gone = None
        for sobject, field in there:
            gone = _remove(hands, sobject, field.name)
        return gone

    return Change(carry_out, changed=True, deleted=True)


def _remove(hands: Hands, sobject: SObject, name: str) -> str:
    org = hands.org
    for row in list(org.tables["FieldPermissions"].rows.values()):
        if not row.deleted and row.values.get("Field") == f"{sobject.name}.{name}":
            hands.remover.delete(hands.tx, row)
    field = sobject.fields[name]
    removed = org.remove_field(sobject, field)
    hands.tx.on_roll_back(lambda: org.restore_field(sobject, field, removed))
    return removed.id
