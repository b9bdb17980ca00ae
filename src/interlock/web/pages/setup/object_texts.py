"""The objects by their names."""

from __future__ import annotations

from interlock.web.texts import _


def object_names() -> dict[str, str]:
    return {"contacts": _("Contacts"), "companies": _("Companies"), "deals": _("Deals")}
