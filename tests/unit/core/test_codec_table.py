"""Which pairs of types may be mapped, and what a person is told about those that may not."""

from __future__ import annotations

import pytest

from interlock.core.codec import Codec, FieldShape, Mismatch, codec_for

HUBSPOT = {
    "dropdown": ("enumeration", "select"),
    "radio": ("enumeration", "radio"),
    "checkboxes": ("enumeration", "checkbox"),
    "checkbox": ("bool", "booleancheckbox"),
    "number": ("number", "number"),
    "line": ("string", "text"),
    "lines": ("string", "textarea"),
    "rich": ("string", "html"),
    "date": ("date", "date"),
    "datetime": ("datetime", "date"),
    "phone": ("phone_number", "phonenumber"),
}
LINE = {"string", "textarea", "email", "phone", "url", "id", "encryptedstring", "combobox"}
ALLOWED = {
    "dropdown": {"picklist", "reference"},
    "radio": {"picklist", "reference"},
    "checkboxes": {"multipicklist"},
    "checkbox": {"boolean"},
    "number": {"double", "int", "currency", "percent", "long"},
    "line": LINE,
    "phone": LINE,
    "lines": {"textarea"},
    "rich": {"textarea"},
    "date": {"date", "datetime"},
    "datetime": {"date", "datetime"},
}
UNMAPPABLE = {"address", "location", "time", "base64", "anyType", "complexvalue"}
EVERY_SALESFORCE_TYPE = set().union(*ALLOWED.values()) | UNMAPPABLE


def answer(hubspot: str, salesforce: str, **facts: object) -> Codec | Mismatch:
    kind, form = HUBSPOT[hubspot]
    return codec_for(FieldShape(hubspot_type=kind, hubspot_field_type=form, salesforce_type=salesforce, **facts))  # type: ignore[arg-type]


@pytest.mark.parametrize("salesforce", sorted(EVERY_SALESFORCE_TYPE))
@pytest.mark.parametrize("hubspot", HUBSPOT)
def test_a_pair_has_a_codec_exactly_where_the_table_allows_it(hubspot: str, salesforce: str):
    found = answer(hubspot, salesforce)
    assert isinstance(found, Codec) == (salesforce in ALLOWED[hubspot])
    if isinstance(found, Mismatch):
        assert found.title in ("Mismatched Types", "Field Format Mismatch")
        assert str(found) == f"{found.title}: {found.reason}"


@pytest.mark.parametrize(
    ("hubspot", "salesforce"), [("dropdown", "multipicklist"), ("checkboxes", "picklist"), ("lines", "string")]
)
def test_one_and_many_of_the_same_kind_differ_in_format(hubspot: str, salesforce: str):
    found = answer(hubspot, salesforce)
    assert isinstance(found, Mismatch)
    assert found.title == "Field Format Mismatch"


@pytest.mark.parametrize(
    ("hubspot", "salesforce"), [("number", "string"), ("line", "double"), ("checkbox", "picklist")]
)
def test_different_kinds_of_value_are_mismatched_types(hubspot: str, salesforce: str):
    found = answer(hubspot, salesforce)
    assert isinstance(found, Mismatch)
    assert found.title == "Mismatched Types"


def test_a_compound_field_says_to_map_its_parts():
    found = answer("line", "address")
    assert isinstance(found, Mismatch)
    assert "map its parts" in found.reason


def test_a_user_property_cannot_be_mapped():
    found = answer("dropdown", "reference", hubspot_reference="OWNER")
    assert isinstance(found, Mismatch)
    assert "user property" in found.reason


@pytest.mark.parametrize("kind", ["json", "object_coordinates"])
def test_an_internal_hubspot_type_cannot_be_mapped(kind: str):
    found = codec_for(FieldShape(hubspot_type=kind, hubspot_field_type="text", salesforce_type="string"))
    assert isinstance(found, Mismatch)


def test_a_check_box_stored_as_an_enumeration_is_a_check_box():
    shape = FieldShape(hubspot_type="enumeration", hubspot_field_type="booleancheckbox", salesforce_type="boolean")
    assert isinstance(codec_for(shape), Codec)


def test_lists_without_a_common_option_are_a_fault_of_the_mapping_and_not_of_every_record():
    found = answer("dropdown", "picklist", hubspot_options=("NEW", "OPEN"), picklist=("Working - Contacted",))
    assert isinstance(found, Mismatch)
    assert found.title == "Field Format Mismatch"
    assert '"NEW"' in found.reason


@pytest.mark.parametrize("salesforce", ["picklist", "currency", "int"])
def test_a_default_mapping_may_join_hubspots_text_with_what_salesforce_made_of_it(salesforce: str):
    assert isinstance(answer("line", salesforce, default_pair=True), Codec)
    assert isinstance(answer("line", salesforce), Mismatch)
