"""What was chosen on the tabs of a connection before it is set up, and stays: no step of the wizard shows it, the review does."""

from __future__ import annotations

from interlock.app import what_syncs
from interlock.app.what_syncs import WhatSyncs
from interlock.objects.choices import choices_of
from interlock.objects.registry import SPECS
from interlock.store.connections import Connection
from interlock.web.pages import person_rule_texts
from interlock.web.pages.choice_texts import offered
from interlock.web.pages.setup.object_texts import object_names
from interlock.web.texts import _


def cards(connection: Connection) -> list[tuple[str, str, list[str], str]]:
    """As the other cards of the review, of each object of which something is chosen otherwise than by default."""
    found = []
    for slug in SPECS:
        lines = _lines(what_syncs.chosen(connection, slug))
        if lines:
            title = _("%(object)s: chosen before, and kept") % {"object": object_names()[slug]}
            found.append((f"kept-{slug}", title, lines, f"/connections/{connection.id}/{slug}"))
    return found


def _lines(chosen: WhatSyncs) -> list[str]:
    lines = [
        f"{_('Of %(type)s in Salesforce only records sync that fit:') % {'type': type_}} {text}"
        for type_, text in chosen.filters.items()
    ]
    lines += [f"{condition}: {becomes}" for condition, becomes in person_rule_texts.told(chosen.person_rules)]
    defaults = {each.name: each.default for each in choices_of(chosen.object)}
    return lines + [
        f"{each.label}: {each.values[chosen.choices[each.name]]}"
        for each in offered(chosen.object)
        if chosen.choices[each.name] != defaults[each.name]
    ]
