"""How a connection stands that goes over to another sandbox, as the JSON API says it."""

from __future__ import annotations

from typing import Any

import msgspec

from interlock.app.new_org.kept import NewOrg, Run
from interlock.app.new_org.offer import Look
from interlock.app.times import rfc3339
from interlock.store.connections import Connection

Json = dict[str, Any]


def document(connection: Connection, now: NewOrg | None, look: Look | None, run: Run | None) -> Json:
    """`look` is of an offer, `run` of a connection that has moved."""
    identity = None if now is None else now.identity
    return {
        "connection": connection.name,
        "stage": "none" if now is None else now.stage,
        "salesforce": None
        if identity is None
        else {
            "org_id": identity.account_id,
            "name": identity.account_name,
            "user": identity.user_name,
            "url": identity.api_url,
            "edition": identity.edition,
            "joined_to": list(now.joined_to) if now is not None else [],
        },
        "left": {"org_id": now.left, "name": now.left_name} if now is not None and now.stage == "moved" else None,
        "moved_at": rfc3339(now.moved_at_us) if now is not None and now.stage == "moved" else None,
        "not_ended": (now.not_ended or None) if now is not None else None,
        "set_aside": _set_aside(now, look),
        "offer": None if look is None else _offer(look),
        "preparation": None if run is None else _preparation(run),
    }


def _set_aside(now: NewOrg | None, look: Look | None) -> Json | None:
    aside = look.aside if look is not None else now.aside if now is not None else None
    return None if aside is None else {name: getattr(aside, name) for name in ("links", "due", "open_writes")}


def _offer(look: Look) -> Json:
    return {
        "seen": look.fingerprint,
        "package": look.package.state,
        "native_ids": look.native_ids,
        "lacking": [msgspec.structs.asdict(each) for each in look.lacking],
        "pipelines": [msgspec.structs.asdict(each) for each in look.pipelines],
    }


def _preparation(run: Run) -> Json:
    return {
        "state": run.state,
        "step": run.step,
        "began_at": rfc3339(run.began_at_us),
        "ended_at": rfc3339(run.ended_at_us),
        "ready_at": rfc3339(run.ready_at_us) if run.ready_at_us else None,
        "ids_kept": run.ids.kept,
        "ids_emptied": run.ids.emptied,
        "creates": run.creates,
        "preview": run.preview or None,
        "message": run.message or None,
        "fix": run.fix or None,
    }
