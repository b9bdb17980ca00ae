"""A day of work in both CRMs, by people who know nothing of each other: what they do, and what must be seen afterwards.

Everything here goes through the CRMs' own user handles, validated and stamped as the CRMs do it. Each edit is a plant
with its expectations (`planted.py`); what Interlock decides is not asked. Records are chosen by what they hold, each for
one plant only, so that no two plants touch.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from interlock.demo.compare import Excused
from interlock.demo.excerpt import DataMissing
from interlock.demo.interrupt import Interrupted
from interlock.demo.planted import (
    CreatedInHubSpot,
    CreatedInSalesforce,
    Expectation,
    InHubSpot,
    InSalesforce,
    Logged,
    Planted,
    Raised,
    RoleInHubSpot,
    RoleInSalesforce,
    StillInHubSpot,
    StillInSalesforce,
)
from interlock.demo.reading import LINK
from interlock.demo.world import ADMIN, SALESPERSON, World, prospect_fields

MINUTES_BETWEEN_EDITS = 10
# Contact.Title holds 128 characters (describe).
TOO_LONG = "Trustee " * 50
TYPES = {"companies": "Account", "contacts": "Contact", "deals": "Opportunity"}

Fields = dict[str, Any]


@dataclass(frozen=True)
class Pair:
    """A linked pair with what its records hold now."""

    object: str
    hubspot_id: str
    salesforce_id: str
    hubspot: Fields
    salesforce: Fields

    @property
    def keys(self) -> tuple[str, str]:
        return f"hubspot:{self.object}:{self.hubspot_id}", f"salesforce:{TYPES[self.object]}:{self.salesforce_id}"


Wanted = Callable[[Pair], bool]


@dataclass
class Day:
    """What was planted, and what is known to come of it beside each plant's own expectations."""

    plants: list[Planted] = field(default_factory=list)
    excused: list[Excused] = field(default_factory=list)
    # (object, "created_in_hubspot" | "created_in_salesforce" | "linked") -> how many
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    # Ids of records whose issue of the first sync is over.
    settled: set[str] = field(default_factory=set)

    @property
    def expectations(self) -> list[Expectation]:
        return [each for plant in self.plants for each in plant.expect]


