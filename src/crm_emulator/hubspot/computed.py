"""Properties that HubSpot computes instead of keeping: ids, dates, sources, and what follows from other values.

They are worked out when read, have no history of their own, and cost no memory. Counts and mirrors that HubSpot does
keep (num_associated_contacts, associatedcompanyid) are stored values, written by `associations.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from crm_emulator.hubspot.records import Record
from crm_emulator.hubspot.stamps import MS_PER_DAY, iso_ms, parse_instant_ms

if TYPE_CHECKING:
    from crm_emulator.hubspot.pipelines import Stage

Compute = Callable[[Record], str | None]
StageOf = Callable[[Record], "Stage | None"]
RateOf = Callable[[Record], Decimal | None]

_SOURCE_LABELS = {"INTEGRATION": "Integration", "CRM_UI": "CRM UI", "IMPORT": "Import"}


def _id(record: Record) -> str:
    return str(record.id)


def _created(record: Record) -> str:
    return iso_ms(record.created_ms)


def _modified(record: Record) -> str:
    return iso_ms(record.updated_ms)


def _text(number: int | None) -> str | None:
    return None if number is None else str(number)


COMMON: dict[str, Compute] = {
    "hs_object_id": _id,
    "hs_lastmodifieddate": _modified,
    "hs_createdate": _created,
    "hs_object_source": lambda record: record.source.type,
    "hs_object_source_id": lambda record: record.source.id,
    "hs_object_source_label": lambda record: _SOURCE_LABELS.get(record.source.type, record.source.type),
    "hs_object_source_user_id": lambda record: _text(record.source.user_id),
    "hs_created_by_user_id": lambda record: _text(record.source.user_id),
    "hs_updated_by_user_id": lambda record: _text(record.updated_by),
    "hs_all_owner_ids": lambda record: record.values.get("hubspot_owner_id"),
}


def _email_domain(record: Record) -> str | None:
    email = record.values.get("email")
    return email.rpartition("@")[2] if email else None


def _full_name_or_email(record: Record) -> str | None:
    values = record.values
    name = f"{values.get('firstname') or ''} {values.get('lastname') or ''}".strip()
    return name or values.get("email")


def _vids(record: Record) -> str:
    merged = record.values.get("hs_merged_object_ids")
    return f"{record.id};{merged}" if merged else str(record.id)


_CONTACT: dict[str, Compute] = {
    "createdate": _created,
    "lastmodifieddate": _modified,
    "hs_email_domain": _email_domain,
    "hs_full_name_or_email": _full_name_or_email,
    "hs_is_contact": lambda record: "true",
    "hs_is_unworked": lambda record: "true",
    "hs_all_contact_vids": _vids,
    "hs_pipeline": lambda record: record.values.get("hs_pipeline", "contacts-lifecycle-pipeline"),
}


def contact(merged_at: Mapping[int, int]) -> dict[str, Compute]:
    """`merged_at`: when each merged-away contact was merged."""

    def merged_vids(record: Record) -> str | None:
        """ "Merged vids with timestamps of a contact" (recorded label): `<id>:<epoch ms>`, by `;` (Fivetran's documentation)."""
        ids = [int(id) for id in (record.values.get("hs_merged_object_ids") or "").split(";") if id.isdecimal()]
        return ";".join(f"{id}:{merged_at.get(id, 0)}" for id in ids) or None

    return {**_CONTACT, "hs_calculated_merged_vids": merged_vids}


COMPANY: dict[str, Compute] = {
    "createdate": _created,
    "hs_pipeline": lambda record: record.values.get("hs_pipeline", "companies-lifecycle-pipeline"),
    "hs_task_label": lambda record: record.values.get("name") or record.values.get("domain"),
}


def deal(stage_of: StageOf, rate_of: RateOf) -> dict[str, Compute]:
    """Deal properties that depend on the stage a pipeline gives them, and on what their currency is worth."""

    def closed(record: Record) -> bool:
        stage = stage_of(record)
        return stage is not None and stage.is_closed

    def won(record: Record) -> bool:
        stage = stage_of(record)
        return stage is not None and stage.is_won

    def probability(record: Record) -> str | None:
        stage = stage_of(record)
        return None if stage is None else stage.probability

    def home_amount(record: Record) -> str | None:
        amount, rate = record.values.get("amount"), rate_of(record)
        if not amount or rate == 1:
            return amount
        return None if rate is None else _times(amount, str(rate))

    def projected(record: Record) -> str | None:
        return _times(record.values.get("amount"), probability(record))

    return {
        "createdate": _created,
        "amount_in_home_currency": home_amount,
        "hs_exchange_rate": lambda record: None if (rate := rate_of(record)) is None else f"{rate.normalize():f}",
        "hs_deal_stage_probability": probability,
        "hs_is_closed": lambda record: str(closed(record)).lower(),
        "hs_is_closed_won": lambda record: str(won(record)).lower(),
        "hs_is_closed_lost": lambda record: str(closed(record) and not won(record)).lower(),
        "hs_closed_amount": lambda record: (record.values.get("amount") or "0") if won(record) else "0",
        "hs_projected_amount": projected,
        "days_to_close": _days_to_close,
    }


TICKET: dict[str, Compute] = {"createdate": _created, "hs_ticket_id": _id}


def _activity_preview(record: Record) -> str | None:
    for name in ("hs_note_body", "hs_task_body", "hs_call_body", "hs_meeting_body", "hs_email_text"):
        if record.values.get(name):
            return record.values[name][:140]
    return None


ACTIVITY: dict[str, Compute] = {"hs_body_preview": _activity_preview}


def _times(amount: str | None, probability: str | None) -> str | None:
    if not amount or not probability:
        return None
    try:
        return f"{(Decimal(amount) * Decimal(probability)).normalize():f}"
    except InvalidOperation:
        return None


def _days_to_close(record: Record) -> str | None:
    closes_ms = parse_instant_ms(record.values.get("closedate") or "")
    return None if closes_ms is None else str(max(0, (closes_ms - record.created_ms) // MS_PER_DAY))
