"""What is chosen of an object otherwise than by default, for the review: in the step of more choices, or before on its tab."""

from __future__ import annotations

import msgspec

from interlock.app import what_syncs
from interlock.app.setup import choices, review
from interlock.app.what_syncs import WhatSyncs
from interlock.objects.choices import choices_of
from interlock.objects.registry import SPECS
from interlock.store.connections import Connection
from interlock.web.pages import person_rule_texts
from interlock.web.pages.choice_texts import offered
from interlock.web.pages.setup.frame import At
from interlock.web.pages.setup.object_texts import object_names
from interlock.web.texts import _


def cards(at: At, connection: Connection) -> list[tuple[str, str, list[str], str]]:
    """As the other cards of the review, of each object of which something is chosen otherwise than by default."""
    own = choices.applies(at.setup) and choices.values_of(at.setup).saved
    settings = {**connection.settings, **review.settings_of(at.setup, connection)}
    to_be = msgspec.structs.replace(connection, settings=settings)
    found = []
    for slug in SPECS:
        lines = _lines(what_syncs.chosen(to_be, slug))
        labels = choices.labels_of(at.setup, SPECS) if slug == choices.DEALS else ()
        if labels:
            lines.append(_("Labels that are made in HubSpot: %(names)s.") % {"names": ", ".join(labels)})
        if not lines:
            continue
        held = {"object": object_names()[slug]}
        title = _("More choices: %(object)s") % held if own else _("%(object)s: chosen before, and kept") % held
        change = at.address(choices.slug, back=review.slug) if own else f"/connections/{connection.id}/{slug}"
        found.append((f"kept-{slug}", title, lines, change))
    return found


def _lines(chosen: WhatSyncs) -> list[str]:
    lines = []
    if chosen.object != choices.CONTACTS:
        lines = [
            *([_("Only records of the HubSpot list %(id)s sync.") % {"id": chosen.list_id}] if chosen.list_id else []),
            *([] if chosen.create_in_salesforce else [_("A new HubSpot record is not created in Salesforce.")]),
            *([] if chosen.create_in_hubspot else [_("A new Salesforce record is not created in HubSpot.")]),
        ]
    lines += [
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
