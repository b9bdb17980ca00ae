"""The categories of issues as pages name them, each with its cause in plain words. A test holds that none is missing."""

from __future__ import annotations

from interlock.web.texts import _


def category_texts() -> dict[str, tuple[str, str]]:
    """{category: (name, what its issues are about)}, in the order of the cards."""
    return {
        "sign_in": (_("Sign-in"), _("A CRM no longer takes the sign-in.")),
        "safety": (_("Safety"), _("Something looked like a mistake that would spread, so that it was held back.")),
        "permissions": (_("Permissions"), _("The sync user may not see or change a field or a record.")),
        "property_values": (
            _("Property values"),
            _("The other side does not take a value: too long, unknown, or missing."),
        ),
        "duplicates": (_("Duplicates"), _("Another record has the same e-mail or another value that must be unique.")),
        "matching": (_("Matching"), _("Several records could be the counterpart: a person must say which.")),
        "associations": (_("Associations"), _("What a record belongs to is gone, or not in the other CRM yet.")),
        "custom_code": (_("Custom code"), _("A validation rule, a flow or a trigger of the org refuses the record.")),
        "field_mapping": (_("Field mapping"), _("A mapped field is gone, hidden, or has changed its type.")),
        "limits": (_("Limits"), _("A limit of a CRM has been reached.")),
    }


def status_texts() -> dict[str, str]:
    return {
        "open": _("open"),
        "waiting": _("waiting for a resync"),
        "ignored": _("ignored"),
        "resolved": _("resolved"),
    }