class People:
    """Hugo's colleagues in HubSpot and Sally's in Salesforce. `play` is the day; call it once, after the first sync."""

    def __init__(self, world: World, hubspot_door: Interrupted, salesforce_door: Interrupted) -> None:
        self.world = world
        self.hubspot_door, self.salesforce_door = hubspot_door, salesforce_door
        self.hugo, self.sally = world.hubspot.user(SALESPERSON), world.salesforce.user(SALESPERSON)
        self.day = Day()
        self._used: set[str] = set(world.ambiguous_in_salesforce)
        self._with_roles = {world.contacts[role.contact] for role in world.excerpt.organisation.contact_roles}
        self._pairs = {object_: self._linked(object_) for object_ in TYPES}

    def play(self) -> Day:
        self._edits()
        self._conflicts()
        self._races()
        self._opt_outs()
        self._new_records()
        self._relations()
        self._deletes()
        self._merges()
        self._bad_values()
        return self.day

    # --- choosing records, and writing down what is planted ---------------------------------------------------------

    def _linked(self, object_: str) -> list[Pair]:
        found = []
        for id_ in self.hugo.ids(object_):
            values = self.hugo.get(object_, id_)
            other = values.get(LINK)
            if other is not None:
                found.append(Pair(object_, id_, other, dict(values), self.sally.get(TYPES[object_], other)))
        return found

    def _take(self, object_: str, what: str, wanted: Wanted) -> Pair:
        """The next pair that nobody has touched and that holds what this plant needs."""
        for pair in self._pairs[object_]:
            if pair.salesforce_id not in self._used and wanted(pair):
                self._used.add(pair.salesforce_id)
                return pair
        raise DataMissing(f"the data holds no {object_} for the plant {what!r}: use a larger excerpt")

    def _plant(self, kind: str, story: str, pair: Pair | None, *expect: Expectation, **keys: str) -> None:
        hubspot, salesforce = pair.keys if pair is not None else (keys.get("hubspot"), keys.get("salesforce"))
        self.day.plants.append(Planted(kind, story, hubspot, salesforce, list(expect)))
        self.world.wall.pass_minutes(MINUTES_BETWEEN_EDITS)

    def _later(self) -> None:
        self.world.wall.pass_minutes(MINUTES_BETWEEN_EDITS)

    def _edit_hubspot(self, pair: Pair, **values: Any) -> None:
        self.hugo.update(pair.object, pair.hubspot_id, values)

    def _edit_salesforce(self, pair: Pair, **values: Any) -> None:
        self.sally.update(TYPES[pair.object], pair.salesforce_id, values)

    # --- the day ----------------------------------------------------------------------------------------------------

    def _edits(self) -> None:
        pair = self._take("contacts", "edit_in_salesforce", lambda it: bool(it.salesforce["Phone"]))
        self._edit_salesforce(pair, Phone="(415) 555-9101")
        here = InHubSpot("contacts", pair.hubspot_id, "phone", "(415) 555-9101")
        self._plant("edit_in_salesforce", "a telephone number changed in Salesforce", pair, here)

        pair = self._take("contacts", "filled_in_hubspot", _no_mobile)
        self._edit_hubspot(pair, mobilephone="(415) 555-9102")
        there = InSalesforce("Contact", pair.salesforce_id, "MobilePhone", "(415) 555-9102")
        self._plant("filled_in_hubspot", "a mobile number added in HubSpot", pair, there)

        pair = self._take("contacts", "cleared_in_salesforce", lambda it: bool(it.salesforce["MobilePhone"]))
        self._edit_salesforce(pair, MobilePhone=None)
        here = InHubSpot("contacts", pair.hubspot_id, "mobilephone", "")
        self._plant("cleared_in_salesforce", "a mobile number removed in Salesforce", pair, here)

        pair = self._take("contacts", "edit_in_hubspot", _has_title)
        self._edit_hubspot(pair, jobtitle="Volunteer Coordinator")
        there = InSalesforce("Contact", pair.salesforce_id, "Title", "Volunteer Coordinator")
        self._plant("edit_in_hubspot", "a job title changed in HubSpot (two-way)", pair, there)

        owners = self.world.hubspot.user(ADMIN).owner_id, self.hugo.owner_id
        pair = self._take(
            "contacts", "owner_changed_in_hubspot", lambda it: it.hubspot["hubspot_owner_id"] == owners[0]
        )
        self._edit_hubspot(pair, hubspot_owner_id=owners[1])
        there = InSalesforce("Contact", pair.salesforce_id, "OwnerId", self.sally.id)
        self._plant("owner_changed_in_hubspot", "a contact handed over in HubSpot", pair, there)

        pair = self._take("companies", "company_edited", lambda it: bool(it.salesforce["BillingCity"]))
        self._edit_salesforce(pair, BillingCity="Oakland")
        here = InHubSpot("companies", pair.hubspot_id, "city", "Oakland")
        self._plant("company_edited_in_salesforce", "an account that moved", pair, here)

        pair = self._take("deals", "deal_moved", lambda it: it.salesforce["StageName"] == "Pledged")
        self._edit_salesforce(pair, StageName="Posted", Amount=1250.5)
        moved = InHubSpot("deals", pair.hubspot_id, "dealstage", "posted")
        amount = InHubSpot("deals", pair.hubspot_id, "amount", "1250.5")
        self._plant("deal_moved_in_salesforce", "an opportunity won, with its amount", pair, moved, amount)

    def _conflicts(self) -> None:
        pair = self._take("contacts", "conflict_both_changed", lambda it: bool(it.salesforce["Phone"]))
        self._edit_salesforce(pair, Phone="(415) 555-9201")
        self._later()
        self._edit_hubspot(pair, phone="(415) 555-9202")
        self._plant(
            "conflict_both_changed",
            "one number changed on both sides: Salesforce is preferred",
            pair,
            InHubSpot("contacts", pair.hubspot_id, "phone", "(415) 555-9201"),
            InSalesforce("Contact", pair.salesforce_id, "Phone", "(415) 555-9201"),
            Logged("contacts", pair.hubspot_id, "phone", "(415) 555-9202", "both_changed"),
        )

        pair = self._take("contacts", "conflict_newest_wins", _has_title)
        self._edit_salesforce(pair, Title="Treasurer")
        self._later()
        self._edit_hubspot(pair, jobtitle="Secretary")
        self._plant(
            "conflict_newest_wins",
            "one title changed on both sides (two-way): the newer one stays",
            pair,
            InHubSpot("contacts", pair.hubspot_id, "jobtitle", "Secretary"),
            InSalesforce("Contact", pair.salesforce_id, "Title", "Secretary"),
            Logged("contacts", pair.hubspot_id, "jobtitle", "Treasurer", "both_changed"),
        )

        pair = self._take("companies", "conflict_rule", lambda it: bool(it.salesforce["BillingCity"]))
        kept = pair.salesforce["BillingCity"]
        self._edit_hubspot(pair, city="Berkeley")
        self._plant(
            "conflict_rule",
            "a city changed in HubSpot where Salesforce is preferred",
            pair,
            InHubSpot("companies", pair.hubspot_id, "city", kept),
            InSalesforce("Account", pair.salesforce_id, "BillingCity", kept),
            Logged("companies", pair.hubspot_id, "city", "Berkeley", "rule"),
        )

    def _races(self) -> None:
        """Edits that land between Interlock's read and its write."""
        first = self._take("contacts", "conflict_race_in_salesforce", _no_mobile)
        self._edit_hubspot(first, mobilephone="(415) 555-9301")
        self.salesforce_door.before_write(
            "/composite",
            '"PATCH"',
            first.salesforce_id,
            save=lambda: self._edit_salesforce(first, MobilePhone="(415) 555-9302"),
        )
        self._plant(
            "conflict_race_in_salesforce",
            "saved in Salesforce while Interlock was filling the same blank: it is put back",
            first,
            # Salesforce is preferred and had a value when the dust settled, so that one was to win.
            InHubSpot("contacts", first.hubspot_id, "mobilephone", "(415) 555-9302"),
            InSalesforce("Contact", first.salesforce_id, "MobilePhone", "(415) 555-9302"),
            Logged("contacts", first.hubspot_id, "mobilephone", "(415) 555-9302", "lost_race"),
        )

        second = self._take("contacts", "conflict_race_in_hubspot", _has_title)
        self._edit_salesforce(second, Title="Chair")
        self.hubspot_door.before_write(
            "/batch/update",
            f'"{second.hubspot_id}"',
            "jobtitle",
            save=lambda: self._edit_hubspot(second, jobtitle="Vice Chair"),
        )
        self._plant(
            "conflict_race_in_hubspot",
            "saved in HubSpot while Interlock was writing there (two-way): it is in the log",
            second,
            InHubSpot("contacts", second.hubspot_id, "jobtitle", "Chair"),
            InSalesforce("Contact", second.salesforce_id, "Title", "Chair"),
            Logged("contacts", second.hubspot_id, "jobtitle", "Vice Chair", "lost_race"),
        )

    def _opt_outs(self) -> None:
        pair = self._take("contacts", "opt_out_in_hubspot", _has_email)
        self.hugo.opt_out(pair.hubspot["email"])
        there = InSalesforce("Contact", pair.salesforce_id, "HasOptedOutOfEmail", True)
        self._plant("opt_out_in_hubspot", "unsubscribed from all e-mail in HubSpot", pair, there)

        pair = self._take("contacts", "opt_out_in_salesforce", _has_email)
        self._edit_salesforce(pair, HasOptedOutOfEmail=True)
        here = InHubSpot("contacts", pair.hubspot_id, "hs_email_optout", "true")
        self._plant("opt_out_in_salesforce", "opted out of e-mail in Salesforce", pair, here)

    def _new_records(self) -> None:
        company = self._new_company()
        account = self._new_account()
        contact = self._new_contact_in_hubspot(company)
        person = self._new_contact_in_salesforce(account)
        self._met_on_both_sides()
        self._new_deal(company, contact)
        self._new_opportunity(account, person)

    def _new_company(self) -> str:
        fields = {"name": "Made in HubSpot today", "domain": "made-in-hubspot.example"}
        id_ = self.hugo.create("companies", fields | {"hubspot_owner_id": self.hugo.owner_id})
        self.day.counts["companies", "created_in_salesforce"] += 1
        expect = CreatedInSalesforce("companies", id_, "Account", (("Name", fields["name"]),))
        self._plant("company_created_in_hubspot", "a new company", None, expect, hubspot=f"hubspot:companies:{id_}")
        return id_

    def _new_account(self) -> str:
        fields = {"Name": "Made in Salesforce today", "BillingCity": "Fremont"}
        id_ = self.sally.create("Account", fields)
        self.day.counts["companies", "created_in_hubspot"] += 1
        expect = CreatedInHubSpot("Account", id_, "companies", (("name", fields["Name"]), ("city", "Fremont")))
        self._plant(
            "company_created_in_salesforce", "a new account", None, expect, salesforce=f"salesforce:Account:{id_}"
        )
        return id_

    def _new_contact_in_hubspot(self, company: str) -> str:
        person = self.world.arrivals[0]
        id_ = self.hugo.create("contacts", prospect_fields(person) | {"hubspot_owner_id": self.hugo.owner_id})
        self.hugo.associate("contacts", id_, "companies", company)
        self.day.counts["contacts", "created_in_salesforce"] += 1
        values = (("Email", person.email), ("LastName", person.last_name), ("Title", person.occupation))
        expect = CreatedInSalesforce("contacts", id_, "Contact", values)
        self._plant("contact_created_in_hubspot", "a new contact", None, expect, hubspot=f"hubspot:contacts:{id_}")
        return id_

    def _new_contact_in_salesforce(self, account: str) -> str:
        person = self.world.arrivals[1]
        fields = {"FirstName": person.first_name, "LastName": person.last_name, "Email": person.email}
        id_ = self.sally.create("Contact", fields | {"AccountId": account})
        self.day.counts["contacts", "created_in_hubspot"] += 1
        expect = CreatedInHubSpot("Contact", id_, "contacts", (("email", person.email), ("lastname", person.last_name)))
        self._plant(
            "contact_created_in_salesforce", "a new contact", None, expect, salesforce=f"salesforce:Contact:{id_}"
        )
        return id_

    def _met_on_both_sides(self) -> None:
        person = self.world.arrivals[2]
        owner = {"hubspot_owner_id": self.hugo.owner_id}
        here = self.hugo.create("contacts", {"email": person.email, "firstname": person.first_name} | owner)
        self._later()
        fields = {"LastName": person.last_name, "Email": person.email.upper()}
        there = self.sally.create("Contact", fields)
        self.day.counts["contacts", "linked"] += 1
        self._plant(
            "contact_created_on_both_sides",
            "one person entered in both CRMs: linked, not doubled",
            None,
            InHubSpot("contacts", here, LINK, there),
            InHubSpot("contacts", here, "lastname", person.last_name),
            InSalesforce("Contact", there, "FirstName", person.first_name),
            hubspot=f"hubspot:contacts:{here}",
            salesforce=f"salesforce:Contact:{there}",
        )

    def _new_deal(self, company: str, contact: str) -> None:
        fields = {
            "dealname": "A pledge taken in HubSpot",
            "dealstage": "pledged",
            "amount": "750",
            "pipeline": "default",
        }
        owner = {"hubspot_owner_id": self.hugo.owner_id}
        id_ = self.hugo.create("deals", fields | owner | {"closedate": "2030-06-30T00:00:00Z"})
        self.hugo.associate("deals", id_, "companies", company)
        self.hugo.associate("deals", id_, "contacts", contact)
        self.day.counts["deals", "created_in_salesforce"] += 1
        values = (("Name", fields["dealname"]), ("StageName", "Pledged"), ("Amount", 750), ("CloseDate", "2030-06-30"))
        self._plant(
            "deal_created_in_hubspot",
            "a new deal with its contact",
            None,
            CreatedInSalesforce("deals", id_, "Opportunity", values),
            RoleInSalesforce(id_, contact),
            hubspot=f"hubspot:deals:{id_}",
        )

    def _new_opportunity(self, account: str, contact: str) -> None:
        fields = {"Name": "A grant entered in Salesforce", "StageName": "Pledged", "CloseDate": "2030-09-30"}
        id_ = self.sally.create("Opportunity", fields | {"Amount": 5000, "AccountId": account})
        self.sally.create("OpportunityContactRole", {"OpportunityId": id_, "ContactId": contact})
        self.day.counts["deals", "created_in_hubspot"] += 1
        values = (("dealname", fields["Name"]), ("dealstage", "pledged"), ("amount", "5000"))
        self._plant(
            "deal_created_in_salesforce",
            "a new opportunity with its contact role",
            None,
            CreatedInHubSpot("Opportunity", id_, "deals", values),
            RoleInHubSpot(id_, contact),
            salesforce=f"salesforce:Opportunity:{id_}",
        )

    def _relations(self) -> None:
        deal = self._take("deals", "contact_role_added", _any)
        person = self._take("contacts", "contact_role_added", self._without_roles)
        self.sally.create(
            "OpportunityContactRole", {"OpportunityId": deal.salesforce_id, "ContactId": person.salesforce_id}
        )
        expect: Expectation = RoleInHubSpot(deal.salesforce_id, person.salesforce_id)
        self._plant("contact_role_added_in_salesforce", "a contact role on an opportunity", deal, expect)

        deal = self._take("deals", "deal_contact_added", _any)
        person = self._take("contacts", "deal_contact_added", self._without_roles)
        self.hugo.associate("deals", deal.hubspot_id, "contacts", person.hubspot_id)
        expect = RoleInSalesforce(deal.hubspot_id, person.hubspot_id)
        self._plant("contact_added_to_deal_in_hubspot", "a contact added to a deal", deal, expect)

        company = self._take("companies", "company_changed_in_salesforce", _any)
        person = self._take("contacts", "company_changed_in_salesforce", lambda it: bool(it.salesforce["AccountId"]))
        self._edit_salesforce(person, AccountId=company.salesforce_id)
        here = InHubSpot("contacts", person.hubspot_id, "associatedcompanyid", company.hubspot_id)
        self._plant("company_changed_in_salesforce", "a contact moved to another account", person, here)

        company = self._take("companies", "company_changed_in_hubspot", _any)
        person = self._take("contacts", "company_changed_in_hubspot", lambda it: bool(it.salesforce["AccountId"]))
        self.hugo.associate("contacts", person.hubspot_id, "companies", company.hubspot_id, primary=True)
        there = InSalesforce("Contact", person.salesforce_id, "AccountId", company.salesforce_id)
        self._plant("company_changed_in_hubspot", "a contact given another company", person, there)

    def _deletes(self) -> None:
        pair = self._take("contacts", "deleted_in_hubspot", self._without_roles)
        self.hugo.archive("contacts", pair.hubspot_id)
        kept: Expectation = StillInSalesforce("contacts", "Contact", pair.salesforce_id)
        self._plant("deleted_in_hubspot", "deleted in HubSpot, kept in Salesforce", pair, kept)

        pair = self._take("contacts", "deleted_in_salesforce", self._without_roles)
        self.sally.delete("Contact", pair.salesforce_id)
        kept = StillInHubSpot("contacts", pair.hubspot_id, "Contact", pair.salesforce_id)
        self._plant("deleted_in_salesforce", "deleted in Salesforce, kept in HubSpot", pair, kept)

    def _merges(self) -> None:
        here, winner, losers = self._shared_address()
        self.sally.merge("Contact", winner, *losers)
        self.day.counts["contacts", "linked"] += 1
        self.day.settled.update((here, winner, *losers))
        self._plant(
            "duplicates_merged_in_salesforce",
            "two contacts with one address merged: the issue is over",
            None,
            InHubSpot("contacts", here, LINK, winner),
            hubspot=f"hubspot:contacts:{here}",
            salesforce=f"salesforce:Contact:{winner}",
        )

        pair = self._take("contacts", "merged_into_new_record", self._without_roles)
        names = ("FirstName", "LastName", "Email", "AccountId", "OwnerId")
        newer = self.sally.create("Contact", {name: pair.salesforce[name] for name in names if pair.salesforce[name]})
        self._later()
        rest = ("Phone", "MobilePhone", "Title", "MailingStreet", "MailingCity", "MailingState", "MailingPostalCode")
        kept = {name: pair.salesforce[name] for name in (*rest, "MailingCountry") if pair.salesforce[name]}
        self.sally.merge("Contact", newer, pair.salesforce_id, fields=kept)
        self._plant(
            "linked_record_merged_in_salesforce",
            "a linked contact merged into a new one: the link moves",
            None,
            InHubSpot("contacts", pair.hubspot_id, LINK, newer),
            hubspot=pair.keys[0],
            salesforce=f"salesforce:Contact:{newer}",
        )

    def _bad_values(self) -> None:
        """What one CRM takes and the other does not: an issue each, everything else of the record arrives."""
        pair = self._take("contacts", "text_too_long", lambda it: _has_title(it) and _no_mobile(it))
        self._edit_hubspot(pair, jobtitle=TOO_LONG.strip(), mobilephone="(415) 555-9401")
        self._bad(
            "text_too_long",
            "a job title of 399 characters, Salesforce holds 128",
            pair,
            ("jobtitle",),
            Raised("contacts", pair.hubspot_id, property="jobtitle"),
            InSalesforce("Contact", pair.salesforce_id, "MobilePhone", "(415) 555-9401"),
        )

        pair = self._take("contacts", "missing_option", _no_mobile)
        self._edit_salesforce(pair, LeadSource="Garden Party", MobilePhone="(415) 555-9402")
        self._bad(
            "picklist_value_missing",
            "a lead source that HubSpot's list does not have",
            pair,
            ("leadsource",),
            Raised("contacts", pair.hubspot_id, property="leadsource"),
            InHubSpot("contacts", pair.hubspot_id, "mobilephone", "(415) 555-9402"),
        )

        self.world.salesforce.add_validation_rule(
            "Contact",
            lambda values: "@" in str(values.get("MobilePhone") or ""),
            "A mobile number is not an e-mail address.",
            field="MobilePhone",
        )
        pair = self._take("contacts", "value_refused", lambda it: _no_mobile(it) and not it.salesforce["Fax"])
        self._edit_hubspot(pair, mobilephone=pair.hubspot.get("email") or "@", fax="(415) 555-9403")
        self._bad(
            "value_refused",
            "a mobile number that a Salesforce rule refuses",
            pair,
            ("mobilephone",),
            Raised("contacts", pair.hubspot_id, property="mobilephone"),
            InSalesforce("Contact", pair.salesforce_id, "Fax", "(415) 555-9403"),
        )

        self.world.salesforce.add_validation_rule(
            "Account",
            lambda values: "under review" in str(values.get("Description") or ""),
            "Accounts under review are locked.",
        )
        pair = self._take("companies", "record_refused", lambda it: not it.salesforce["Description"])
        self._edit_hubspot(pair, description="under review by the board")
        self._bad(
            "record_refused",
            "an account that a Salesforce rule locks",
            pair,
            ("description",),
            Raised("companies", pair.hubspot_id),
        )

    def _bad(self, kind: str, story: str, pair: Pair, properties: tuple[str, ...], *expect: Expectation) -> None:
        self.day.excused += [Excused(pair.hubspot_id, name, kind) for name in properties]
        self._plant(kind, story, pair, *expect)

    def _without_roles(self, pair: Pair) -> bool:
        return pair.salesforce_id not in self._with_roles and _has_email(pair)

    def _shared_address(self) -> tuple[str, str, list[str]]:
        """A HubSpot contact whose address two Salesforce contacts have, and those two, the older one first."""
        by_email: dict[str, list[str]] = {}
        for id_ in self.world.ambiguous_in_salesforce:
            by_email.setdefault(str(self.sally.get("Contact", id_)["Email"]).lower(), []).append(id_)
        for here in self.world.ambiguous_in_hubspot:
            rows = by_email.get(str(self.hugo.get("contacts", here)["email"]), [])
            if len(rows) == 2:
                return here, rows[0], rows[1:]
        raise DataMissing("the data holds no two contacts with one e-mail address: use a larger excerpt")


def _any(pair: Pair) -> bool:
    return True


def _has_email(pair: Pair) -> bool:
    return bool(pair.hubspot.get("email"))


def _has_title(pair: Pair) -> bool:
    return bool(pair.salesforce["Title"])


def _no_mobile(pair: Pair) -> bool:
    return not pair.salesforce["MobilePhone"] and not pair.hubspot.get("mobilephone") and _has_email(pair)
