"""E-mail subscriptions: types, what an address chose about each, and the two ways to be opted out.

Sources, unless a test names another: the guides of HubSpot's communication preferences API (v3, v4 and 2026-03, March 2026), and
the types of its Apache-2.0 client hubspot-sdk.
"""

from __future__ import annotations

from typing import Any

import pytest
from tests.emulator.hubspot.calls import Caller

V4 = "/communication-preferences/v4"
V3 = "/communication-preferences/v3"
ADA = "ada@example.com"
BATCH_SCOPES = ("communication_preferences.statuses.batch.read", "communication_preferences.statuses.batch.write")


@pytest.fixture
def newsletter() -> Caller:
    """An account with two types; the first has the id of the recorded hs_email_optout_23783731."""
    return Caller(rate_limits=False, subscription_types=("Marketing Information", "Recipes"))


def change(caller: Caller, state: str, id: int, base: str = V4, **more: Any) -> Any:
    body = {"subscriptionId": id, "statusState": state, "channel": "EMAIL", **more}
    return caller.post(f"{base}/statuses/{ADA}", body)


def types_of(caller: Caller) -> list[int]:
    return [int(one["id"]) for one in caller.get(f"{V4}/definitions").json["results"]]


def test_an_account_without_types_lists_none_and_has_no_status_to_tell(hubspot: Caller) -> None:
    assert hubspot.get(f"{V4}/definitions").json["results"] == []
    assert hubspot.get(f"{V4}/statuses/{ADA}", channel="EMAIL").json["results"] == []


@pytest.mark.parametrize("base", [V4, "/communication-preferences/2026-03", "/communication-preferences/2026-09"])
def test_the_types_of_an_account_are_listed(newsletter: Caller, base: str) -> None:
    first, second = newsletter.get(f"{base}/definitions").json["results"]
    assert (first["id"], first["name"], first["isDefault"]) == ("23783731", "Marketing Information", True)
    assert (second["isActive"], second["isInternal"], second["businessUnitId"]) == (True, False, 0)
    translated = newsletter.get(f"{base}/definitions", includeTranslations="true").json["results"]
    assert translated[0]["subscriptionTranslations"] == []


def test_a_type_brings_the_contact_property_that_tells_who_opted_out_of_it(hubspot: Caller) -> None:
    """Recorded: hs_email_optout_23783731 "Opted out of email: Marketing Information", readOnlyValue
    (grouparoo-2022-object-schemas.json, grouparoo/grouparoo, MIT)."""
    hubspot.emulator.settings().add_subscription_type("Marketing Information")
    id = hubspot.emulator.settings().add_subscription_type("Recipes")
    found = hubspot.get(f"/crm/v3/properties/contacts/hs_email_optout_{id}").json
    assert (found["label"], found["type"]) == ("Opted out of email: Recipes", "enumeration")
    assert found["modificationMetadata"]["readOnlyValue"] is True
    body = {"properties": {"firstname": "Ada", f"hs_email_optout_{id}": "true"}}
    assert hubspot.post("/crm/v3/objects/contacts", body).status == 400


def test_leaving_one_type_sets_its_property_and_not_the_one_of_all_e_mail(newsletter: Caller) -> None:
    id, (first, second) = newsletter.contact(email=ADA), types_of(newsletter)
    newsletter.later(5)
    answer = change(newsletter, "UNSUBSCRIBED", first)
    assert answer.status == 200
    result = answer.json["results"][0]
    assert (result["status"], result["source"], result["subscriptionId"]) == (
        "UNSUBSCRIBED",
        "Public status API",
        first,
    )
    assert result["setStatusSuccessReason"] == "REQUESTED_CHANGE_OCCURRED"
    assert newsletter.value("contacts", id, f"hs_email_optout_{first}") == "true"
    assert not newsletter.value("contacts", id, f"hs_email_optout_{second}")
    assert not newsletter.value("contacts", id, "hs_email_optout")
    assert newsletter.modified("contacts", id) == "2026-09-21T14:13:25Z"
    states = [one["status"] for one in newsletter.get(f"{V4}/statuses/{ADA}", channel="EMAIL").json["results"]]
    assert states == ["UNSUBSCRIBED", "NOT_SPECIFIED"]


