"""What an account's settings do behind the back of whoever writes.

Sources: HubSpot's knowledge base, "Automatically create and associate companies with contacts" and "Automatically sync
lifecycle stages between certain records".
"""

from __future__ import annotations

import pytest
from tests.emulator.hubspot.calls import Caller


def companies(hubspot: Caller) -> dict[str, str | None]:
    rows = hubspot.get("/crm/v3/objects/companies").json["results"]
    return {row["properties"]["domain"]: row["id"] for row in rows}


class TestCompanies:
    @pytest.fixture
    def hubspot(self) -> Caller:
        return Caller(
            rate_limits=False, creates_companies_of_contacts=True, domains_not_associated=("own.example.com",)
        )

    def test_a_domain_that_was_opted_out_brings_no_company(self, hubspot: Caller) -> None:
        """ "You can exclude up to 1000 domains from automatic association"."""
        assert hubspot.value("contacts", hubspot.contact(email="ada@own.example.com"), "associatedcompanyid") is None
        assert companies(hubspot) == {}

    def test_a_free_mail_address_is_matched_by_its_website(self, hubspot: Caller) -> None:
        """ "If the contact has a freemail email account, HubSpot will also look at the contact's Website URL property"."""
        acme = hubspot.company(domain="acme.example.com")
        ada = hubspot.contact(email="ada@gmail.com", website="https://www.acme.example.com/team")
        assert hubspot.value("contacts", ada, "associatedcompanyid") == acme
        assert hubspot.value("contacts", hubspot.contact(email="b@gmail.com"), "associatedcompanyid") is None

    def test_an_additional_domain_of_a_company_is_its_own_too(self, hubspot: Caller) -> None:
        kept, gone = hubspot.company(domain="acme.example.com"), hubspot.company(domain="acme.example.org")
        hubspot.emulator.user().merge("companies", kept, gone)
        ada = hubspot.contact(email="ada@acme.example.org")
        assert hubspot.value("contacts", ada, "associatedcompanyid") == kept

    def test_an_address_that_comes_later_brings_the_company_then(self, hubspot: Caller) -> None:
        """That a change does is not documented: "will continue to do so for new contacts as you add them"."""
        ada = hubspot.contact(firstname="Ada")
        hubspot.patch(f"/crm/v3/objects/contacts/{ada}", {"properties": {"email": "ada@acme.example.com"}})
        acme = companies(hubspot)["acme.example.com"]
        assert hubspot.value("contacts", ada, "associatedcompanyid") == acme
        hubspot.patch(f"/crm/v3/objects/contacts/{ada}", {"properties": {"email": "ada@other.example.com"}})
        assert hubspot.value("contacts", ada, "associatedcompanyid") == acme

    def test_a_full_company_gets_no_further_contact_and_the_contact_is_made_all_the_same(self) -> None:
        hubspot = Caller(
            rate_limits=False, creates_companies_of_contacts=True, association_maxima={"companies/contacts": 1}
        )
        first, second = (hubspot.contact(email=f"{name}@acme.example.com") for name in ("a", "b"))
        assert hubspot.value("contacts", first, "associatedcompanyid") == companies(hubspot)["acme.example.com"]
        assert not hubspot.value("contacts", second, "associatedcompanyid")


class TestLifecycle:
    @pytest.fixture
    def hubspot(self) -> Caller:
        return Caller(rate_limits=False, company_stage_moves_contacts=True, deals_move_stages=True)

    def test_a_company_takes_its_contacts_along_and_none_of_them_back(self, hubspot: Caller) -> None:
        """The knowledge base's own example: Subscriber and Opportunity, the company becomes Lead, then Customer."""
        acme = hubspot.company(name="Acme", lifecyclestage="subscriber")
        early = hubspot.contact(firstname="E", lifecyclestage="subscriber", associatedcompanyid=acme)
        late = hubspot.contact(firstname="L", lifecyclestage="opportunity", associatedcompanyid=acme)
        path = f"/crm/v3/objects/companies/{acme}"
        hubspot.patch(path, {"properties": {"lifecyclestage": "lead"}})
        stages = [hubspot.value("contacts", id, "lifecyclestage") for id in (early, late)]
        assert stages == ["lead", "opportunity"]
        hubspot.patch(path, {"properties": {"lifecyclestage": "customer"}})
        stages = [hubspot.value("contacts", id, "lifecyclestage") for id in (early, late)]
        assert stages == ["customer", "customer"]
        assert hubspot.emulator.user().history("contacts", early, "lifecyclestage")[0][2] == "COMPANIES"

    def test_it_is_the_primary_company_only_and_never_the_other_way(self, hubspot: Caller) -> None:
        """ "Any changes to the Lifecycle stage value on a primary company record"; "this is not a bi-directional sync"."""
        acme, other = hubspot.company(name="Acme"), hubspot.company(name="Other")
        ada = hubspot.contact(firstname="Ada", associatedcompanyid=acme)
        hubspot.emulator.user().associate("contacts", ada, "companies", other)
        hubspot.patch(f"/crm/v3/objects/companies/{other}", {"properties": {"lifecyclestage": "customer"}})
        assert hubspot.value("contacts", ada, "lifecyclestage") == "lead"
        hubspot.patch(f"/crm/v3/objects/contacts/{ada}", {"properties": {"lifecyclestage": "customer"}})
        assert hubspot.value("companies", acme, "lifecyclestage") == "lead"

    def test_a_deal_moves_its_contacts_and_companies_when_it_is_made_and_when_it_is_won(self, hubspot: Caller) -> None:
        """ "The lifecycle stages of associated contacts and companies will change when a deal is created or closed as won"."""
        acme, ada = hubspot.company(name="Acme"), hubspot.contact(firstname="Ada")
        links = [
            {"to": {"id": id}, "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": type}]}
            for id, type in ((ada, 3), (acme, 341))
        ]
        body = {"properties": {"dealname": "Deal", "dealstage": "contractsent"}, "associations": links}
        deal = hubspot.post("/crm/v3/objects/deals", body).json["id"]
        kinds = {"contacts": ada, "companies": acme}
        assert {hubspot.value(kind, id, "lifecyclestage") for kind, id in kinds.items()} == {"opportunity"}
        hubspot.patch(f"/crm/v3/objects/deals/{deal}", {"properties": {"dealstage": "closedwon"}})
        assert {hubspot.value(kind, id, "lifecyclestage") for kind, id in kinds.items()} == {"customer"}

    def test_none_of_it_happens_where_nothing_was_switched_on(self) -> None:
        hubspot = Caller(rate_limits=False)
        acme = hubspot.company(name="Acme")
        ada = hubspot.contact(email="ada@acme.example.com", associatedcompanyid=acme)
        hubspot.patch(f"/crm/v3/objects/companies/{acme}", {"properties": {"lifecyclestage": "customer"}})
        assert hubspot.value("contacts", ada, "lifecyclestage") == "lead"
        assert len(companies(hubspot)) == 1
