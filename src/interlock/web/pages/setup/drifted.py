"""What has changed in a CRM since the mappings were made, and values that the other side lacks, in sentences."""

from __future__ import annotations

from collections.abc import Sequence

from interlock.app.setup.drift import Change, Unmatched
from interlock.core.model import Side
from interlock.crm.errors import NAMES
from interlock.web.pages.setup.properties import object_names
from interlock.web.texts import _, _n

# As many values of a list as a person reads.
_SHOWN = 10


def lines(changes: Sequence[Change]) -> list[str]:
    return [_line(each) for each in changes]


def _line(change: Change) -> str:
    names = {"object": object_names()[change.object], "property": change.property, "name": change.name}
    names["crm"] = "" if change.side is None else NAMES[change.side]
    match change.what:
        case "object_off":
            return _("%(object)s: the sign-ins may not read and write them any more. They do not sync.") % names
        case "object_on":
            return _("%(object)s: the sign-ins may read and write them now. They sync.") % names
        case "added":
            return _("%(object)s: new in Salesforce is %(name)s, which syncs with %(property)s.") % names
        case "gone" if change.side is Side.HUBSPOT and change.syncs:
            return _("%(object)s: the HubSpot property %(name)s is gone. It is made anew when you finish.") % names
        case "gone" if change.side is Side.HUBSPOT:
            return _("%(object)s: the HubSpot property %(name)s is gone. It does not sync any more.") % names
        case "gone":
            gone = _(
                "%(object)s: the sync user does not see %(name)s any more, or it is gone. It does not sync any more."
            )
            return gone % names
        case "type":
            told = _("%(object)s: %(name)s in %(crm)s was of type %(before)s and is of type %(after)s.")
            told %= {**names, "before": change.before[0], "after": change.after[0]}
        case "options":
            told = _options(change, names)
    return told if change.syncs else f"{told} {_('It does not sync any more.')}"


def _options(change: Change, names: dict[str, str]) -> str:
    values = {**names, "gone": _listed(change.before), "new": _listed(change.after)}
    if not change.after:
        return _("%(object)s: %(name)s in %(crm)s has lost the values %(gone)s.") % values
    if not change.before:
        return _("%(object)s: %(name)s in %(crm)s has the new values %(new)s.") % values
    return _("%(object)s: %(name)s in %(crm)s has lost the values %(gone)s and has the new values %(new)s.") % values


def lacking(found: Sequence[Unmatched]) -> list[str]:
    told = []
    for each in found:
        names = {"object": object_names()[each.object], "property": each.property, "field": each.field}
        if each.lacking_in_hubspot:
            here = _("%(object)s: the HubSpot property %(property)s has no option for %(values)s of %(field)s.")
            told.append(here % {**names, "values": _listed(each.lacking_in_hubspot)})
        if each.lacking_in_salesforce:
            there = _(
                "%(object)s: the picklist %(field)s has no value for %(values)s of the HubSpot property %(property)s."
            )
            told.append(there % {**names, "values": _listed(each.lacking_in_salesforce)})
    return told


def _listed(values: Sequence[str]) -> str:
    shown = ", ".join(values[:_SHOWN])
    more = len(values) - _SHOWN
    if more <= 0:
        return shown
    return _n("%(values)s and %(num)s more", "%(values)s and %(num)s more", more) % {"values": shown, "num": more}
