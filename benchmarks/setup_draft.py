"""What the wizard's draft of the mappings costs an account with many custom fields and many people, on the thread that also keeps
leases and heartbeats alive: `python benchmarks/setup_draft.py`.

Three objects with 300 custom fields each that HubSpot has no property for, and 1,000 people whom both sides know. CPU seconds of
one draft, and of a request that asks for it five times, as the review does.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from bars import Figure, tell
from interlock.app.schemas import Schemas
from interlock.app.setup.connecting import Found
from interlock.app.setup.draft import Choices, Draft
from interlock.crm.hubspot.model import Owner, PropertyDef
from interlock.crm.salesforce.model import FieldDef, User
from interlock.objects.registry import SPECS
from interlock.objects.spec import ObjectSpec
from interlock.store.connections import Connection

FIELDS, PEOPLE, RUNS, USES = 300, 1_000, 5, 5
# A lease is renewed every 3.3 s and lost after 10: whatever holds the thread has to be far below.
BAR_S = 0.25

_CONNECTION = Connection(
    name="measured",
    state="setting_up",
    state_since_us=0,
    hubspot_url="",
    hubspot_account_id="",
    hubspot_name="",
    salesforce_url="",
    salesforce_org_id="",
    salesforce_name="",
)


def main() -> int:
    schemas = _schemas()
    one = min(_cpu_s(lambda: _drafts(schemas, 1)) for _ in range(RUNS))
    request = min(_cpu_s(lambda: _drafts(schemas, USES)) for _ in range(RUNS))
    figures = [
        Figure("one draft", one, "CPU s", bar=BAR_S),
        Figure(f"a request that uses it {USES} times", request, "CPU s", bar=BAR_S),
    ]
    return tell("setup_draft", figures, fields_of_each_object=FIELDS, people=PEOPLE, best_of=RUNS)


def _drafts(schemas: Schemas, uses: int) -> None:
    found = Found(_CONNECTION, schemas, {}, {})
    for _ in range(uses):
        drafted = found.draft(Choices())
    _check(drafted)


def _check(drafted: Draft) -> None:
    made = len(drafted.new_properties())
    assert made >= FIELDS * len(SPECS), made


def _cpu_s(work: Callable[[], None]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def _schemas() -> Schemas:
    custom = [_field(f"Custom_{number}__c") for number in range(FIELDS)]
    return Schemas(
        {spec.hubspot_type: [_property(each.property) for each in spec.mappings] for spec in SPECS.values()},
        {type_: [*_shipped(spec, type_), *custom] for spec in SPECS.values() for type_ in spec.salesforce_types},
        [Owner(str(number), f"person{number}@example.com", "A person", False) for number in range(PEOPLE)],
        [User(f"005{number}", f"person{number}@example.com", "A person", True) for number in range(PEOPLE)],
        [],
    )


def _shipped(spec: ObjectSpec, type_: str) -> list[FieldDef]:
    """The owner among them, which takes the people."""
    return [_field(each.fields[type_]) for each in spec.mappings if type_ in each.fields]


def _property(name: str) -> PropertyDef:
    return PropertyDef(name, name, "string", "text", [], False, False, False, False, None)


def _field(name: str) -> FieldDef:
    return FieldDef(
        name,
        f"Label of {name}",
        "string",
        255,
        0,
        0,
        True,
        True,
        True,
        False,
        False,
        False,
        [],
        False,
        (),
        None,
        False,
        custom=True,
    )


if __name__ == "__main__":
    raise SystemExit(main())
