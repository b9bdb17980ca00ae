"""From decided fields to writes: what is sent, what is left out and why, and what the base says afterwards."""

from __future__ import annotations

from tests.unit.core.pairs import HUBSPOT, SALESFORCE

from interlock.core.codec import TextCodec
from interlock.core.mapping import FieldMapping, ObjectMapping
from interlock.core.model import Base, FieldBase, Observation, Side, SyncRule
from interlock.core.plan import SidePlan, base_after, plan_side
from interlock.core.reconcile import merge_record
from interlock.core.values import BLANK, Text, fingerprint

LONG = "x" * 200


def field(id_: int, name: str, rule: SyncRule = SyncRule.TWO_WAY, length: int = 128, **facts: object) -> FieldMapping:
    placeholder = facts.pop("placeholder", None)
    nillable = bool(facts.pop("nillable", True))
    codec = TextCodec(length=length, nillable=nillable, placeholder=placeholder)  # type: ignore[arg-type]
    return FieldMapping(id_, name, name.title(), rule, codec, **facts)  # type: ignore[arg-type]


def planned(
    side: Side,
    fields: list[FieldMapping],
    hubspot: dict[str, object],
    salesforce: dict[str, object],
    *,
    base: Base | None = None,
    held: Base | None = None,
    creating: bool = False,
    resend_held: bool = False,
    newest: Side | None = None,
) -> SidePlan:
    merged = merge_record(
        ObjectMapping(1, "contacts", "Contact", tuple(fields)),
        base or {},
        Observation(HUBSPOT, hubspot, 0, 0, 0),
        Observation(SALESFORCE, salesforce, 0, 0, 0),
        newest,
    )
    return plan_side(side, merged.writes, held or {}, creating, resend_held)


def known(*values: str | None) -> Base:
    return {id_: both(value, value) for id_, value in enumerate(values, start=1)}


def both(hubspot: str | None, salesforce: str | None) -> FieldBase:
    return _print(hubspot), _print(salesforce)


def _print(value: str | None) -> int:
    return fingerprint(BLANK if value is None else Text(value))


def test_a_value_too_long_for_salesforce_is_held_back_and_the_other_fields_go():
    fields = [field(1, "title"), field(2, "phone")]
    plan = planned(Side.SALESFORCE, fields, {"title": LONG, "phone": "1"}, {"Title": None, "Phone": None})
    assert [(write.name, write.raw) for write in plan.fields] == [("Phone", "1")]
    (held,) = plan.held
    assert (held.mapping.id, held.side, held.code) == (1, Side.SALESFORCE, "STRING_TOO_LONG")
    assert held.message == "200 characters, the Salesforce field holds 128"
    assert held.seen == (fingerprint(Text(LONG)), fingerprint(BLANK))


def test_a_refused_value_is_not_sent_again_until_it_changes():
    fields = [field(1, "title")]
    held = {1: both("CTO", None)}
    again = planned(Side.SALESFORCE, fields, {"title": "CTO"}, {"Title": None}, held=held)
    assert (again.fields, again.held) == ([], [])
    changed = planned(Side.SALESFORCE, fields, {"title": "CEO"}, {"Title": None}, held=held)
    assert [write.raw for write in changed.fields] == ["CEO"]


def test_a_refused_edit_is_not_replaced_by_the_older_one_because_we_wrote_its_neighbours():
    # Salesforce was edited last and won, HubSpot refused the value; our write of the phone then made HubSpot the newest.
    fields = [field(1, "title")]
    arguments = {"base": known("CTO"), "held": {1: both("old edit", "new edit")}}
    values = ({"title": "old edit"}, {"Title": "new edit"})
    assert planned(Side.SALESFORCE, fields, *values, newest=Side.HUBSPOT, **arguments).fields == []
    # An edit in HubSpot is another matter: it is newer indeed.
    edited = planned(Side.SALESFORCE, fields, {"title": "third edit"}, values[1], newest=Side.HUBSPOT, **arguments)
    assert [write.raw for write in edited.fields] == ["third edit"]


