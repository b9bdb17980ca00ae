"""What belongs to the account: properties, pipelines, owners, opt-out, OAuth."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from tests.emulator.hubspot.calls import Answer, Caller

from crm_emulator.hubspot.errors import ApiError

PROPERTIES = "/crm/v3/properties/contacts"


def definition(**more: Any) -> dict[str, Any]:
    found = {"name": "tier", "label": "Tier", "type": "string", "fieldType": "text", "groupName": "contactinformation"}
    return {**found, **more}


class TestProperties:
    @pytest.mark.parametrize("base", ["/crm/v3/properties", "/crm/properties/2026-03", "/crm/properties/2026-09"])
    def test_a_new_property_can_be_written_read_and_archived(self, hubspot: Caller, base: str) -> None:
        assert hubspot.post(f"{base}/contacts", definition()).status == 201
        id = hubspot.contact(firstname="Ada", tier="gold")
        assert hubspot.value("contacts", id, "tier") == "gold"
        assert hubspot.get(f"{base}/contacts/tier").json["hubspotDefined"] is False
        assert hubspot.delete(f"{base}/contacts/tier").status == 204
        assert hubspot.get(f"{base}/contacts/tier").status == 404
        assert "tier" not in hubspot.get(f"/crm/v3/objects/contacts/{id}", properties="tier").json["properties"]

    def test_the_definitions_tell_which_values_can_be_written(self, hubspot: Caller) -> None:
        found = {one["name"]: one for one in hubspot.get(PROPERTIES).json["results"]}
        assert len(found) > 270
        assert found["hs_email_optout"]["modificationMetadata"]["readOnlyValue"] is True
        assert found["email"]["modificationMetadata"]["readOnlyValue"] is False
        assert found["hubspot_owner_id"]["referencedObjectType"] == "OWNER"
        assert [one["value"] for one in found["lifecyclestage"]["options"]][:2] == ["subscriber", "lead"]

    @pytest.mark.parametrize(
        ("body", "status"),
        [
            (definition(name="email"), 409),
            (definition(name="Tier"), 400),
            (definition(groupName="nowhere"), 404),
            (definition(type="text"), 400),
            (definition(fieldType="slider"), 400),
            ({"name": "tier"}, 400),
            (definition(type="enumeration", fieldType="select"), 400),
        ],
    )
    def test_a_definition_that_cannot_be_is_refused(self, hubspot: Caller, body: dict[str, Any], status: int) -> None:
        assert hubspot.post(PROPERTIES, body).status == status

    def test_options_restrict_the_values_and_can_be_added(self, hubspot: Caller) -> None:
        options = [{"label": "Gold", "value": "gold"}, {"label": "Silver", "value": "silver"}]
        hubspot.post(PROPERTIES, definition(type="enumeration", fieldType="select", options=options))
        body = {"properties": {"firstname": "Ada", "tier": "bronze"}}
        assert hubspot.post("/crm/v3/objects/contacts", body).json["errors"][0]["code"] == "INVALID_OPTION"
        hubspot.patch(f"{PROPERTIES}/tier", {"options": [*options, {"label": "Bronze", "value": "bronze"}]})
        assert hubspot.post("/crm/v3/objects/contacts", body).status == 201

    def test_a_value_outlives_its_option_and_cannot_be_written_again(self, hubspot: Caller) -> None:
        options = [{"label": "Gold", "value": "gold"}, {"label": "Silver", "value": "silver"}]
        hubspot.post(PROPERTIES, definition(type="enumeration", fieldType="select", options=options))
        id = hubspot.contact(firstname="Ada", tier="silver")
        assert hubspot.patch(f"{PROPERTIES}/tier", {"options": options[:1]}).status == 200
        path = f"/crm/v3/objects/contacts/{id}"
        assert hubspot.value("contacts", id, "tier") == "silver"
        refused = hubspot.patch(path, {"properties": {"tier": "silver"}})
        assert refused.json["errors"][0]["code"] == "INVALID_OPTION"
        assert hubspot.patch(path, {"properties": {"city": "Turin"}}).status == 200
        assert hubspot.patch(path, {"properties": {"tier": ""}}).status == 200

    def test_an_option_is_matched_by_its_exact_value_and_not_by_its_label(self, hubspot: Caller) -> None:
        options = [{"label": "Gold", "value": "gold"}]
        hubspot.post(PROPERTIES, definition(type="enumeration", fieldType="checkbox", options=options))
        for given in ("Gold", "GOLD", " gold", "gold;silver"):
            answer = hubspot.post("/crm/v3/objects/contacts", {"properties": {"firstname": "Ada", "tier": given}})
            assert answer.json["errors"][0]["code"] == "INVALID_OPTION", given

    def test_a_unique_property_that_comes_back_holds_its_values_alone_again(self, hubspot: Caller) -> None:
        hubspot.post(PROPERTIES, definition(hasUniqueValue=True))
        id = hubspot.contact(firstname="Ada", tier="one")
        for path in (f"{PROPERTIES}/batch/archive", PROPERTIES):
            body: Any = {"inputs": [{"name": "tier"}]} if path.endswith("archive") else definition(hasUniqueValue=True)
            assert hubspot.post(path, body).status < 300
        assert hubspot.get("/crm/v3/objects/contacts/ONE", idProperty="tier").json["id"] == id
        refused = hubspot.post("/crm/v3/objects/contacts", {"properties": {"firstname": "Grace", "tier": "one"}})
        assert "already has that value" in refused.json["message"]

    @pytest.mark.parametrize("change", [{"type": "text"}, {"fieldType": "slider"}])
    def test_a_definition_cannot_be_changed_to_what_does_not_exist(
        self, hubspot: Caller, change: dict[str, str]
    ) -> None:
        hubspot.post(PROPERTIES, definition())
        assert hubspot.patch(f"{PROPERTIES}/tier", change).status == 400
        assert hubspot.get(f"{PROPERTIES}/tier").json["type"] == "string"

    def test_a_built_in_definition_cannot_be_changed(self, hubspot: Caller) -> None:
        assert hubspot.patch(f"{PROPERTIES}/lifecyclestage", {"label": "Stage"}).status == 400
        assert hubspot.patch(f"{PROPERTIES}/lifecyclestage", {"type": "string"}).status == 400

    def test_a_group_is_renamed(self, hubspot: Caller) -> None:
        hubspot.post(f"{PROPERTIES}/groups", {"name": "sync", "label": "Sync"})
        changed = hubspot.patch(f"{PROPERTIES}/groups/sync", {"label": "Our sync", "displayOrder": 3}).json
        assert (changed["label"], changed["displayOrder"]) == ("Our sync", 3)
        listed = hubspot.get(f"{PROPERTIES}/groups").json["results"]
        assert changed in listed
        assert hubspot.get(f"{PROPERTIES}/groups/sync").json == changed
        assert hubspot.get(f"{PROPERTIES}/groups/nope").status == 404

    def test_an_archived_property_is_listed_apart(self, hubspot: Caller) -> None:
        hubspot.post(PROPERTIES, definition())
        hubspot.delete(f"{PROPERTIES}/tier")
        listed = hubspot.get(PROPERTIES, archived="true").json["results"]
        assert [(one["name"], one["archived"]) for one in listed] == [("tier", True)]

    def test_an_archived_property_is_left_out_and_comes_back_with_its_values(self, hubspot: Caller) -> None:
        hubspot.post(PROPERTIES, definition())
        id = hubspot.contact(firstname="Ada", tier="gold")
        path = f"/crm/v3/objects/contacts/{id}"
        hugo = hubspot.emulator.user()
        hugo.archive_property("contacts", "tier")
        assert "tier" not in hubspot.get(path, properties="firstname,tier").json["properties"]
        refused = hubspot.patch(path, {"properties": {"tier": "silver"}})
        assert refused.json["errors"][0]["code"] == "PROPERTY_DOESNT_EXIST"
        hugo.restore_property("contacts", "tier")
        assert hubspot.value("contacts", id, "tier") == "gold"
        assert hubspot.get(f"{PROPERTIES}/tier").json["archived"] is False
        with pytest.raises(ApiError):
            hugo.restore_property("contacts", "tier")

    def test_what_a_survivor_holds_of_an_archived_property_outlives_the_merge(self) -> None:
        hubspot = Caller(rate_limits=False, merge_keeps_primary_id=False)
        hubspot.post(PROPERTIES, definition())
        ada, double = hubspot.contact(firstname="Ada", tier="gold"), hubspot.contact(firstname="Ada")
        hugo = hubspot.emulator.user()
        hugo.archive_property("contacts", "tier")
        survivor = hugo.merge("contacts", ada, double)
        hugo.restore_property("contacts", "tier")
        assert hubspot.value("contacts", survivor, "tier") == "gold"

    def test_a_calculated_property_cannot_be_written(self, hubspot: Caller) -> None:
        made = hubspot.post(
            PROPERTIES, definition(type="number", fieldType="calculation_equation", calculationFormula="1 + 1")
        )
        assert made.json["calculated"] is True
        refused = hubspot.post("/crm/v3/objects/contacts", {"properties": {"firstname": "Ada", "tier": "1"}})
        assert refused.json["errors"][0]["code"] == "READ_ONLY_VALUE"

    def test_an_account_has_at_most_ten_unique_properties_per_type(self, hubspot: Caller) -> None:
        made = [hubspot.post(PROPERTIES, definition(name=f"key{n}", hasUniqueValue=True)).status for n in range(11)]
        assert made == [201] * 10 + [400]

    def test_a_batch_of_definitions_reports_the_bad_one(self, hubspot: Caller) -> None:
        rows = {"inputs": [definition(), definition(name="email"), definition(name="rank")]}
        made = hubspot.post(f"{PROPERTIES}/batch/create", rows)
        assert made.status == 207
        assert [one["name"] for one in made.json["results"]] == ["tier", "rank"]
        read = hubspot.post(f"{PROPERTIES}/batch/read", {"inputs": [{"name": "rank"}, {"name": "nope"}]})
        assert (read.status, [one["name"] for one in read.json["results"]]) == (207, ["rank"])
        hubspot.post(f"{PROPERTIES}/batch/archive", {"inputs": [{"name": "rank"}]})
        assert hubspot.get(f"{PROPERTIES}/rank").status == 404

    def test_groups_can_be_made_and_hold_properties(self, hubspot: Caller) -> None:
        assert hubspot.post(f"{PROPERTIES}/groups", {"name": "sync", "label": "Sync"}).status == 201
        assert hubspot.post(f"{PROPERTIES}/groups", {"name": "sync", "label": "Sync"}).status == 409
        hubspot.post(PROPERTIES, definition(groupName="sync"))
        assert hubspot.delete(f"{PROPERTIES}/groups/sync").status == 400
        hubspot.delete(f"{PROPERTIES}/tier")
        assert hubspot.delete(f"{PROPERTIES}/groups/sync").status == 204

    def test_a_built_in_property_cannot_be_archived(self, hubspot: Caller) -> None:
        assert hubspot.delete(f"{PROPERTIES}/email").status == 400


class TestPipelines:
    @pytest.mark.parametrize("base", ["/crm/v3/pipelines", "/crm/pipelines/2026-09"])
    def test_the_default_deal_pipeline_is_the_recorded_one(self, hubspot: Caller, base: str) -> None:
        pipeline = hubspot.get(f"{base}/deals").json["results"][0]
        assert (pipeline["id"], pipeline["label"]) == ("default", "Sales Pipeline")
        assert pipeline["createdAt"] == "1970-01-01T00:00:00Z"
        stages = {stage["id"]: stage["metadata"] for stage in pipeline["stages"]}
        assert stages["closedwon"] == {"isClosed": "true", "probability": "1.0"}
        assert stages["qualifiedtobuy"] == {"isClosed": "false", "probability": "0.4"}

    def test_a_deal_can_stand_in_a_pipeline_of_ones_own(self, hubspot: Caller) -> None:
        stages = [{"label": "Open", "metadata": {"probability": "0.5"}, "displayOrder": 0}]
        body = {"label": "Renewals", "displayOrder": 1, "stages": stages}
        made = hubspot.post("/crm/v3/pipelines/deals", body).json
        stage = made["stages"][0]["id"]
        deal = hubspot.deal(dealstage=stage)
        assert hubspot.value("deals", deal, "pipeline") == made["id"]
        refused = hubspot.patch(
            f"/crm/v3/objects/deals/{deal}", {"properties": {"pipeline": "default", "dealstage": stage}}
        )
        assert refused.status == 400

    def test_stages_need_a_probability_and_a_label_of_their_own(self, hubspot: Caller) -> None:
        stages = "/crm/v3/pipelines/deals/default/stages"
        assert hubspot.post(stages, {"label": "Late", "metadata": {"probability": "0.95"}}).status == 201
        assert hubspot.post(stages, {"label": "Late", "metadata": {"probability": "0.95"}}).status == 400
        assert hubspot.post(stages, {"label": "Later", "metadata": {}}).status == 400
        assert hubspot.post(stages, {"label": "Later", "metadata": {"probability": "2"}}).status == 400

    def test_a_stage_and_a_pipeline_are_renamed_moved_and_replaced(self, hubspot: Caller) -> None:
        base = "/crm/v3/pipelines/deals"
        stage = f"{base}/default/stages/contractsent"
        assert hubspot.patch(stage, {"label": "Signed", "metadata": {"probability": "0.95"}}).status == 200
        assert hubspot.get(stage).json["metadata"] == {"isClosed": "false", "probability": "0.95"}
        assert hubspot.patch(stage, {"label": "Closed Won"}).status == 400
        assert hubspot.patch(stage, {"metadata": {"probability": "95"}}).status == 400
        assert hubspot.patch(f"{base}/default", {"label": "Sales", "displayOrder": 2}).json["label"] == "Sales"
        stages = [{"stageId": "closedwon", "label": "Won", "metadata": {"probability": "1.0"}}]
        replaced = hubspot.put(f"{base}/default", {"label": "Sales", "displayOrder": 0, "stages": stages}).json
        assert [one["id"] for one in replaced["stages"]] == ["closedwon"]
        assert len(hubspot.get(f"{base}/default/stages").json["results"]) == 1

    def test_a_deal_whose_stage_was_deleted_keeps_its_value_and_loses_what_followed_from_it(
        self, hubspot: Caller
    ) -> None:
        deal = hubspot.deal(dealstage="contractsent", amount="10")
        hubspot.delete("/crm/v3/pipelines/deals/default/stages/contractsent")
        assert hubspot.value("deals", deal, "dealstage") == "contractsent"
        assert hubspot.value("deals", deal, "hs_deal_stage_probability") is None


class TestOwners:
    def test_owners_are_listed_and_found_by_email(self, hubspot: Caller) -> None:
        users = hubspot.emulator.users
        listed = hubspot.get("/crm/v3/owners").json["results"]
        assert [one["id"] for one in listed] == [str(user.owner_id) for user in users]
        found = hubspot.get("/crm/owners/2026-03", email=users[1].email).json["results"]
        assert [one["userId"] for one in found] == [users[1].user_id]
        assert hubspot.get(f"/crm/v3/owners/{users[0].user_id}", idProperty="userId").json["email"] == users[0].email

    def test_owners_are_paged(self, hubspot: Caller) -> None:
        first = hubspot.get("/crm/v3/owners", limit=1).json
        second = hubspot.get("/crm/v3/owners", limit=1, after=first["paging"]["next"]["after"]).json
        assert first["results"][0]["id"] != second["results"][0]["id"]
        assert "paging" not in second

    def test_a_record_can_be_given_to_an_owner(self, hubspot: Caller) -> None:
        owner = str(hubspot.emulator.users[1].owner_id)
        id = hubspot.contact(firstname="Ada", hubspot_owner_id=owner)
        assert hubspot.value("contacts", id, "hs_all_owner_ids") == owner

    def test_an_archived_owner_is_listed_apart_and_takes_no_records(self, hubspot: Caller) -> None:
        user = hubspot.emulator.users[1]
        user.archived = True
        assert len(hubspot.get("/crm/v3/owners").json["results"]) == 1
        gone = hubspot.get("/crm/v3/owners", archived="true").json["results"][0]
        assert (gone["userId"], gone["userIdIncludingInactive"]) == (None, user.user_id)
        assert (gone["email"], gone["firstName"], gone["lastName"]) == (user.email, "", "")
        assert hubspot.get(f"/crm/v3/owners/{user.owner_id}").status == 404
        assert hubspot.get(f"/crm/v3/owners/{user.owner_id}", archived="true").json["id"] == gone["id"]
        body = {"properties": {"firstname": "Ada", "hubspot_owner_id": str(user.owner_id)}}
        assert hubspot.post("/crm/v3/objects/contacts", body).status == 400


class TestOptOut:
    @pytest.mark.parametrize("base", ["/communication-preferences/v4", "/communication-preferences/2026-09"])
    def test_unsubscribing_an_address_moves_the_contact_that_has_it(self, hubspot: Caller, base: str) -> None:
        id = hubspot.contact(email="ada@example.com")
        hubspot.later(5)
        path = f"{base}/statuses/Ada@example.com/unsubscribe-all"
        assert hubspot.get(path, channel="EMAIL").json["results"][0]["status"] == "NOT_SPECIFIED"
        assert hubspot.post(path, None, channel="EMAIL").status == 200
        assert hubspot.get(path, channel="EMAIL").json["results"][0]["status"] == "UNSUBSCRIBED"
        assert hubspot.value("contacts", id, "hs_email_optout") == "true"
        assert hubspot.modified("contacts", id) == "2026-09-21T14:13:25Z"
        hubspot.later(5)
        hubspot.post(path, None, channel="EMAIL")
        assert hubspot.modified("contacts", id) == "2026-09-21T14:13:25Z"

    def test_many_addresses_can_be_unsubscribed_at_once(self, hubspot: Caller) -> None:
        ids = [hubspot.contact(email=f"p{number}@example.com") for number in range(3)]
        base = "/communication-preferences/v4/statuses/batch/unsubscribe-all"
        answer = hubspot.post(base, {"inputs": ["p0@example.com", "P1@example.com", "000"]}, channel="EMAIL")
        assert answer.status == 207
        assert [hubspot.value("contacts", id, "hs_email_optout") for id in ids] == ["true", "true", None]
        read = hubspot.post(f"{base}/read", {"inputs": ["p0@example.com", "p2@example.com"]}, channel="EMAIL")
        statuses = [one["wideStatuses"][0]["status"] for one in read.json["results"]]
        assert statuses == ["UNSUBSCRIBED", "NOT_SPECIFIED"]

    def test_an_opted_out_address_stays_so_for_whoever_takes_it(self, hubspot: Caller) -> None:
        hubspot.emulator.user().opt_out("ada@example.com")
        id = hubspot.contact(email="ada@example.com")
        assert hubspot.value("contacts", id, "hs_email_optout") == "true"
        hubspot.patch(f"/crm/v3/objects/contacts/{id}", {"properties": {"email": "lovelace@example.com"}})
        assert hubspot.value("contacts", id, "hs_email_optout") == ""

    def test_who_was_deleted_when_their_address_was_opted_out_comes_back_opted_out(self, hubspot: Caller) -> None:
        id = hubspot.contact(email="ada@example.com")
        person = hubspot.emulator.user()
        person.archive("contacts", id)
        person.opt_out("ada@example.com")
        person.restore("contacts", id)
        assert hubspot.value("contacts", id, "hs_email_optout") == "true"

    def test_the_channel_is_required(self, hubspot: Caller) -> None:
        assert hubspot.post("/communication-preferences/v4/statuses/a@b.co/unsubscribe-all").status == 400

    def test_the_journal_tells_of_it(self, hubspot: Caller) -> None:
        id = hubspot.contact(email="ada@example.com")
        hubspot.emulator.user().opt_out("ada@example.com")
        last = hubspot.emulator.journal.entries()[-1]
        assert (last.action, last.id, last.field, last.new) == ("opt_out", id, "hs_email_optout", "true")


class TestAccount:
    @pytest.mark.parametrize("version", ["v3", "2026-03", "2026-09"])
    def test_details_tell_the_zone_and_the_currency(self, version: str) -> None:
        hubspot = Caller(time_zone="America/New_York", company_currency="EUR")
        details = hubspot.get(f"/account-info/{version}/details").json
        assert details["portalId"] == hubspot.emulator.account_id
        assert (details["companyCurrency"], details["timeZone"]) == ("EUR", "America/New_York")
        assert (details["utcOffset"], details["utcOffsetMilliseconds"]) == ("-04:00", -14_400_000)


class TestOAuth:
    REDIRECT = "http://127.0.0.1:8080/back"

    def token(self, hubspot: Caller, path: str = "/oauth/v3/token", **form: str) -> Answer:
        client = {"client_id": hubspot.emulator.client_id, "client_secret": hubspot.emulator.client_secret}
        return hubspot.call("POST", path, None, {}, raw=urlencode({**client, **form}).encode())

    def code(self, hubspot: Caller) -> str:
        scopes = frozenset({"crm.objects.contacts.read"})
        now_ms = hubspot.emulator.clock.now_ms()
        return hubspot.emulator.account.issue_code(self.REDIRECT, scopes, now_ms)

    @pytest.mark.parametrize("path", ["/oauth/v1/token", "/oauth/v3/token", "/oauth/2026-03/token"])
    def test_a_code_is_exchanged_once_for_tokens_that_work(self, hubspot: Caller, path: str) -> None:
        form = {"grant_type": "authorization_code", "code": self.code(hubspot), "redirect_uri": self.REDIRECT}
        granted = self.token(hubspot, path, **form).json
        assert (granted["expires_in"], granted["scopes"]) == (1800, ["crm.objects.contacts.read"])
        again = self.token(hubspot, path, **form)
        assert (again.status, again.json["status"]) == (400, "BAD_AUTH_CODE")
        hubspot.token = granted["access_token"]
        assert hubspot.get("/crm/v3/objects/contacts").status == 200
        assert hubspot.get("/crm/v3/objects/companies").status == 403

    def test_a_refresh_token_gives_access_until_it_is_revoked(self, hubspot: Caller) -> None:
        form = {"grant_type": "authorization_code", "code": self.code(hubspot), "redirect_uri": self.REDIRECT}
        refresh = self.token(hubspot, **form).json["refresh_token"]
        renewed = self.token(hubspot, grant_type="refresh_token", refresh_token=refresh)
        assert renewed.json["refresh_token"] == refresh
        assert self.token(hubspot, "/oauth/v3/token/revoke", token=refresh).status == 204
        refused = self.token(hubspot, grant_type="refresh_token", refresh_token=refresh)
        assert (refused.json["error"], refused.json["status"]) == ("invalid_grant", "BAD_REFRESH_TOKEN")
        hubspot.token = renewed.json["access_token"]
        assert hubspot.get("/crm/v3/objects/contacts").status == 401

    @pytest.mark.parametrize(
        ("wrong", "status"),
        [
            ({"client_id": "x"}, "BAD_CLIENT_ID"),
            ({"client_secret": "x"}, "BAD_CLIENT_SECRET"),
            ({"redirect_uri": "http://elsewhere"}, "BAD_REDIRECT_URI"),
            ({"code": "x"}, "BAD_AUTH_CODE"),
        ],
    )
    def test_what_does_not_match_is_refused_by_name(self, hubspot: Caller, wrong: dict[str, str], status: str) -> None:
        form = {"grant_type": "authorization_code", "code": self.code(hubspot), "redirect_uri": self.REDIRECT}
        assert self.token(hubspot, **{**form, **wrong}).json["status"] == status

    def test_a_token_tells_about_itself(self, hubspot: Caller) -> None:
        own = hubspot.emulator.issue_token("crm.objects.contacts.read", expires_in_s=1_800)
        about = hubspot.get(f"/oauth/v1/access-tokens/{own}").json
        assert (about["hub_id"], about["token_type"]) == (hubspot.emulator.account_id, "access")
        assert (about["scopes"], about["expires_in"]) == (["crm.objects.contacts.read"], 1_800)
        assert hubspot.get("/oauth/v1/access-tokens/unknown").status == 404
        active = self.token(hubspot, "/oauth/v3/token/introspect", token=hubspot.token).json
        assert (active["active"], active["hub_id"]) == (True, hubspot.emulator.account_id)

    def test_a_private_apps_token_is_told_about_elsewhere(self, hubspot: Caller) -> None:
        token = hubspot.emulator.issue_token("crm.objects.contacts.read")
        refused = hubspot.get(f"/oauth/v1/access-tokens/{token}")
        assert (refused.status, refused.json["message"]) == (400, "The access token must have the correct format")
        path = "/oauth/v2/private-apps/get/access-token-info"
        about = hubspot.post(path, {"tokenKey": token}).json
        assert (about["hubId"], about["scopes"]) == (hubspot.emulator.account_id, ["crm.objects.contacts.read"])
        assert hubspot.post(path, {"tokenKey": "pat-na1-unknown"}).status == 404
        assert hubspot.post(path, {}).status == 404

    def test_a_person_lets_an_app_in_on_the_consent_page(self, hubspot: Caller) -> None:
        query = {
            "client_id": hubspot.emulator.client_id,
            "redirect_uri": self.REDIRECT,
            "scope": "crm.objects.contacts.read oauth",
            "state": "s1",
        }
        assert hubspot.get("/oauth/authorize", **query).headers["location"].startswith("/sign-in?next=")
        user = hubspot.emulator.users[0]
        form = urlencode({"email": user.email, "password": user.password, "next": "/"}).encode()
        cookie = hubspot.call("POST", "/sign-in", None, {}, raw=form).headers["set-cookie"].partition(";")[0]
        hubspot.headers["cookie"] = cookie
        asked = hubspot.get("/oauth/authorize", **query)
        # A browser holds the redirect that answers the form against the page's form-action too.
        policy = asked.headers["content-security-policy"]
        assert policy.endswith("form-action 'self' http://127.0.0.1:8080")
        page = asked.body.decode()
        assert "crm.objects.contacts.read" in page
        csrf = page.partition('name="csrf" value="')[2].partition('"')[0]
        form = urlencode({"csrf": csrf, "answer": "yes"}).encode()
        location = hubspot.call("POST", "/oauth/authorize", None, query, raw=form).headers["location"]
        back = parse_qs(urlsplit(location).query)
        assert location.startswith(self.REDIRECT)
        assert back["state"] == ["s1"]
        granted = self.token(hubspot, grant_type="authorization_code", code=back["code"][0], redirect_uri=self.REDIRECT)
        assert granted.json["scopes"] == ["crm.objects.contacts.read", "oauth"]


class TestConsent:
    """What HubSpot refuses on its own page, and what it sends back."""

    BACK = "https://app.example/oauth/hubspot/callback"

    def ask(self, hubspot: Caller, email: str = "admin@example.com", answer: str = "yes", **changes: str) -> Answer:
        """A person of the account is signed in and answers the page."""
        user = hubspot.emulator.account.user(email)
        form = urlencode({"email": user.email, "password": user.password}).encode()
        cookie = hubspot.call("POST", "/sign-in", None, {}, raw=form).headers["set-cookie"].partition(";")[0]
        hubspot.headers["cookie"] = cookie
        query = {
            "client_id": hubspot.emulator.client_id,
            "redirect_uri": self.BACK,
            "scope": "oauth crm.objects.contacts.read",
            **changes,
        }
        page = hubspot.get("/oauth/authorize", **query)
        if page.status != 200:
            return page
        csrf = page.body.decode().partition('name="csrf" value="')[2].partition('"')[0]
        return hubspot.call(
            "POST", "/oauth/authorize", None, query, raw=urlencode({"csrf": csrf, "answer": answer}).encode()
        )

    def brought(self, answer: Answer) -> dict[str, list[str]]:
        return parse_qs(urlsplit(answer.headers["location"]).query)

    def token(self, hubspot: Caller, code: str, **more: str) -> Answer:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.BACK,
            "client_id": hubspot.emulator.client_id,
            "client_secret": hubspot.emulator.client_secret,
            **more,
        }
        return hubspot.call("POST", "/oauth/2026-09/token", None, {}, raw=urlencode(form).encode())

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"client_id": "x"}, "unknown client id"),
            ({"redirect_uri": "https://app.example/oauth/hubspot/callback/"}, "invalid redirect uri"),
            ({"redirect_uri": ""}, "invalid redirect uri"),
            ({"email": "sales@example.com"}, "Ask a super admin"),
            ({"scope": "oauth automation"}, "does not have access to the scopes automation"),
            ({"code_challenge": "x", "code_challenge_method": "plain"}, "must be S256"),
        ],
    )
    def test_nobody_is_sent_back_where_something_is_wrong(self, changes: dict[str, str], words: str) -> None:
        hubspot = Caller(redirect_uris=(self.BACK,), scopes_unavailable=("automation",))
        page = self.ask(hubspot, **changes)
        assert page.status == 400
        assert words in page.body.decode()

    def test_an_app_without_callbacks_is_sent_back_to_this_machine_only(self, hubspot: Caller) -> None:
        assert self.ask(hubspot).status == 400
        assert self.ask(hubspot, redirect_uri="http://localhost:8090/back").status == 303

    def test_no_is_sent_back_with_the_state(self) -> None:
        hubspot = Caller(redirect_uris=(self.BACK,))
        back = self.brought(self.ask(hubspot, answer="no", state="s"))
        assert (back["error"], back["state"]) == (["access_denied"], ["s"])

    def test_an_optional_scope_that_the_account_lacks_is_left_out(self) -> None:
        hubspot = Caller(redirect_uris=(self.BACK,), scopes_unavailable=("automation",))
        code = self.brought(self.ask(hubspot, optional_scope="automation tickets"))["code"][0]
        assert self.token(hubspot, code).json["scopes"] == ["crm.objects.contacts.read", "oauth", "tickets"]

    def test_a_challenge_needs_its_verifier(self) -> None:
        hubspot = Caller(redirect_uris=(self.BACK,))
        # RFC 7636, appendix B
        verifier, challenge = (
            "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        )
        for given, status in (({}, 400), ({"code_verifier": "other"}, 400), ({"code_verifier": verifier}, 200)):
            code = self.brought(self.ask(hubspot, code_challenge=challenge))["code"][0]
            assert self.token(hubspot, code, **given).status == status

    def test_an_app_may_demand_a_challenge(self) -> None:
        hubspot = Caller(redirect_uris=(self.BACK,), require_pkce=True)
        assert "missing code challenge" in self.ask(hubspot).body.decode()

    def test_the_tokens_are_those_of_whoever_agreed(self) -> None:
        hubspot = Caller(redirect_uris=(self.BACK,))
        other = hubspot.emulator.account.add_user("Other", "Admin", "other@example.com")
        other.super_admin = True
        granted = self.token(hubspot, self.brought(self.ask(hubspot, "other@example.com"))["code"][0]).json
        about = hubspot.get(f"/oauth/v1/access-tokens/{granted['access_token']}").json
        assert (about["user"], about["user_id"]) == ("other@example.com", other.user_id)
