"""Unmodified third-party clients against a served HubSpot emulator: what they cannot use is a defect of ours.

hubspot-api-client speaks /crm/v3 and /crm/v4 and repeats query keys; hubspot-sdk speaks the dated paths, joins lists
with commas and retries 409. Both parse every answer into typed models.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import hubspot_sdk
import pytest
from hubspot import HubSpot
from hubspot.crm.associations.v4 import AssociationSpec
from hubspot.crm.contacts import ApiException
from hubspot.crm.properties import PropertyCreate
from hubspot.oauth import ApiException as OAuthException

from crm_emulator.hubspot import HubSpotEmulator
from crm_emulator.kernel.server import served_in_thread


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[HubSpotEmulator, str]]:
    emulator = HubSpotEmulator(rate_limits=False)
    with served_in_thread(emulator.app) as url:
        yield emulator, url


@pytest.fixture
def emulator(served: tuple[HubSpotEmulator, str]) -> HubSpotEmulator:
    served[0].reset()
    return served[0]


class TestHubspotApiClient:
    @pytest.fixture
    def client(self, emulator: HubSpotEmulator, served: tuple[HubSpotEmulator, str]) -> Any:
        return HubSpot(access_token=emulator.token, host=served[1], base_url=served[1])

    def test_a_contact_is_created_read_updated_listed_and_archived(self, client: Any) -> None:
        contacts = client.crm.contacts.basic_api
        made = contacts.create({"properties": {"email": "ada@example.com", "firstname": "Ada"}})
        read = contacts.get_by_id(made.id, properties=["email", "firstname"], properties_with_history=["firstname"])
        assert read.properties["firstname"] == "Ada"
        assert read.properties_with_history["firstname"][0].value == "Ada"
        assert read.created_at == made.created_at
        updated = contacts.update(made.id, {"properties": {"lastname": "Lovelace"}})
        assert updated.properties["lastname"] == "Lovelace"
        assert contacts.get_by_id("ada@example.com", id_property="email").id == made.id
        assert [one.id for one in client.crm.contacts.get_all()] == [made.id]
        contacts.archive(made.id)
        assert contacts.get_page(archived=False).results == []
        assert [one.id for one in contacts.get_page(archived=True).results] == [made.id]

    def test_every_page_is_read(self, client: Any, emulator: HubSpotEmulator) -> None:
        rows = [{"firstname": f"c{number}"} for number in range(230)]
        ids = emulator.seed({"contacts": rows})["contacts"]
        assert [one.id for one in client.crm.contacts.get_all(properties=["firstname"])] == ids

    def test_batches_and_their_partial_answers_are_understood(self, client: Any) -> None:
        batch = client.crm.contacts.batch_api
        rows = [{"properties": {"email": f"p{number}@example.com"}} for number in range(5)]
        made = batch.create({"inputs": rows})
        ids = [one.id for one in made.results]
        read = batch.read(
            {"properties": ["email"], "propertiesWithHistory": [], "inputs": [{"id": "9"}, {"id": ids[0]}]}
        )
        assert [one.id for one in read.results] == [ids[0]]
        assert read.num_errors == 1
        assert read.errors[0].context["ids"] == ["9"]
        updated = batch.update({"inputs": [{"id": id, "properties": {"city": "Turin"}} for id in ids]})
        assert {one.properties["city"] for one in updated.results} == {"Turin"}
        row = {"id": "p0@example.com", "idProperty": "email", "properties": {"city": "Rome"}}
        assert batch.upsert({"inputs": [row]}).results[0].new is False
        batch.archive({"inputs": [{"id": id} for id in ids]})
        assert client.crm.contacts.get_all() == []

    def test_search_is_understood(self, client: Any, emulator: HubSpotEmulator) -> None:
        emulator.seed({"contacts": [{"firstname": f"c{number}", "city": "Turin"} for number in range(12)]})
        where = {"propertyName": "city", "operator": "EQ", "value": "turin"}
        body = {"filterGroups": [{"filters": [where]}], "sorts": ["-hs_object_id"], "limit": 10, "properties": ["city"]}
        page = client.crm.contacts.search_api.do_search(body)
        assert (page.total, len(page.results), page.paging.next.after) == (12, 10, "10")
        assert len(client.crm.contacts.search_api.do_search({**body, "after": "10"}).results) == 2

    def test_refusals_arrive_with_status_and_body(self, client: Any, emulator: HubSpotEmulator) -> None:
        id = emulator.user().create("contacts", {"email": "ada@example.com"})
        contacts = client.crm.contacts.basic_api
        with pytest.raises(ApiException) as conflict:
            contacts.create({"properties": {"email": "ada@example.com"}})
        assert conflict.value.status == 409
        assert f"Existing ID: {id}" in conflict.value.body
        with pytest.raises(ApiException) as missing:
            contacts.get_by_id("9")
        assert missing.value.status == 404
        with pytest.raises(ApiException) as invalid:
            contacts.create({"properties": {"email": "000"}})
        assert "INVALID_EMAIL" in invalid.value.body

    def test_properties_are_created_and_listed(self, client: Any) -> None:
        properties = client.crm.properties.core_api
        body = PropertyCreate(
            name="tier",
            label="Tier",
            type="enumeration",
            field_type="select",
            group_name="contactinformation",
            options=[{"label": "Gold", "value": "gold", "displayOrder": 0, "hidden": False}],
            has_unique_value=False,
        )
        assert properties.create("contacts", body).options[0].value == "gold"
        assert "tier" in {one.name for one in properties.get_all("contacts").results}
        properties.archive("contacts", "tier")
        assert "tier" not in {one.name for one in properties.get_all("contacts").results}
        assert {one.name for one in client.crm.properties.groups_api.get_all("deals").results} >= {"dealinformation"}

    def test_associations_v4_are_written_and_read(self, client: Any, emulator: HubSpotEmulator) -> None:
        ids = emulator.seed({"contacts": [{"firstname": "Ada"}], "companies": [{"name": "Acme"}]})
        contact, company = ids["contacts"][0], ids["companies"][0]
        basic = client.crm.associations.v4.basic_api
        basic.create_default("contacts", contact, "companies", company)
        spec = AssociationSpec(association_category="HUBSPOT_DEFINED", association_type_id=1)
        assert basic.create("contacts", contact, "companies", company, [spec]).labels == ["Primary"]
        found = basic.get_page("contacts", contact, "companies", limit=500).results
        assert {one.type_id for one in found[0].association_types} == {1, 279}
        batch = client.crm.associations.v4.batch_api.get_page("companies", "contacts", {"inputs": [{"id": company}]})
        assert [str(one.to_object_id) for one in batch.results[0].to] == [contact]
        basic.archive("contacts", contact, "companies", company)
        assert basic.get_page("contacts", contact, "companies", limit=500).results == []

    def test_deals_pipelines_and_owners_are_read(self, client: Any, emulator: HubSpotEmulator) -> None:
        stages = client.crm.pipelines.pipelines_api.get_by_id("deals", "default").stages
        assert [stage.id for stage in stages][-2:] == ["closedwon", "closedlost"]
        owner = client.crm.owners.owners_api.get_page().results[0]
        deal = client.crm.deals.basic_api.create(
            {"properties": {"dealname": "D", "dealstage": stages[0].id, "amount": "10", "hubspot_owner_id": owner.id}}
        )
        assert deal.properties["hubspot_owner_id"] == owner.id
        assert owner.email == emulator.users[0].email

    def test_tokens_are_exchanged_and_described(self, client: Any, emulator: HubSpotEmulator) -> None:
        redirect = "http://127.0.0.1:9/back"
        code = emulator.account.issue_code(redirect, None, emulator.clock.now_ms())
        tokens = client.oauth.tokens_api
        form = {"client_id": emulator.client_id, "client_secret": emulator.client_secret, "redirect_uri": redirect}
        granted = tokens.create(grant_type="authorization_code", code=code, **form)
        assert granted.expires_in == 1800
        assert client.oauth.access_tokens_api.get(granted.access_token).hub_id == emulator.account_id
        with pytest.raises(OAuthException) as refused:
            tokens.create(grant_type="refresh_token", refresh_token="nope", **form)
        assert refused.value.status == 400

    def test_lists_are_made_searched_and_filled(self, client: Any, emulator: HubSpotEmulator) -> None:
        ids = emulator.seed({"contacts": [{"firstname": "Ada"}, {"firstname": "Bob"}]})["contacts"]
        lists, memberships = client.crm.lists.lists_api, client.crm.lists.memberships_api
        made = lists.create({"name": "Customers", "objectTypeId": "0-1", "processingType": "MANUAL"}).list
        assert (made.name, made.processing_status, made.size) == ("Customers", "COMPLETE", 0)
        assert memberships.add(made.list_id, ids).records_ids_added == ids
        (found,) = lists.do_search({"query": "cust"}).lists
        assert found.additional_properties["hs_list_size"] == "2"
        page = memberships.get_page_ordered_by_added_to_list_date(made.list_id)
        assert [row.record_id for row in page.results] == ids
        of_ada = memberships.get_lists("0-1", ids[0])
        assert [each.list_id for each in of_ada.results] == [made.list_id]

    def test_a_bare_request_works_too(self, client: Any, emulator: HubSpotEmulator) -> None:
        answer = client.api_request({"path": "/account-info/v3/details", "method": "GET"})
        assert answer.json()["portalId"] == emulator.account_id


class TestHubspotSdk:
    @pytest.fixture
    def client(self, emulator: HubSpotEmulator, served: tuple[HubSpotEmulator, str]) -> Iterator[hubspot_sdk.HubSpot]:
        with hubspot_sdk.HubSpot(access_token=emulator.token, base_url=served[1], max_retries=0) as client:
            yield client

    def test_a_contact_is_created_read_updated_listed_and_archived(self, client: hubspot_sdk.HubSpot) -> None:
        contacts = client.crm.objects.contacts
        made = contacts.create(associations=[], properties={"email": "ada@example.com", "firstname": "Ada"})
        read = contacts.get(made.id, properties=["email", "firstname"], properties_with_history=["firstname"])
        assert read.properties["firstname"] == "Ada"
        contacts.update(made.id, properties={"city": "Turin"})
        assert contacts.get("ada@example.com", id_property="email", properties=["city"]).properties["city"] == "Turin"
        assert [one.id for one in contacts.list(limit=1)] == [made.id]
        contacts.delete(made.id)
        with pytest.raises(hubspot_sdk.NotFoundError):
            contacts.get(made.id)

    def test_every_page_is_read(self, client: hubspot_sdk.HubSpot, emulator: HubSpotEmulator) -> None:
        ids = emulator.seed({"contacts": [{"firstname": f"c{number}"} for number in range(25)]})["contacts"]
        assert [one.id for one in client.crm.objects.contacts.list(limit=10)] == ids

    def test_batches_are_understood(self, client: hubspot_sdk.HubSpot) -> None:
        batch = client.crm.objects.contacts.batch
        rows: list[Any] = [{"associations": [], "properties": {"email": f"p{n}@example.com"}} for n in range(3)]
        made = batch.create(inputs=rows)
        read = batch.get(
            inputs=[{"id": one.id} for one in made.results], properties=["email"], properties_with_history=[]
        )
        assert {one.properties["email"] for one in read.results} == {f"p{n}@example.com" for n in range(3)}
        upserted = batch.upsert(
            inputs=[{"id": "p9@example.com", "id_property": "email", "properties": {"firstname": "Nine"}}]
        )
        assert upserted.results[0].new is True
        batch.delete(inputs=[{"id": one.id} for one in made.results])
        assert len(list(client.crm.objects.contacts.list())) == 1

    def test_search_is_understood(self, client: hubspot_sdk.HubSpot, emulator: HubSpotEmulator) -> None:
        emulator.seed({"contacts": [{"firstname": "Ada"}, {"firstname": "Grace"}]})
        found = client.crm.objects.contacts.search(
            after="0",
            filter_groups=[{"filters": [{"property_name": "firstname", "operator": "EQ", "value": "grace"}]}],
            limit=10,
            properties=["firstname"],
            sorts=["createdate"],
        )
        assert (found.total, found.results[0].properties["firstname"]) == (1, "Grace")

    def test_a_conflict_and_a_missing_scope_are_told_apart(
        self, client: hubspot_sdk.HubSpot, emulator: HubSpotEmulator, served: tuple[HubSpotEmulator, str]
    ) -> None:
        emulator.user().create("contacts", {"email": "ada@example.com"})
        with pytest.raises(hubspot_sdk.ConflictError):
            client.crm.objects.contacts.create(associations=[], properties={"email": "ada@example.com"})
        token = emulator.issue_token("crm.objects.companies.read")
        with (
            hubspot_sdk.HubSpot(access_token=token, base_url=served[1], max_retries=0) as other,
            pytest.raises(hubspot_sdk.PermissionDeniedError),
        ):
            other.crm.objects.contacts.get("1")

    def test_a_refused_search_is_repeated_and_then_succeeds(
        self, emulator: HubSpotEmulator, served: tuple[HubSpotEmulator, str]
    ) -> None:
        emulator.faults.add({"kind": "status", "status": 429, "match": {"path_prefix": "/crm/", "times": 1}})
        with hubspot_sdk.HubSpot(access_token=emulator.token, base_url=served[1], max_retries=1) as client:
            assert list(client.crm.objects.contacts.list()) == []
        assert emulator.stats.calls == 2
        assert emulator.stats.refused_429 == 1

    def test_associations_are_written_and_read(self, client: hubspot_sdk.HubSpot, emulator: HubSpotEmulator) -> None:
        ids = emulator.seed({"deals": [{"dealname": "D"}], "companies": [{"name": "Acme"}]})
        deal, company = ids["deals"][0], ids["companies"][0]
        rows: list[Any] = [{"from": {"id": deal}, "to": {"id": company}}]
        client.crm.associations.batch.create_default("companies", from_object_type="deals", inputs=rows)
        assert emulator.user().get("deals", deal)["hs_primary_associated_company"] == company

    def test_properties_owners_pipelines_account_and_usage_are_read(
        self, client: hubspot_sdk.HubSpot, emulator: HubSpotEmulator
    ) -> None:
        assert len(client.crm.properties.list("contacts").results) > 270
        assert len(list(client.crm.owners.list())) == 2
        assert client.crm.pipelines.list("deals").results[0].label == "Sales Pipeline"
        assert client.account.get().portal_id == emulator.account_id
        usage = client.account.get_daily_private_apps_usage().results[0]
        assert usage.usage_limit == emulator.config.daily_limit

    def test_lists_are_searched_and_their_members_read(
        self, client: hubspot_sdk.HubSpot, emulator: HubSpotEmulator
    ) -> None:
        ids = emulator.seed({"contacts": [{"firstname": f"c{number}"} for number in range(120)]})["contacts"]
        list_id = emulator.user().create_list("contacts", "Customers", ids)
        (found,) = client.crm.lists.list_by_search(query="cust", list_ids=[], processing_types=[], offset=0).lists
        assert found.list_id == list_id
        members = [row.record_id for row in client.crm.lists.get_memberships_join_order(list_id)]
        assert members == ids
        inputs = [{"objectTypeId": "0-1", "recordId": ids[0]}]
        answer = client.crm.lists.batch_read_memberships(inputs=inputs)  # type: ignore[arg-type]
        assert answer.results[0].record_list_memberships[0].list_id == list_id

    def test_an_address_is_unsubscribed(self, client: hubspot_sdk.HubSpot, emulator: HubSpotEmulator) -> None:
        id = emulator.user().create("contacts", {"email": "ada@example.com"})
        preferences = client.communication_preferences
        preferences.unsubscribe_all("ada@example.com", channel="EMAIL")
        status = preferences.get_unsubscribe_all_status("ada@example.com", channel="EMAIL")
        assert status.results[0].status == "UNSUBSCRIBED"
        assert emulator.user().get("contacts", id)["hs_email_optout"] == "true"
        preferences.statuses.batch.unsubscribe_all(channel="EMAIL", inputs=["b@example.com"])
        assert "b@example.com" in emulator.portal.subscriptions.opted_out
