"""What a draft of the mappings costs: it is made while a page is asked for, on the thread that also keeps leases."""

from __future__ import annotations

import pytest
from tests.unit.app.setup.test_drift import schemas
from tests.unit.app.test_migrate import a_field, a_property

from interlock.app import compile as compiling
from interlock.app.setup import connecting
from interlock.app.setup.connecting import Found
from interlock.app.setup.draft import Choices, draft
from interlock.store.connections import Connection

NOWHERE = Connection(
    name="acme",
    state="setting_up",
    state_since_us=0,
    hubspot_url="",
    hubspot_account_id="",
    hubspot_name="",
    salesforce_url="",
    salesforce_org_id="",
    salesforce_name="",
)


@pytest.mark.parametrize("fields", [1, 50])
def test_however_many_fields_there_are_the_schemas_and_people_are_gone_through_equally_often(
    fields: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    custom = [a_field(f"F{number}__c", custom=True) for number in range(fields)]
    of = schemas([a_property("hubspot_owner_id")], [a_field("OwnerId", type_="reference"), *custom])
    made, matched = [], []
    compiler, match_owners = compiling.Compiler.__init__, compiling.match_owners

    def counted(self: compiling.Compiler, *arguments: object) -> None:
        made.append(self)
        compiler(self, *arguments)  # type: ignore[arg-type]

    def matching(*people: object) -> object:
        matched.append(people)
        return match_owners(*people)  # type: ignore[arg-type]

    monkeypatch.setattr(compiling.Compiler, "__init__", counted)
    monkeypatch.setattr(compiling, "match_owners", matching)
    found = draft(of, {}, Choices(objects=("contacts",)))
    assert found.for_fields() == fields
    assert (len(made), len(matched)) == (2, 1)


def test_a_request_that_asks_for_the_same_draft_again_gets_the_one_that_was_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = []
    monkeypatch.setattr(connecting, "make_draft", lambda *of: made.append(of) or draft(*of))
    found = Found(NOWHERE, schemas([], [a_field("Tier__c", custom=True)]), {}, {})
    first = found.draft(Choices())
    assert found.draft(Choices()) is first
    other = found.draft(Choices(missing="leave_out"))
    assert other.new_properties() != first.new_properties()
    assert len(made) == 2
