"""Why an object is left off: what the sign-ins may not do, in sentences, and what to do."""

from __future__ import annotations

from interlock.app.setup.permitted import Barred, Barrier
from interlock.web.pages.setup.object_texts import object_names
from interlock.web.texts import _


def lines(barred: Barred, object_: str) -> list[str]:
    return [_line(object_, each) for each in barred.get(object_, ())]


def _line(object_: str, barrier: Barrier) -> str:
    values = {"object": object_names()[object_], "names": ", ".join(barrier.names)}
    told = {
        "scopes": _("%(object)s: left off, since the sign-in to HubSpot lacks the scopes %(names)s."),
        "see": _("%(object)s: left off, since the sync user may not see %(names)s records in Salesforce."),
        "create": _("%(object)s: left off, since the sync user may not create %(names)s records in Salesforce."),
        "edit": _("%(object)s: left off, since the sync user may not edit %(names)s records in Salesforce."),
    }
    return told[barrier.lack] % values
