"""RemoteSiteSetting and CspTrustedSite: addresses outside the org that its code may call, and its pages may load.

Nothing in this org calls or loads anything, so a site is only kept, to be looked up through the Tooling API
(RemoteProxy, CspTrustedSite) and deleted again.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from crm_emulator.salesforce.metadata.draft import Change, Draft, Hands
from crm_emulator.salesforce.metadata.plan import Component
from crm_emulator.salesforce.metadata.problems import Problem, bad_developer_name, too_long
from crm_emulator.salesforce.metadata.xml import Enum, Spec, read
from crm_emulator.salesforce.sites import PREFIXES, Site

# "The name can only contain characters, letters, and the underscore (_) character. The name must start with a letter,
# and can't end with an underscore or contain two consecutive underscore characters" (RemoteSiteSetting, fullName).
_NAME = re.compile(r"[A-Za-z](?:_?[A-Za-z0-9])*\Z")
_LONGEST_NAME = 80
_LONGEST_URL = 255
_DIRECTIVES = ("Connect", "Font", "Frame", "Img", "Media", "Style")
_CONTEXTS = frozenset({"All", "Communities", "FieldServiceMobileExtension", "LEX", "VisualForce"})
_SPECS: dict[str, Spec] = {
    "RemoteSiteSetting": {"description": str, "disableProtocolSecurity": bool, "isActive": bool, "url": str},
    "CspTrustedSite": {
        "canAccessCamera": bool,
        "canAccessMicrophone": bool,
        "context": Enum("CspTrustedSiteContext", _CONTEXTS),
        "description": str,
        "endpointUrl": str,
        "isActive": bool,
        **{f"isApplicableTo{directive}Src": bool for directive in _DIRECTIVES},
        "mobileExtension": str,
    },
}
# Marked "Required." in the field tables of the Metadata API developer guide.
_REQUIRED = {
    "RemoteSiteSetting": ("disableProtocolSecurity", "isActive", "url"),
    "CspTrustedSite": ("endpointUrl", "isActive"),
}
_LABELS = {"RemoteSiteSetting": "Remote Site", "CspTrustedSite": "Trusted URL"}
# A trusted URL may be a WebSocket's, and may begin with a wildcard (Salesforce help, manage trusted URLs).
_SCHEMES = {"RemoteSiteSetting": ("http", "https"), "CspTrustedSite": ("http", "https", "wss")}
_HOST = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*\Z")


def check_site(draft: Draft, step: Component) -> Change:
    kind, label = step.type, _LABELS[step.type]
    draft.need("CustomizeApplication")
    if not _NAME.match(step.full_name):
        raise bad_developer_name(f"{label} Name")
    if len(step.full_name) > _LONGEST_NAME:
        raise too_long(f"{label} Name", step.full_name, _LONGEST_NAME)
    draft.first_time(kind, step.full_name)
    assert step.node is not None
    values = read(step.node, kind, _SPECS[kind], _REQUIRED[kind])
    if kind == "CspTrustedSite":
        _complete_trusted(values)
    _check_url(kind, values)
    there = draft.site(kind, step.full_name)

    def carry_out(hands: Hands) -> str | None:
        sites, key = hands.org.sites, (kind, step.full_name.lower())
        before = sites.get(key)
        site_id = before.id if before is not None else hands.org.ids.make(PREFIXES[kind])
        hands.tx.on_roll_back(lambda: sites.pop(key, None) if before is None else sites.update({key: before}))
        sites[key] = Site(site_id, kind, step.full_name, values)
        return site_id

    return Change(carry_out, created=there is None, changed=there is None or there.values != values)


def _complete_trusted(values: dict[str, Any]) -> None:
    """Directives default to false, and at least one must be true (Metadata API developer guide, CspTrustedSite; the
    sentence is supposed). Without a context it is LEX's."""
    values.setdefault("context", "LEX")
    for directive in _DIRECTIVES:
        values.setdefault(f"isApplicableTo{directive}Src", False)
    if not any(values[f"isApplicableTo{directive}Src"] for directive in _DIRECTIVES):
        raise Problem("Select at least one CSP directive.")


def _check_url(kind: str, values: dict[str, Any]) -> None:
    """An absolute URL with a host; supposed wording."""
    element = "url" if kind == "RemoteSiteSetting" else "endpointUrl"
    url, label = values[element], f"{_LABELS[kind]} URL" if kind == "RemoteSiteSetting" else "Trusted URL"
    if len(url) > _LONGEST_URL:
        raise too_long(label, url, _LONGEST_URL)
    given = url if "://" in url or kind == "RemoteSiteSetting" else f"https://{url}"
    try:
        parts = urlsplit(given)
        host, _ = parts.hostname or "", parts.port
    except ValueError as broken:
        raise Problem(f"{label}: Invalid URL: {url}") from broken
    if kind == "CspTrustedSite":
        host = host.removeprefix("*.")
    if parts.scheme not in _SCHEMES[kind] or not _HOST.match(host) or parts.username or any(c.isspace() for c in url):
        raise Problem(f"{label}: Invalid URL: {url}")


def check_deletion(draft: Draft, step: Component) -> Change:
    kind, key = step.type, (step.type, step.full_name.lower())
    draft.need("CustomizeApplication")
    draft.first_time(f"destructive {kind}", step.full_name)
    there = draft.site(kind, step.full_name)
    if there is None:
        raise Problem(f"No {kind} named: {step.full_name} found", warning=True)
    draft.gone.add(key)

    def carry_out(hands: Hands) -> str | None:
        sites = hands.org.sites
        sites.pop(key)
        hands.tx.on_roll_back(lambda: sites.update({key: there}))
        return there.id

    return Change(carry_out, changed=True, deleted=True)
