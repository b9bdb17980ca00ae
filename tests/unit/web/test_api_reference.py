"""What the JSON API says of itself is what it serves: the OpenAPI file, the page, the schemas."""

from __future__ import annotations

import json
import re

import jsonschema
import msgspec
import pytest
from tests import api_reference
from tests.contract.test_cli_json import objects_in

from interlock.app import json_schemas
from interlock.web.address import Operation
from interlock.web.api import openapi
from interlock.web.api.addresses import OPERATIONS
from interlock.web.api.openapi import document
from interlock.web.routes import ADDRESSES

each_operation = pytest.mark.parametrize("each", OPERATIONS, ids=lambda each: f"{each.method} {each.path}")


def test_the_written_description_is_the_one_that_is_served() -> None:
    told = "python -m tests.api_reference writes it anew"
    assert api_reference.OPENAPI.read_text(encoding="utf-8") == api_reference.described(), told
    page = api_reference.PAGE.read_text(encoding="utf-8")
    assert api_reference.renewed(page) == page, told


def test_every_address_of_the_api_is_described_and_nothing_else() -> None:
    described = {
        (method.upper(), path) for path, methods in document(OPERATIONS)["paths"].items() for method in methods
    }
    served = {(each.method, re.sub(r":\w+\}", "}", each.path)) for each in ADDRESSES if each.path.startswith("/api/")}
    assert described == served
    assert all(isinstance(each, Operation) for each in ADDRESSES if each.path.startswith("/api/"))


def test_it_is_openapi() -> None:
    """By the JSON Schema that the OpenAPI Initiative publishes, as schemathesis carries it along."""
    from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR

    OPENAPI_31_VALIDATOR.validate(document(OPERATIONS))
    names = [each.name for each in OPERATIONS]
    assert len(set(names)) == len(names)


@each_operation
def test_every_reference_leads_to_a_schema(each: Operation) -> None:
    described = document(OPERATIONS)
    schemas = described["components"]["schemas"]
    shown = described["paths"][re.sub(r":\w+\}", "}", each.path)][each.method.lower()]
    named = re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(shown))
    assert named
    assert set(named) <= set(schemas)


@each_operation
def test_what_changes_something_says_what_sending_it_once_more_does(each: Operation) -> None:
    assert bool(each.again) == (each.method != "GET")
    assert each.summary.endswith(".")


@each_operation
def test_lists_and_texts_that_are_sent_have_a_limit(each: Operation) -> None:
    for type_ in (each.query, each.body):
        if type_ is None:
            continue
        assert type_.__struct_config__.forbid_unknown_fields
        _, components = msgspec.json.schema_components([type_], ref_template="#/{name}")
        for part in _parts(components):
            if part.get("type") == "array":
                assert "maxItems" in part, part
            if part.get("type") == "string" and "enum" not in part:
                assert "maxLength" in part, part


def _parts(schema: object) -> list[dict[str, object]]:
    if isinstance(schema, list):
        return [part for value in schema for part in _parts(value)]
    if not isinstance(schema, dict):
        return []
    return [schema, *(part for value in schema.values() for part in _parts(value))]


def test_every_schema_of_the_api_is_used_and_strict() -> None:
    used = {each.answers for each in OPERATIONS}
    assert set(json_schemas.api_names()) <= used
    assert not set(json_schemas.api_names()) & set(json_schemas.names())
    for name in json_schemas.api_names():
        schema = json_schemas.load_any(name)
        jsonschema.Draft202012Validator.check_schema(schema)
        for place, part in objects_in(schema, name):
            assert set(part["properties"]) == set(part.get("required", ())), place


def test_every_status_that_may_come_has_its_words() -> None:
    assert {status for each in OPERATIONS for status in openapi.refusals(each)} == set(openapi._REASONS)
