"""People, tokens and deeds as the documents that commands print and the JSON API answers with. Pure."""

from __future__ import annotations

from typing import Any

from interlock.app.people.audit_log import Log
from interlock.app.times import rfc3339
from interlock.store.api_tokens import ApiToken
from interlock.store.people import Person

Json = dict[str, Any]


def state_of(person: Person) -> str:
    """active | no_password | disabled"""
    if person.disabled:
        return "disabled"
    return "active" if person.password_hash else "no_password"


def person_document(person: Person) -> Json:
    return {
        "id": person.id,
        "email": person.email,
        "name": person.name,
        "role": person.role,
        "state": state_of(person),
        "created_at": rfc3339(person.created_at_us),
        "signed_in_at": rfc3339(person.signed_in_at_us),
    }


def token_document(token: ApiToken) -> Json:
    """Without the token itself, which nobody has but its owner."""
    return {
        "id": token.id,
        "name": token.name,
        "role": token.role,
        "made_by": token.made_by,
        "created_at": rfc3339(token.created_at_us),
        "used_at": rfc3339(token.used_at_us),
    }


def log_document(log: Log) -> Json:
    """`before` of the next page; null at the end. `broken`: the first row that is not what was written."""
    broken = log.checked.broken
    return {
        "deeds": [
            {
                "seq": entry.deed.seq,
                "at": rfc3339(entry.deed.at_us),
                "actor": entry.deed.actor,
                "actor_name": entry.actor,
                "action": entry.deed.action,
                "subject": entry.deed.subject,
                "subject_name": entry.subject,
                "detail": entry.deed.detail,
                "hash": entry.deed.hash,
            }
            for entry in log.entries
        ],
        "checked": {
            "rows": log.checked.rows,
            "head": log.checked.head,
            "broken": None if broken is None else {"seq": broken.seq, "why": broken.why},
        },
        "before": log.before,
    }
