"""People at work in both CRMs. Every value they type is a token that occurs nowhere else, so its way can be followed."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from crm_emulator.hubspot import HubSpotEmulator
from crm_emulator.hubspot.errors import ApiError as HubSpotRefused
from crm_emulator.salesforce import SalesforceEmulator
from crm_emulator.salesforce.errors import ApiError as SalesforceRefused
from crm_emulator.salesforce.errors import RecordError

RULES = ("two_way", "prefer_salesforce", "prefer_hubspot", "always_salesforce", "always_hubspot")


@dataclass(frozen=True)
class Kind:
    """An object as people use it: the fields that they type into, HubSpot property -> Salesforce field."""

    slug: str
    sobject: str
    fields: dict[str, str]
    identity: str  # by which the same one on the other side is found
    always: tuple[str, ...]  # typed in at every create
    clearable: tuple[str, ...]
    most: int  # records a side


KINDS = {
    "contacts": Kind(
        "contacts",
        "Contact",
        {
            "email": "Email",
            "firstname": "FirstName",
            "lastname": "LastName",
            "jobtitle": "Title",
            "fax": "Fax",
            "message": "Description",
        },
        "email",
        ("email",),
        ("firstname", "jobtitle", "fax", "message"),
        8,
    ),
    "companies": Kind(
        "companies",
        "Account",
        {"name": "Name", "website": "Website", "phone": "Phone", "description": "Description"},
        "website",
        ("name",),
        ("phone", "description"),
        4,
    ),
    "deals": Kind(
        "deals",
        "Opportunity",
        {"dealname": "Name", "description": "Description"},
        "dealname",
        ("dealname",),
        ("description",),
        4,
    ),
}
# What a record must have beside tokens, in HubSpot and in Salesforce.
_REQUIRED_IN_HUBSPOT: dict[str, dict[str, Any]] = {
    "deals": {"dealstage": "closedwon", "closedate": "2026-03-31", "pipeline": "default"}
}
_REQUIRED_IN_SALESFORCE: dict[str, dict[str, Any]] = {
    "Opportunity": {"StageName": "Closed Won", "CloseDate": "2026-03-31"}
}

Move = Callable[[Kind], None]


class Users:
    def __init__(
        self, hubspot: HubSpotEmulator, salesforce: SalesforceEmulator, objects: Sequence[str], chance: random.Random
    ) -> None:
        self.rules = RULES
        self.moves = 0
        self.refused = 0
        self._hugo = hubspot.user()
        self._sally = salesforce.user()
        self._kinds = [KINDS[slug] for slug in objects]
        self._chance = chance
        self._tokens = 0

    # --- the day ---------------------------------------------------------------------------------------------------

    def before(self) -> None:
        """What is there when the two are connected: some on one side, some on both with differing values."""
        for kind in self._kinds:
            for _ in range(self._chance.randint(1, 3)):
                self._create_in_hubspot(kind)
            for _ in range(self._chance.randint(1, 3)):
                self._create_in_salesforce(kind)
            for _ in range(self._chance.randint(0, 2)):
                self._create_twins(kind)

    async def work(self, seconds: float) -> None:
        moves = self._moves()
        at = sorted(self._chance.uniform(1.0, seconds) for _ in range(self._chance.randint(30, 60)))
        now = 0.0
        for moment in at:
            # Every third move comes right behind the one before: two people on one record at the same time.
            if self._chance.random() > 0.33:
                await asyncio.sleep(max(0.0, moment - now))
                now = moment
            else:
                await asyncio.sleep(self._chance.uniform(0.0, 1.5))
            (move,) = self._chance.choices([each for each, _ in moves], [weight for _, weight in moves])
            self.moves += 1
            try:
                move(self._chance.choice(self._kinds))
            except (HubSpotRefused, SalesforceRefused, RecordError, LookupError):
                self.refused += 1

    def _moves(self) -> list[tuple[Move, float]]:
        moves: list[tuple[Move, float]] = [
            (self._edit_in_hubspot, 8),
            (self._edit_in_salesforce, 8),
            (self._edit_both, 3),
            (self._clear_in_hubspot, 1.5),
            (self._clear_in_salesforce, 1.5),
            (self._create_in_hubspot, 1.5),
            (self._create_in_salesforce, 1.5),
            (self._create_twins, 0.7),
            (self._delete_in_hubspot, 0.4),
            (self._delete_in_salesforce, 0.4),
            (self._restore_in_hubspot, 0.4),
            (self._restore_in_salesforce, 0.4),
            (self._opt_out_in_hubspot, 0.5),
            (self._opt_out_in_salesforce, 0.5),
        ]
        if len(self._kinds) > 1:
            moves += [
                (self._move_contact_in_hubspot, 2),
                (self._move_contact_in_salesforce, 2),
                (self._move_deal_in_hubspot, 1.5),
                (self._move_deal_in_salesforce, 1.5),
                (self._add_role_in_hubspot, 2),
                (self._add_role_in_salesforce, 2),
                (self._remove_role_in_hubspot, 1),
                (self._remove_role_in_salesforce, 1),
            ]
        return moves

    # --- values ----------------------------------------------------------------------------------------------------

    def _edit_in_hubspot(self, kind: Kind) -> None:
        name = self._chance.choice(list(kind.fields))
        self._hugo.update(kind.slug, self._some_in_hubspot(kind), {name: self._token(name)})

    def _edit_in_salesforce(self, kind: Kind) -> None:
        name = self._chance.choice(list(kind.fields))
        self._sally.update(kind.sobject, self._some_in_salesforce(kind), {kind.fields[name]: self._token(name)})

    def _edit_both(self, kind: Kind) -> None:
        """The same field of the same pair, on both sides, before Interlock can know."""
        name = self._chance.choice([name for name in kind.fields if name not in ("email", "website")])
        here = self._some_in_hubspot(kind)
        there = self._hugo.get(kind.slug, here).get("interlock_salesforce_id")
        if there and there in self._sally.ids(kind.sobject):
            self._sally.update(kind.sobject, there, {kind.fields[name]: self._token(name)})
        self._hugo.update(kind.slug, here, {name: self._token(name)})

    def _clear_in_hubspot(self, kind: Kind) -> None:
        self._hugo.update(kind.slug, self._some_in_hubspot(kind), {self._chance.choice(kind.clearable): ""})

    def _clear_in_salesforce(self, kind: Kind) -> None:
        field = kind.fields[self._chance.choice(kind.clearable)]
        self._sally.update(kind.sobject, self._some_in_salesforce(kind), {field: None})

    # --- records ---------------------------------------------------------------------------------------------------

    def _create_in_hubspot(self, kind: Kind, known: dict[str, str] | None = None) -> None:
        if len(self._hugo.ids(kind.slug)) < kind.most:
            values = self._typed(kind) | (known or {})
            self._hugo.create(kind.slug, values | _REQUIRED_IN_HUBSPOT.get(kind.slug, {}))

    def _create_in_salesforce(self, kind: Kind, known: dict[str, str] | None = None) -> None:
        if len(self._sally.ids(kind.sobject)) < kind.most:
            values = self._typed(kind) | (known or {})
            if kind.slug == "contacts":
                values.setdefault("lastname", self._token("lastname"))
            fields = {kind.fields[name]: value for name, value in values.items()}
            self._sally.create(kind.sobject, fields | _REQUIRED_IN_SALESFORCE.get(kind.sobject, {}))

    def _create_twins(self, kind: Kind) -> None:
        """The same person or company entered on both sides. Two deals of one name are two deals."""
        if kind.slug == "deals":
            return
        known = {kind.identity: self._token(kind.identity)}
        self._create_in_salesforce(kind, known)
        self._create_in_hubspot(kind, known)

    def _delete_in_hubspot(self, kind: Kind) -> None:
        self._hugo.archive(kind.slug, self._some_in_hubspot(kind))

    def _delete_in_salesforce(self, kind: Kind) -> None:
        self._sally.delete(kind.sobject, self._some_in_salesforce(kind))

    def _restore_in_hubspot(self, kind: Kind) -> None:
        table = self._hugo._portal.table(kind.slug)
        gone = [str(record.id) for record in table.after(-1, archived=True)]
        self._hugo.restore(kind.slug, self._chance.choice(gone) if gone else "0")

    def _restore_in_salesforce(self, kind: Kind) -> None:
        table = self._sally._table(kind.sobject)
        gone = [record.id for record in table.from_id("") if record.deleted_s is not None]
        self._sally.undelete(kind.sobject, self._chance.choice(gone) if gone else "0")

    def _opt_out_in_hubspot(self, kind: Kind) -> None:
        email = self._hugo.get("contacts", self._some_in_hubspot(KINDS["contacts"])).get("email")
        if email:
            self._hugo.opt_out(email)

    def _opt_out_in_salesforce(self, kind: Kind) -> None:
        self._sally.update("Contact", self._some_in_salesforce(KINDS["contacts"]), {"HasOptedOutOfEmail": True})

    # --- who belongs to whom ---------------------------------------------------------------------------------------

    def _move_contact_in_hubspot(self, kind: Kind) -> None:
        self._move_in_hubspot("contacts")

    def _move_deal_in_hubspot(self, kind: Kind) -> None:
        self._move_in_hubspot("deals")

    def _move_in_hubspot(self, slug: str) -> None:
        here = self._some_in_hubspot(KINDS[slug])
        before = list(self._hugo.associated(slug, here, "companies"))
        if before and self._chance.random() < 0.3:
            for company in before:
                self._hugo.disassociate(slug, here, "companies", company)
        else:
            self._hugo.associate(slug, here, "companies", self._some_in_hubspot(KINDS["companies"]), primary=True)

    def _move_contact_in_salesforce(self, kind: Kind) -> None:
        self._move_in_salesforce("Contact")

    def _move_deal_in_salesforce(self, kind: Kind) -> None:
        self._move_in_salesforce("Opportunity")

    def _move_in_salesforce(self, sobject: str) -> None:
        slug = "contacts" if sobject == "Contact" else "deals"
        account = None if self._chance.random() < 0.3 else self._some_in_salesforce(KINDS["companies"])
        self._sally.update(sobject, self._some_in_salesforce(KINDS[slug]), {"AccountId": account})

    def _add_role_in_hubspot(self, kind: Kind) -> None:
        deal, contact = self._some_in_hubspot(KINDS["deals"]), self._some_in_hubspot(KINDS["contacts"])
        self._hugo.associate("deals", deal, "contacts", contact)

    def _remove_role_in_hubspot(self, kind: Kind) -> None:
        deal = self._some_in_hubspot(KINDS["deals"])
        contact = self._chance.choice(list(self._hugo.associated("deals", deal, "contacts")))
        self._hugo.disassociate("deals", deal, "contacts", contact)

    def _add_role_in_salesforce(self, kind: Kind) -> None:
        fields = {
            "OpportunityId": self._some_in_salesforce(KINDS["deals"]),
            "ContactId": self._some_in_salesforce(KINDS["contacts"]),
        }
        self._sally.create("OpportunityContactRole", fields)

    def _remove_role_in_salesforce(self, kind: Kind) -> None:
        self._sally.delete("OpportunityContactRole", self._chance.choice(self._sally.ids("OpportunityContactRole")))

    # --- what they type --------------------------------------------------------------------------------------------

    def _typed(self, kind: Kind) -> dict[str, str]:
        optional = [name for name in kind.fields if name not in ("email", "website") and self._chance.random() < 0.6]
        return {name: self._token(name) for name in dict.fromkeys((*kind.always, *optional))}

    def _token(self, name: str) -> str:
        self._tokens += 1
        match name:
            case "email":
                return f"p{self._tokens}@example.com"
            case "website":
                return f"https://w{self._tokens}.example.com"
        return f"{name[:4]}-{self._tokens}"

    def _some_in_hubspot(self, kind: Kind) -> str:
        return self._chance.choice(self._hugo.ids(kind.slug))

    def _some_in_salesforce(self, kind: Kind) -> str:
        return self._chance.choice(self._sally.ids(kind.sobject))
