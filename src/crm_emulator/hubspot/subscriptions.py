"""E-mail subscription types of an account, and what each address chose about each of them. State only; knows no record.

An address may be opted out of one type, or of all e-mail (`opted_out`), which outweighs whatever it chose about a type. Which
properties of a contact follow is for `operations.py`; what the calls look like is `routes_preferences.py`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from crm_emulator.hubspot import errors
from crm_emulator.hubspot.stamps import iso_ms

SUBSCRIBED, UNSUBSCRIBED, NOT_SPECIFIED = "SUBSCRIBED", "UNSUBSCRIBED", "NOT_SPECIFIED"
STATES = frozenset({SUBSCRIBED, UNSUBSCRIBED, NOT_SPECIFIED})
# Communication preferences API: every value that `legalBasis` may have.
LEGAL_BASES = frozenset(
    {
        "CONSENT_WITH_NOTICE",
        "LEGITIMATE_INTEREST_CLIENT",
        "LEGITIMATE_INTEREST_OTHER",
        "LEGITIMATE_INTEREST_PQL",
        "NON_GDPR",
        "PERFORMANCE_OF_CONTRACT",
        "PROCESS_AND_STORE",
    }
)
# `source` of a status, as the guide of the API shows it.
BY_API, BY_PERSON, BY_NOBODY = "Public status API", "Self Service Resubscription", "Not specified"
# Recorded: hs_email_optout_23783731, "Opted out of email: Marketing Information".
_FIRST_ID = 23_783_731


class SubscriptionType(msgspec.Struct, kw_only=True):
    id: int
    name: str
    description: str
    created_ms: int
    active: bool = True
    default: bool = False

    @property
    def property(self) -> str:
        """The contact property that tells whether the current address is opted out of this type."""
        return f"hs_email_optout_{self.id}"

    def to_json(self) -> dict[str, Any]:
        return {
            "businessUnitId": 0,
            "id": str(self.id),
            "name": self.name,
            "description": self.description,
            "purpose": "Marketing",
            "communicationMethod": "Email",
            "isActive": self.active,
            "isDefault": self.default,
            "isInternal": False,
            "createdAt": iso_ms(self.created_ms),
            "updatedAt": iso_ms(self.created_ms),
        }


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """What an address chose about one type, how and when."""

    state: str
    at_ms: int
    source: str
    legal_basis: str | None = None
    explanation: str | None = None


class Subscriptions:
    def __init__(self) -> None:
        self.types: dict[int, SubscriptionType] = {}
        self.opted_out: dict[str, int] = {}  # of all e-mail: address -> when
        self._chosen: dict[str, dict[int, Choice]] = {}

    def define(self, name: str, description: str, now_ms: int) -> SubscriptionType:
        """The first one is the account's default type."""
        made = SubscriptionType(
            id=_FIRST_ID + 11 * len(self.types),
            name=name,
            description=description,
            created_ms=now_ms,
            default=not self.types,
        )
        self.types[made.id] = made
        return made

    def type(self, id: int) -> SubscriptionType:
        """Raises ApiError (the wording is unverified)."""
        found = self.types.get(id)
        if found is None:
            raise errors.invalid(f"Subscription {id} does not exist in this account")
        return found

    def choice(self, email: str, id: int) -> Choice | None:
        """What it chose itself, whether or not it is opted out of everything."""
        return self._chosen.get(email, {}).get(id)

    def state(self, email: str, id: int) -> str:
        """What counts: an address that is opted out of all e-mail is opted out of every type."""
        if email in self.opted_out:
            return UNSUBSCRIBED
        chosen = self.choice(email, id)
        return NOT_SPECIFIED if chosen is None else chosen.state

    def choose(self, email: str, id: int, choice: Choice) -> str:
        """Returns the `setStatusSuccessReason` of it."""
        self.type(id)
        before = self.state(email, id)
        self._chosen.setdefault(email, {})[id] = choice
        after = self.state(email, id)
        if before == after:
            return "NO_STATUS_CHANGE"
        return "RESUBSCRIBE_OCCURRED" if before == UNSUBSCRIBED else "REQUESTED_CHANGE_OCCURRED"

    def flags(self, email: str | None) -> dict[str, str]:
        """The opt-out properties of a contact with this current address: "true", or "" for no."""
        flags = {"hs_email_optout": "true" if email in self.opted_out else ""}
        for found in self.types.values():
            out = email is not None and self.state(email, found.id) == UNSUBSCRIBED
            flags[found.property] = "true" if out else ""
        return flags