def test_a_resync_sends_a_refused_value_again():
    held = {1: both("CTO", None)}
    plan = planned(Side.SALESFORCE, [field(1, "title")], {"title": "CTO"}, {"Title": None}, held=held, resend_held=True)
    assert [write.raw for write in plan.fields] == ["CTO"]


def test_a_required_field_cannot_be_cleared_and_says_so_before_salesforce_does():
    fields = [field(1, "stage", nillable=False)]
    plan = planned(Side.SALESFORCE, fields, {"stage": ""}, {"Stage": "Won"}, base=known("Won"))
    assert [(held.code, held.value) for held in plan.held] == [("REQUIRED_FIELD_MISSING", BLANK)]
    assert plan.fields == []


def test_a_required_name_is_cleared_to_its_placeholder_which_is_blank_in_the_base():
    fields = [field(1, "name", nillable=False, placeholder="[unknown]")]
    plan = planned(Side.SALESFORCE, fields, {"name": ""}, {"Name": "Ada"}, base=known("Ada"))
    assert [(write.raw, write.written) for write in plan.fields] == [("[unknown]", fingerprint(BLANK))]


def test_a_new_record_is_sent_its_values_and_no_blanks():
    fields = [field(1, "title"), field(2, "phone")]
    plan = planned(
        Side.SALESFORCE, fields, {"title": "CTO", "phone": ""}, {"Title": None, "Phone": None}, creating=True
    )
    assert [write.name for write in plan.fields] == ["Title"]


def test_a_field_that_salesforce_only_lets_us_set_at_creation_is_set_then():
    fields = [field(1, "origin", salesforce_updateable=False)]
    plan = planned(Side.SALESFORCE, fields, {"origin": "web"}, {"Origin": None}, creating=True)
    assert [write.raw for write in plan.fields] == ["web"]


def test_a_field_that_salesforce_only_lets_us_set_at_creation_says_so_when_it_would_change():
    fields = [field(1, "origin", salesforce_updateable=False), field(2, "phone")]
    plan = planned(
        Side.SALESFORCE,
        fields,
        {"origin": "web", "phone": "1"},
        {"Origin": "fair", "Phone": None},
        base=known("fair"),
    )
    assert [(held.code, held.mapping.id) for held in plan.held] == [("INVALID_FIELD_FOR_INSERT_UPDATE", 1)]
    assert [write.name for write in plan.fields] == ["Phone"]


def test_a_field_that_can_only_be_set_later_does_not_stop_the_creation():
    fields = [field(1, "origin", salesforce_createable=False), field(2, "phone")]
    plan = planned(
        Side.SALESFORCE, fields, {"origin": "web", "phone": "1"}, {"Origin": None, "Phone": None}, creating=True
    )
    assert [write.name for write in plan.fields] == ["Phone"]
    assert plan.held == []


def test_a_formula_is_never_written():
    formula = {"salesforce_createable": False, "salesforce_updateable": False}
    for rule in SyncRule:
        plan = planned(Side.SALESFORCE, [field(1, "score", rule, **formula)], {"score": "9"}, {"Score": "7"})
        assert (plan.fields, plan.held) == ([], []), rule


def test_a_side_is_told_only_what_is_meant_for_it():
    fields = [field(1, "title"), field(2, "phone")]
    values = ({"title": "CTO", "phone": ""}, {"Title": None, "Phone": "1"})
    assert [write.name for write in planned(Side.SALESFORCE, fields, *values).fields] == ["Title"]
    assert [write.name for write in planned(Side.HUBSPOT, fields, *values).fields] == ["phone"]


def test_after_a_write_the_base_holds_what_was_written_and_what_was_read():
    fields = [field(1, "title")]
    plan = planned(Side.SALESFORCE, fields, {"title": "new"}, {"Title": "old"}, base=known("old"))
    new = fingerprint(Text("new"))
    assert base_after([(Side.SALESFORCE, plan.fields)]) == {1: (new, new)}


def test_a_write_remembers_what_it_replaces():
    plan = planned(Side.HUBSPOT, [field(1, "title")], {"title": "old"}, {"Title": "new"}, base=known("old"))
    (write,) = plan.fields
    assert (write.old, write.target, write.source) == (
        Text("old"),
        fingerprint(Text("old")),
        fingerprint(Text("new")),
    )
