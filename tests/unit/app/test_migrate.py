"""The mapping list that HubSpot's own integration exports: read whole or not at all, and every line accounted for."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from interlock.app import migrate
from interlock.app.errors import BadInput
from interlock.app.migrate import Line
from interlock.app.schemas import Schemas
from interlock.app.setup.draft import Choices, Row, draft
from interlock.core.model import SyncRule
from interlock.crm.hubspot.model import PropertyDef
from interlock.crm.salesforce.model import FieldDef

HEAD = "HubSpot Field Name,Salesforce Field Name,Sync Rule\n"


def read(text: str) -> tuple[Line, ...]:
    return migrate.read(text, "contacts.csv")


def refusal(text: str) -> str:
    with pytest.raises(BadInput) as refused:
        read(text)
    assert refused.value.failure.field == "file"
    return refused.value.failure.message


class TestReading:
    @pytest.mark.parametrize(
        ("words", "rule"),
        [
            ("Prefer Salesforce unless blank", SyncRule.PREFER_SALESFORCE),
            ("prefer salesforce unless blank (default)", SyncRule.PREFER_SALESFORCE),
            ("Always use Salesforce", SyncRule.ALWAYS_SALESFORCE),
            ("Two-way", SyncRule.TWO_WAY),
            ("Two-way (use most recent)", SyncRule.TWO_WAY),
            ("Don\u2019t sync", SyncRule.DONT_SYNC),
            ("Don't sync", SyncRule.DONT_SYNC),
        ],
    )
    def test_rules_are_known_by_their_names(self, words: str, rule: SyncRule) -> None:
        assert read(f"{HEAD}jobtitle,Title,{words}\n") == (Line(2, "jobtitle", "Title", rule),)

    @pytest.mark.parametrize("separator", [",", ";", "\t"])
    def test_the_columns_may_stand_in_any_order_with_others_between_and_any_separator(self, separator: str) -> None:
        head = ("Status", "Sync rule", "Salesforce field", "Mapping type", "HubSpot property")
        row = ("Warning", "Two-way", "Title", "Custom", "Job title")
        text = "\ufeff" + "\r\n".join(separator.join(cells) for cells in (head, row)) + "\r\n\r\n"
        assert read(text) == (Line(2, "Job title", "Title", SyncRule.TWO_WAY),)

    def test_every_line_that_cannot_be_read_is_named_with_the_reason_and_nothing_is_taken(self) -> None:
        told = refusal(
            f"{HEAD}jobtitle,Title,Two-way\n,Phone,Two-way\nfax,,Two-way\nphone,Phone,Sometimes\nzip,PostalCode\n"
            "JobTitle,Other__c,Two-way\nother,title,Two-way\n"
        )
        for reason in (
            "Line 3: it names no HubSpot property.",
            "Line 4: it names no Salesforce field.",
            "Line 5: 'Sometimes' is not a sync rule.",
            "Line 6: it has 2 columns.",
            "Line 7: JobTitle is mapped in line 2 already.",
            "Line 8: title is mapped in line 2 already.",
        ):
            assert reason in told

    def test_of_many_bad_lines_the_first_are_named_and_the_others_counted(self) -> None:
        told = refusal(HEAD + "".join(f"p{n},f{n},Never\n" for n in range(50)))
        assert "Line 21:" in told
        assert "Line 22:" not in told
        assert "And 30 lines more." in told

    @pytest.mark.parametrize(
        ("text", "why"),
        [
            ("", "is empty"),
            ("Name,Field\na,b\n", "no column 'hubspot field name'"),
            (HEAD.strip() + ",Sync rule\n", "several columns 'sync rule'"),
            (HEAD, "holds no mappings"),
            (f'{HEAD}a,"b,Two-way\n', "line 2"),
            (f"{HEAD}a\ufffd,b,Two-way\n", "not in UTF-8"),
            (HEAD + "".join(f"p{n},f{n},Two-way\n" for n in range(5_001)), "5,001 mappings"),
        ],
    )
    def test_what_is_no_such_file_is_refused_with_the_reason(self, text: str, why: str) -> None:
        assert why in refusal(text)


def a_property(name: str, label: str = "", type_: str = "string") -> PropertyDef:
    blank: dict[str, Any] = {"options": [], "read_only": False, "calculated": False, "has_unique": False}
    field_type = {"string": "text", "number": "number"}[type_]
    return PropertyDef(
        name=name, label=label or name, type=type_, field_type=field_type, hidden=False, referenced_object=None, **blank
    )


def a_field(name: str, label: str = "", type_: str = "string", *, custom: bool = False) -> FieldDef:
    plain = {"length": 80, "precision": 0, "scale": 0, "createable": True, "updateable": True, "nillable": True}
    more = {"defaulted_on_create": False, "unique": False, "external_id": False, "picklist_values": []}
    rest = {"restricted": False, "reference_to": (), "relationship_name": None, "calculated": False}
    named = {"name": name, "label": label or name, "type": type_, "custom": custom}
    return msgspec.convert(named | plain | more | rest, FieldDef)


SCHEMAS = Schemas(
    properties={
        "contacts": [
            a_property("email"),
            a_property("jobtitle", "Job title"),
            a_property("phone"),
            a_property("city"),
            a_property("account_tier", "Tier"),
            a_property("twin_one", "Twin"),
            a_property("twin_two", "Twin"),
            a_property("salesforcecontactid"),
            a_property("score", type_="number"),
        ]
    },
    fields={
        "Contact": [
            a_field("Id", type_="id"),
            a_field("Email", type_="email"),
            a_field("Title"),
            a_field("Phone", "Business Phone", "phone"),
            a_field("MailingCity"),
            a_field("Tier__c", custom=True),
            a_field("Region__c", custom=True),
        ],
        "Lead": [a_field("Email", type_="email"), a_field("Title"), a_field("Phone", type_="phone"), a_field("City")],
    },
    owners=[],
    users=[],
    pipelines=[],
)


def lines(*rows: str) -> tuple[Line, ...]:
    return read(HEAD + "\n".join(rows) + "\n")


class TestFindingItInTheSchemas:
    def test_one_line_serves_lead_and_contact_where_both_have_the_field(self) -> None:
        (pair,) = migrate.resolve(SCHEMAS, "contacts", lines("jobtitle,Title,Two-way")).pairs
        assert (pair.property, pair.fields) == ("jobtitle", {"Contact": "Title", "Lead": "Title"})

    def test_labels_are_names_too_where_only_one_has_them(self) -> None:
        found = migrate.resolve(SCHEMAS, "contacts", lines("Job Title,title,Two-way", "Twin,Tier__c,Two-way"))
        assert [pair.property for pair in found.pairs] == ["jobtitle"]
        assert [(each.line.number, "'Twin'" in each.why) for each in found.left_out] == [(3, True)]

    def test_what_is_not_there_or_does_not_fit_is_left_out_and_listed(self) -> None:
        found = migrate.resolve(
            SCHEMAS,
            "contacts",
            lines("gone,Title,Two-way", "phone,Gone__c,Two-way", "score,Tier__c,Two-way", "city,City,Two-way"),
        )
        assert [pair.property for pair in found.pairs] == ["city"]
        assert [each.line.number for each in found.left_out] == [2, 3, 4]
        assert "no contact property 'gone'" in found.left_out[0].why
        assert "no field 'Gone__c'" in found.left_out[1].why
        assert found.left_out[2].why

    def test_ids_are_carried_anyway_and_are_no_mappings(self) -> None:
        found = migrate.resolve(SCHEMAS, "contacts", lines("salesforcecontactid,Id,Always use Salesforce"))
        assert found.pairs == ()
        assert found.left_out[0].why == "Interlock keeps this by itself"

    def test_a_rule_that_a_pair_is_locked_against_is_not_taken(self) -> None:
        found = migrate.resolve(SCHEMAS, "contacts", lines("email,Email,Always use Salesforce"))
        assert [pair.rule for pair in found.pairs] == [SyncRule.PREFER_SALESFORCE]
        assert "its rule is not taken" in found.left_out[0].why

    def test_two_lines_that_come_to_the_same_property_are_one_pair(self) -> None:
        found = migrate.resolve(SCHEMAS, "contacts", lines("jobtitle,Title,Two-way", "Job title,Tier__c,Two-way"))
        assert [pair.line.number for pair in found.pairs] == [2]
        assert [each.line.number for each in found.left_out] == [3]


class TestInTheDraft:
    def rows(self, *rows: str, rules: dict[str, str] | None = None) -> dict[tuple[str, str], Row]:
        choices = Choices(rules=rules or {}, imported={"contacts": lines(*rows)})
        listed = draft(SCHEMAS, {}, choices).rows["contacts"]
        return {(row.property, field): row for row in listed for field in row.fields.values()}

    def test_a_shipped_pair_takes_the_rule_of_the_list(self) -> None:
        assert self.rows("jobtitle,Title,Two-way")["jobtitle", "Title"].rule is SyncRule.TWO_WAY

    def test_a_pair_of_its_own_takes_the_place_of_what_would_be_offered(self) -> None:
        found = self.rows("account_tier,Tier__c,Always use Salesforce")
        assert found["account_tier", "Tier__c"].rule is SyncRule.ALWAYS_SALESFORCE
        assert ("tier__c", "Tier__c") not in found

    def test_a_field_that_is_not_in_the_list_does_not_sync_and_no_property_is_made_for_it(self) -> None:
        row = self.rows("jobtitle,Title,Two-way")["region__c", "Region__c"]
        assert (row.rule, row.makes) == (SyncRule.DONT_SYNC, None)

    def test_a_shipped_pair_whose_field_the_list_gives_to_another_property_is_dropped(self) -> None:
        found = self.rows("city,MailingCity,Two-way")
        assert ("mailingcity", "MailingCity") not in found
        assert ("city", "City") not in found
        assert found["city", "MailingCity"].fields == {"Contact": "MailingCity"}

    def test_a_rule_that_a_person_chose_afterwards_counts_before_the_list(self) -> None:
        found = self.rows("jobtitle,Title,Two-way", rules={"contacts/jobtitle": "always_hubspot"})
        assert found["jobtitle", "Title"].rule is SyncRule.ALWAYS_HUBSPOT

    def test_nothing_is_mapped_twice(self) -> None:
        document = draft(
            SCHEMAS, {}, Choices(("contacts",), imported={"contacts": lines("phone,Title,Two-way")})
        ).document()
        for entry in document.objects["contacts"].values():
            for names in ([each.property for each in entry.fields], [each.field for each in entry.fields]):
                assert len(names) == len(set(names))
