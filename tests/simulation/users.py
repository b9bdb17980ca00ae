"""People at work in both CRMs. Every value they type is a token that occurs nowhere else, so its way can be followed."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence

from crm_emulator.hubspot import HubSpotEmulator
from crm_emulator.hubspot.errors import ApiError as HubSpotRefused
from crm_emulator.salesforce import SalesforceEmulator
from crm_emulator.salesforce.errors import ApiError as SalesforceRefused
from crm_emulator.salesforce.errors import RecordError

# HubSpot property -> Salesforce field, of the fields that people type into.
CONTACT_FIELDS = {
    "email": "Email",
    "firstname": "FirstName",
    "lastname": "LastName",
    "jobtitle": "Title",
    "fax": "Fax",
    "message": "Description",
}
RECORDS_MOST = 8
RULES = ("two_way", "prefer_salesforce", "prefer_hubspot", "always_salesforce", "always_hubspot")


class Users:
    def __init__(
        self, hubspot: HubSpotEmulator, salesforce: SalesforceEmulator, objects: Sequence[str], chance: random.Random
    ) -> None:
        self.rules = RULES
        self.moves = 0
        self.refused = 0
        self._hugo = hubspot.user()
        self._sally = salesforce.user()
        self._objects = objects
        self._chance = chance
        self._tokens = 0

    # --- the day ---------------------------------------------------------------------------------------------------

    def before(self) -> None:
        """What is there when the two are connected: some on one side, some on both with differing values."""
        for _ in range(self._chance.randint(1, 3)):
            self._create_in_hubspot()
        for _ in range(self._chance.randint(1, 3)):
            self._create_in_salesforce()
        for _ in range(self._chance.randint(0, 2)):
            self._create_twins()

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
                move()
            except (HubSpotRefused, SalesforceRefused, RecordError, LookupError):
                self.refused += 1

    def _moves(self) -> list[tuple[Callable[[], None], float]]:
        return [
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

    # --- moves -----------------------------------------------------------------------------------------------------

    def _edit_in_hubspot(self) -> None:
        name = self._chance.choice(list(CONTACT_FIELDS))
        self._hugo.update("contacts", self._someone_in_hubspot(), {name: self._token(name)})

    def _edit_in_salesforce(self) -> None:
        name = self._chance.choice(list(CONTACT_FIELDS))
        self._sally.update("Contact", self._someone_in_salesforce(), {CONTACT_FIELDS[name]: self._token(name)})

    def _edit_both(self) -> None:
        """The same field of the same pair, on both sides, before Interlock can know."""
        name = self._chance.choice([name for name in CONTACT_FIELDS if name != "email"])
        here = self._someone_in_hubspot()
        there = self._hugo.get("contacts", here).get("interlock_salesforce_id")
        if there and there in self._sally.ids("Contact"):
            self._sally.update("Contact", there, {CONTACT_FIELDS[name]: self._token(name)})
        self._hugo.update("contacts", here, {name: self._token(name)})

    def _clear_in_hubspot(self) -> None:
        name = self._chance.choice(["firstname", "jobtitle", "fax", "message"])
        self._hugo.update("contacts", self._someone_in_hubspot(), {name: ""})

    def _clear_in_salesforce(self) -> None:
        name = self._chance.choice(["FirstName", "Title", "Fax", "Description"])
        self._sally.update("Contact", self._someone_in_salesforce(), {name: None})

    def _create_in_hubspot(self, email: str | None = None) -> None:
        if len(self._hugo.ids("contacts")) < RECORDS_MOST:
            self._hugo.create("contacts", self._new_person() | {"email": email or self._token("email")})

    def _create_in_salesforce(self, email: str | None = None) -> None:
        if len(self._sally.ids("Contact")) < RECORDS_MOST:
            person = self._new_person() | {"email": email or self._token("email")}
            person.setdefault("lastname", self._token("lastname"))
            self._sally.create("Contact", {CONTACT_FIELDS[name]: value for name, value in person.items()})

    def _create_twins(self) -> None:
        """The same person entered on both sides."""
        email = self._token("email")
        self._create_in_salesforce(email)
        self._create_in_hubspot(email)

    def _delete_in_hubspot(self) -> None:
        self._hugo.archive("contacts", self._someone_in_hubspot())

    def _delete_in_salesforce(self) -> None:
        self._sally.delete("Contact", self._someone_in_salesforce())

    def _restore_in_hubspot(self) -> None:
        table = self._hugo._portal.table("contacts")
        gone = [str(record.id) for record in table.after(-1, archived=True)]
        self._hugo.restore("contacts", self._chance.choice(gone) if gone else "0")

    def _restore_in_salesforce(self) -> None:
        table = self._sally._table("Contact")
        gone = [record.id for record in table.from_id("") if record.deleted_s is not None]
        self._sally.undelete("Contact", self._chance.choice(gone) if gone else "0")

    def _opt_out_in_hubspot(self) -> None:
        email = self._hugo.get("contacts", self._someone_in_hubspot()).get("email")
        if email:
            self._hugo.opt_out(email)

    def _opt_out_in_salesforce(self) -> None:
        self._sally.update("Contact", self._someone_in_salesforce(), {"HasOptedOutOfEmail": True})

    # --- what they type --------------------------------------------------------------------------------------------

    def _new_person(self) -> dict[str, str]:
        names = [name for name in CONTACT_FIELDS if name != "email" and self._chance.random() < 0.6]
        return {name: self._token(name) for name in names}

    def _token(self, name: str) -> str:
        self._tokens += 1
        return f"p{self._tokens}@example.com" if name == "email" else f"{name[:3]}-{self._tokens}"

    def _someone_in_hubspot(self) -> str:
        return self._chance.choice(self._hugo.ids("contacts"))

    def _someone_in_salesforce(self) -> str:
        return self._chance.choice(self._sally.ids("Contact"))
