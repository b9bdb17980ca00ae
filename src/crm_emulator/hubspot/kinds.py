"""The object types of an account: their names, ids, default properties, and how a caller may spell them."""

from __future__ import annotations

import msgspec


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """One object type. `key` is its plural name, which this code uses everywhere."""

    key: str
    singular: str
    type_id: str
    created: str = "hs_createdate"
    modified: str = "hs_lastmodifieddate"
    defaults: tuple[str, ...] = ()
    searched: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    required_one_of: tuple[str, ...] = ()
    first_id: int = 1
    mergeable: bool = True
    full_name: str = ""

    @property
    def upper(self) -> str:
        return self.full_name or self.singular.upper()

    @property
    def always(self) -> tuple[str, str, str]:
        """What every read returns, asked for or not."""
        return self.created, "hs_object_id", self.modified


CONTACTS = Kind(
    key="contacts",
    singular="contact",
    type_id="0-1",
    created="createdate",
    modified="lastmodifieddate",
    defaults=("email", "firstname", "lastname"),
    searched=("firstname", "lastname", "email", "phone", "hs_additional_emails", "fax", "mobilephone", "company"),
    columns=("firstname", "lastname", "email", "company", "phone"),
    required_one_of=("email", "firstname", "lastname"),
    first_id=101,
)
COMPANIES = Kind(
    key="companies",
    singular="company",
    type_id="0-2",
    created="createdate",
    defaults=("domain", "name"),
    searched=("website", "phone", "name", "domain"),
    columns=("name", "domain", "phone", "city", "industry"),
    required_one_of=("name", "domain"),
    first_id=7_945_028_601,
)
DEALS = Kind(
    key="deals",
    singular="deal",
    type_id="0-3",
    created="createdate",
    defaults=("amount", "closedate", "dealname", "dealstage", "pipeline"),
    searched=("dealname", "pipeline", "dealstage", "description", "dealtype"),
    columns=("dealname", "dealstage", "amount", "closedate"),
    required=("dealname",),
    first_id=6_744_192_401,
)
TICKETS = Kind(
    key="tickets",
    singular="ticket",
    type_id="0-5",
    created="createdate",
    defaults=("content", "hs_pipeline", "hs_pipeline_stage", "hs_ticket_category", "hs_ticket_priority", "subject"),
    searched=("subject", "content", "hs_pipeline_stage", "hs_ticket_category", "hs_ticket_id"),
    columns=("subject", "hs_pipeline_stage", "hs_ticket_priority"),
    required=("subject", "hs_pipeline_stage"),
    first_id=1_075_966_401,
)


def _activity(key: str, type_id: str, searched: tuple[str, ...], first_id: int) -> Kind:
    return Kind(
        key=key,
        singular=key[:-1],
        type_id=type_id,
        searched=searched,
        columns=(searched[0], "hs_timestamp"),
        required=("hs_timestamp", "hs_email_direction") if key == "emails" else ("hs_timestamp",),
        first_id=first_id,
        mergeable=False,
    )


BUILT_IN: tuple[Kind, ...] = (
    CONTACTS,
    COMPANIES,
    DEALS,
    TICKETS,
    _activity("tasks", "0-27", ("hs_task_subject", "hs_task_body"), 20_100_000_001),
    _activity("notes", "0-46", ("hs_note_body",), 20_200_000_001),
    _activity("meetings", "0-47", ("hs_meeting_title", "hs_meeting_body"), 20_300_000_001),
    _activity("calls", "0-48", ("hs_call_title", "hs_call_body"), 20_400_000_001),
    _activity("emails", "0-49", ("hs_email_subject", "hs_email_text"), 20_500_000_001),
)


class Kinds:
    """The object types of one account. Names are matched without regard to case (recordings use CONTACT, COMPANY)."""

    def __init__(self, kinds: tuple[Kind, ...] = BUILT_IN) -> None:
        self.all: dict[str, Kind] = {}
        self._by_name: dict[str, Kind] = {}
        for kind in kinds:
            self.add(kind)

    def add(self, kind: Kind) -> None:
        self.all[kind.key] = kind
        for name in (kind.key, kind.singular, kind.type_id, kind.full_name):
            if name:
                self._by_name[name.lower()] = kind

    def find(self, name: str) -> Kind | None:
        found = self._by_name.get(name)
        return found if found is not None else self._by_name.get(name.lower())
