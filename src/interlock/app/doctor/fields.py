"""Whether the fields that syncing needs are there, and whether what is mapped can be synced."""

from __future__ import annotations

from collections.abc import AsyncIterator

from interlock.app import key_fields, mapping_drift, mappings
from interlock.app.doctor.checkup import ERROR, OK, WARNING, Check, Patient
from interlock.app.schemas import Schemas, keep_schemas, read_schemas
from interlock.core.model import Side
from interlock.engine.context import SALESFORCE_CREATION_KEY


async def schemas(patient: Patient) -> AsyncIterator[Check]:
    patient.schemas = await read_schemas(patient.hubspot, patient.salesforce, patient.objects)
    assert patient.connection.id is not None
    await keep_schemas(patient.store, patient.connection.id, patient.schemas)
    await mapping_drift.note(patient.store, patient.connection.id, patient.schemas, patient.objects)
    for check in (*_key_fields(patient.schemas, patient.objects), *await _mappings(patient)):
        yield check


def _key_fields(schemas: Schemas, objects: list[str]) -> list[Check]:
    checks = []
    for side, name in key_fields.unfit(schemas, objects):
        checks.append(
            Check(
                "key_field",
                Side(side),
                ERROR,
                f"{name} cannot serve as key: it must be unique"
                + (" and an external id." if side != "hubspot" else "."),
                "Rename or delete it, then run `interlock connect` again: it makes the one it needs.",
            )
        )
    again = "Run `interlock connect` again: it makes what is missing, and grants access to it."
    lacking = key_fields.missing(schemas, objects).names()
    for side, names in lacking.items():
        for name in names:
            hidden = " or the sync user may not see and write it" if name.endswith(SALESFORCE_CREATION_KEY) else ""
            checks.append(Check("key_field", Side(side), ERROR, f"{name} is missing{hidden}.", again))
    return checks or [Check("key_field", None, OK, "The key fields of both sides are there, and may be written.")]


async def _mappings(patient: Patient) -> list[Check]:
    assert patient.connection.id is not None
    listed = await mappings.list_(patient.store, patient.connection.id)
    checks = []
    for each in listed:
        if each["status"] == "ok" or each["rule"] == "dont_sync" or each["object"] not in patient.objects:
            continue
        pair = f"{each['object']}.{each['property']} and {each['salesforce_object']}.{each['field']}"
        # A shipped pair that an org cannot have is how it is; one that a person asked for does not do what they want.
        level = ERROR if each["status"] == "broken" and each["kind"] == "custom" else WARNING
        message = (
            f"{pair} do not sync: {each['status_reason']}."
            if each["status"] == "broken"
            else (f"{pair}: {each['status_reason']}.")
        )
        fix = "Correct the property or the field, or take the pair out with `interlock mappings apply`."
        checks.append(Check("mapping", None, level, message, fix))
    return checks or [Check("mapping", None, OK, f"All {len(listed)} mapped fields can sync.")]