def test_v4_resubscribes_to_one_type_and_says_so(newsletter: Caller) -> None:
    id, first = newsletter.contact(email=ADA), types_of(newsletter)[0]
    change(newsletter, "UNSUBSCRIBED", first)
    again = change(newsletter, "SUBSCRIBED", first, legalBasis="CONSENT_WITH_NOTICE", legalBasisExplanation="Asked us")
    result = again.json["results"][0]
    assert (result["status"], result["setStatusSuccessReason"]) == ("SUBSCRIBED", "RESUBSCRIBE_OCCURRED")
    assert (result["legalBasis"], result["legalBasisExplanation"]) == ("CONSENT_WITH_NOTICE", "Asked us")
    assert newsletter.value("contacts", id, f"hs_email_optout_{first}") == ""
    assert change(newsletter, "SUBSCRIBED", first).json["results"][0]["setStatusSuccessReason"] == "NO_STATUS_CHANGE"


def test_who_opted_out_of_all_e_mail_is_out_of_every_type_and_no_app_lifts_that(newsletter: Caller) -> None:
    """That an app cannot is this local HubSpot's stricter reading: the guide speaks of resubscribing to a type only."""
    id, (first, second) = newsletter.contact(email=ADA), types_of(newsletter)
    answer = newsletter.post(f"{V4}/statuses/{ADA}/unsubscribe-all", None, channel="EMAIL", verbose="true")
    reasons = {(one["subscriptionId"], one["status"], one["setStatusSuccessReason"]) for one in answer.json["results"]}
    assert reasons == {(each, "UNSUBSCRIBED", "UNSUBSCRIBE_FROM_ALL_OCCURRED") for each in (first, second)}
    flags = [newsletter.value("contacts", id, f"hs_email_optout{end}") for end in ("", f"_{first}", f"_{second}")]
    assert flags == ["true", "true", "true"]
    assert change(newsletter, "SUBSCRIBED", first).json["results"][0]["status"] == "UNSUBSCRIBED"
    assert newsletter.value("contacts", id, "hs_email_optout") == "true"
    newsletter.emulator.user().opt_in(ADA)
    flags = [newsletter.value("contacts", id, f"hs_email_optout{end}") for end in ("", f"_{first}", f"_{second}")]
    assert flags == ["", "", ""]


def test_what_was_unsubscribed_from_is_told_with_verbose_only(newsletter: Caller) -> None:
    assert newsletter.post(f"{V4}/statuses/{ADA}/unsubscribe-all", None, channel="EMAIL").json["results"] == []
    bulk = newsletter.post(f"{V4}/statuses/batch/unsubscribe-all", {"inputs": [ADA]}, channel="EMAIL", verbose="true")
    assert [one["setStatusSuccessReason"] for one in bulk.json["results"][0]["statuses"]] == ["NO_STATUS_CHANGE"] * 2


def test_the_person_behind_an_address_chooses_for_themselves(newsletter: Caller) -> None:
    first = types_of(newsletter)[0]
    newsletter.emulator.user().choose_subscription(ADA, first, "SUBSCRIBED")
    told = newsletter.get(f"{V4}/statuses/{ADA}", channel="EMAIL").json["results"][0]
    assert (told["status"], told["source"]) == ("SUBSCRIBED", "Self Service Resubscription")


def test_statuses_are_kept_by_address_whether_or_not_a_contact_has_it(newsletter: Caller) -> None:
    """The property "indicates that the current email address has opted out" (recorded description)."""
    first = types_of(newsletter)[0]
    change(newsletter, "UNSUBSCRIBED", first)
    id = newsletter.contact(email=ADA)
    assert newsletter.value("contacts", id, f"hs_email_optout_{first}") == "true"
    newsletter.patch(f"/crm/v3/objects/contacts/{id}", {"properties": {"email": "lovelace@example.com"}})
    assert newsletter.value("contacts", id, f"hs_email_optout_{first}") == ""


