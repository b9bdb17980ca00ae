"""HubSpot's own client on what an account is set up with: subscription types, labels and limits, pipelines, currencies, owners.

As in test_hubspot_third_party.py: what the client cannot read is a defect of the local HubSpot.
"""

from __future__ import annotations

from collections.abc import Iterator

import hubspot_sdk
import pytest
from hubspot import HubSpot

from crm_emulator.hubspot import HubSpotEmulator
from crm_emulator.kernel.server import served_in_thread

ADA = "ada@example.com"


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[HubSpotEmulator, str]]:
    emulator = HubSpotEmulator(
        rate_limits=False, subscription_types=("Marketing Information",), currencies={"EUR": "1.1"}
    )
    with served_in_thread(emulator.app) as url:
        yield emulator, url


@pytest.fixture
def emulator(served: tuple[HubSpotEmulator, str]) -> HubSpotEmulator:
    served[0].reset()
    return served[0]


@pytest.fixture
def client(emulator: HubSpotEmulator, served: tuple[HubSpotEmulator, str]) -> Iterator[hubspot_sdk.HubSpot]:
    with hubspot_sdk.HubSpot(
        access_token=emulator.token, base_url=served[1], max_retries=0, _strict_response_validation=True
    ) as made:
        yield made


def test_subscriptions_are_told_changed_and_read_in_batches(
    client: hubspot_sdk.HubSpot, emulator: HubSpotEmulator
) -> None:
    preferences = client.communication_preferences
    (found,) = preferences.definitions.list().results
    id = int(found.id)
    changed = preferences.update_status(ADA, channel="EMAIL", status_state="UNSUBSCRIBED", subscription_id=id)
    assert changed.results[0].set_status_success_reason == "REQUESTED_CHANGE_OCCURRED"
    assert preferences.get_statuses(ADA, channel="EMAIL").results[0].status == "UNSUBSCRIBED"
    batch = preferences.statuses.batch
    (told,) = batch.read(channel="EMAIL", inputs=[ADA]).results
    assert told.statuses[0].subscription_id == id
    row = {"channel": "EMAIL", "statusState": "SUBSCRIBED", "subscriptionId": id, "subscriberIdString": ADA}
    written = batch.update_statuses(inputs=[row])  # type: ignore[list-item]
    assert written.results[0].status == "SUBSCRIBED"
    everything = preferences.unsubscribe_all(ADA, channel="EMAIL", verbose=True)
    assert everything.results[0].set_status_success_reason == "UNSUBSCRIBE_FROM_ALL_OCCURRED"


def test_the_older_client_subscribes_by_v3(emulator: HubSpotEmulator, served: tuple[HubSpotEmulator, str]) -> None:
    older = HubSpot(access_token=emulator.token, host=served[1])
    (found,) = older.communication_preferences.definition_api.get_page().subscription_definitions
    body = {"emailAddress": ADA, "subscriptionId": found.id}
    assert older.communication_preferences.status_api.subscribe(body).status == "SUBSCRIBED"
    statuses = older.communication_preferences.status_api.get_email_status(ADA)
    assert [one.source_of_status for one in statuses.subscription_statuses] == ["SUBSCRIPTION_STATUS"]


def test_labels_and_limits_of_associations_are_set_and_read(
    client: hubspot_sdk.HubSpot, emulator: HubSpotEmulator
) -> None:
    schema = client.crm.associations_schema
    made = schema.labels.create_label("contacts", from_object_type="deals", label="Decider", name="decider")
    id = made.results[0].type_id
    listed = schema.labels.list_labels("contacts", from_object_type="deals").results
    assert id in {one.type_id for one in listed}
    rows = [{"category": "USER_DEFINED", "typeId": id, "maxToObjectIds": 1}]
    schema.limits.batch_update("contacts", from_object_type="deals", inputs=rows)  # type: ignore[arg-type]
    (limit,) = schema.limits.list().results
    assert (limit.type_id, limit.user_enforced_max_to_object_ids) == (id, 1)
    (usage, _) = client.crm.limits.get_association_label_limits().results
    assert usage.all_labels == ["Decider"]
    near = client.crm.limits.get_association_records_limits_by_object_type("0-2", from_object_type_id="0-1")
    assert near.total_records_at_limit == 0


def test_pipelines_tell_what_was_changed_and_how_many_there_may_be(
    client: hubspot_sdk.HubSpot, emulator: HubSpotEmulator
) -> None:
    pipeline = emulator.settings().add_pipeline("deals", "Renewals", [])
    stage = emulator.settings().add_stage("deals", pipeline, "Open", probability="0.5")
    assert [one.action for one in client.crm.pipelines.list_audit(pipeline, object_type="deals").results] == ["CREATE"]
    told = client.crm.pipelines.list_stage_audit(stage, object_type="deals", pipeline_id=pipeline).results
    assert told[0].from_user_id == emulator.users[0].user_id
    rows = client.crm.limits.get_pipeline_limits().hubspot_defined_object_types
    assert {row.object_type_id: row.usage for row in rows} == {"0-3": 2, "0-5": 1}


def test_currencies_and_their_rates_are_read_and_set(client: hubspot_sdk.HubSpot, emulator: HubSpotEmulator) -> None:
    currencies = client.settings.currencies
    assert currencies.get_company_currency().id == "USD"
    (rate,) = currencies.exchange_rates.list_current_exchange_rates().results
    assert (rate.from_currency_code, rate.conversion_rate) == ("EUR", 1.1)
    made = currencies.exchange_rates.create_exchange_rate(conversion_rate=1.25, from_currency_code="GBP")
    assert made.to_currency_code == "USD"
    assert "EUR" in {one.currency_code for one in currencies.list_codes().results}


def test_an_owner_shows_its_teams(client: hubspot_sdk.HubSpot, emulator: HubSpotEmulator) -> None:
    emulator.settings().add_team("West", "Admin")
    (admin,) = [one for one in client.crm.owners.list() if one.email == "admin@example.com"]
    assert admin.teams is not None
    assert [(team.name, team.primary) for team in admin.teams] == [("West", True)]