def test_a_contact_without_an_address_cannot_be_named(newsletter: Caller) -> None:
    newsletter.contact(firstname="Ada")
    assert newsletter.get(f"{V4}/statuses/%20", channel="EMAIL").status == 400
    assert newsletter.post(f"{V4}/statuses/Ada/unsubscribe-all", None, channel="EMAIL").status == 400


def test_an_additional_address_moves_no_contact(newsletter: Caller) -> None:
    first, second = newsletter.contact(email=ADA), newsletter.contact(email="lovelace@example.com")
    newsletter.emulator.user().merge("contacts", first, second)
    newsletter.post(f"{V4}/statuses/lovelace@example.com/unsubscribe-all", None, channel="EMAIL")
    assert not newsletter.value("contacts", first, "hs_email_optout")


@pytest.mark.parametrize(
    "wrong",
    [
        {"statusState": "GONE"},
        {"channel": "SMS"},
        {"channel": None},
        {"subscriptionId": 1},
        {"subscriptionId": None},
        {"legalBasis": "BECAUSE"},
    ],
)
def test_a_change_that_cannot_be_is_refused(newsletter: Caller, wrong: dict[str, Any]) -> None:
    body = {"subscriptionId": types_of(newsletter)[0], "statusState": "SUBSCRIBED", "channel": "EMAIL", **wrong}
    assert newsletter.post(f"{V4}/statuses/{ADA}", body).status == 400


def test_a_legal_basis_is_required_where_the_privacy_setting_is_on() -> None:
    """The wording was seen live by a third party."""
    private = Caller(rate_limits=False, subscription_types=("Marketing Information",), data_privacy=True)
    first = types_of(private)[0]
    refused = change(private, "SUBSCRIBED", first)
    assert refused.json["message"] == "Legal Basis is required for resubscribing a contact on GDPR enabled portals"
    taken = change(private, "SUBSCRIBED", first, legalBasis="CONSENT_WITH_NOTICE", legalBasisExplanation="A form")
    assert taken.status == 200


class TestBatches:
    def test_statuses_of_many_addresses_are_read_and_written_and_the_bad_one_named(self, newsletter: Caller) -> None:
        first = types_of(newsletter)[0]
        one = {"subscriptionId": first, "statusState": "UNSUBSCRIBED", "channel": "EMAIL"}
        inputs = [{**one, "subscriberIdString": ADA}, {**one, "subscriberIdString": "nobody"}]
        written = newsletter.post(f"{V4}/statuses/batch/write", {"inputs": inputs})
        assert written.status == 207
        assert [each["subscriberIdString"] for each in written.json["results"]] == [ADA]
        assert written.json["errors"][0]["context"]["subscriberIdString"] == ["nobody"]
        read = newsletter.post(f"{V4}/statuses/batch/read", {"inputs": [ADA, "b@example.com"]}, channel="EMAIL").json
        states = {each["subscriberIdString"]: each["statuses"][0]["status"] for each in read["results"]}
        assert states == {ADA: "UNSUBSCRIBED", "b@example.com": "NOT_SPECIFIED"}

    @pytest.mark.parametrize("verb", ["write", "read", "unsubscribe-all", "unsubscribe-all/read"])
    def test_an_account_without_marketing_enterprise_has_no_batches(self, verb: str) -> None:
        """ "You must have a Marketing Hub Enterprise subscription to authorize these scopes for your app.\""""
        professional = Caller(rate_limits=False, scopes_unavailable=BATCH_SCOPES)
        answer = professional.post(f"{V4}/statuses/batch/{verb}", {"inputs": []}, channel="EMAIL")
        assert (answer.status, answer.json["category"]) == (403, "MISSING_SCOPES")
        assert professional.post(f"{V4}/statuses/{ADA}/unsubscribe-all", None, channel="EMAIL").status == 200

    def test_a_batch_has_a_scope_of_its_own(self, newsletter: Caller) -> None:
        newsletter.token = newsletter.emulator.issue_token("communication_preferences.read_write")
        answer = newsletter.post(f"{V4}/statuses/batch/unsubscribe-all", {"inputs": [ADA]}, channel="EMAIL")
        assert answer.status == 403
        newsletter.token = newsletter.emulator.issue_token(BATCH_SCOPES[0])
        assert newsletter.post(f"{V4}/statuses/batch/read", {"inputs": [ADA]}, channel="EMAIL").status == 200
        assert newsletter.post(f"{V4}/statuses/batch/write", {"inputs": []}).status == 403

    def test_reading_scopes_do_not_write(self, newsletter: Caller) -> None:
        newsletter.token = newsletter.emulator.issue_token("communication_preferences.read")
        assert newsletter.get(f"{V4}/statuses/{ADA}", channel="EMAIL").status == 200
        assert change(newsletter, "SUBSCRIBED", 23_783_731).status == 403

    def test_the_dated_form_takes_the_scopes_that_its_guide_names(self, newsletter: Caller) -> None:
        newsletter.token = newsletter.emulator.issue_token("subscriptions-status-write")
        assert change(newsletter, "SUBSCRIBED", 23_783_731, "/communication-preferences/2026-03").status == 200
        assert change(newsletter, "SUBSCRIBED", 23_783_731).status == 403


class TestV3:
    def test_types_and_statuses_are_read(self, newsletter: Caller) -> None:
        newsletter.emulator.user().choose_subscription(ADA, types_of(newsletter)[0], "SUBSCRIBED")
        named = newsletter.get(f"{V3}/definitions").json["subscriptionDefinitions"]
        assert [one["name"] for one in named] == ["Marketing Information", "Recipes"]
        told = newsletter.get(f"{V3}/status/email/{ADA}").json
        assert told["recipient"] == ADA
        states = [(one["status"], one["sourceOfStatus"]) for one in told["subscriptionStatuses"]]
        assert states == [("SUBSCRIBED", "SUBSCRIPTION_STATUS"), ("NOT_SUBSCRIBED", "SUBSCRIPTION_STATUS")]

    def test_a_repetition_is_an_error_with_the_words_that_clients_look_for(self, newsletter: Caller) -> None:
        """Quoted by several clients: `<email> is already (un)subscribed (to|from) subscription <id>`, VALIDATION_ERROR."""
        id = str(types_of(newsletter)[0])
        body = {"emailAddress": ADA, "subscriptionId": id}
        assert newsletter.post(f"{V3}/subscribe", body).json["status"] == "SUBSCRIBED"
        again = newsletter.post(f"{V3}/subscribe", body)
        assert (again.status, again.json["category"]) == (400, "VALIDATION_ERROR")
        assert again.json["message"] == f"{ADA} is already subscribed to subscription {id}"
        assert newsletter.post(f"{V3}/unsubscribe", body).status == 200
        again = newsletter.post(f"{V3}/unsubscribe", body)
        assert again.json["message"] == f"{ADA} is already unsubscribed from subscription {id}"

    def test_who_opted_out_is_not_resubscribed(self, newsletter: Caller) -> None:
        body = {"emailAddress": ADA, "subscriptionId": types_of(newsletter)[0]}
        newsletter.post(f"{V3}/unsubscribe", body)
        assert newsletter.post(f"{V3}/subscribe", body).status == 400
        newsletter.emulator.user().opt_out("b@example.com")
        other = {**body, "emailAddress": "b@example.com"}
        assert newsletter.post(f"{V3}/unsubscribe", other).status == 400
        told = newsletter.get(f"{V3}/status/email/b@example.com").json["subscriptionStatuses"][0]
        assert (told["status"], told["sourceOfStatus"]) == ("NOT_SUBSCRIBED", "PORTAL_WIDE_STATUS")

    def test_what_is_missing_is_named(self, newsletter: Caller) -> None:
        """Reported with hubspot-api-ruby, issue 170."""
        message = newsletter.post(f"{V3}/subscribe", {}).json["message"]
        assert message.endswith("some of required attributes are not set [emailAddress, subscriptionId]")
