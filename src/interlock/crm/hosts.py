"""Which addresses are a CRM's: nothing with a token in it is sent anywhere else. Pure.

The browser and the CRM's own answers both name hosts (a My Domain that was typed, `instance_url`), and both could be made to
name somebody else's. Sources: HubSpot's OAuth guide (api.hubapi.com, app.hubspot.com, app-eu1.hubspot.com); Salesforce Help, "My
Domain URL Formats" and "Allow the Required Domains" (*.salesforce.com, *.force.com; *.salesforce.mil for Government Cloud Plus).
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from urllib.parse import urlsplit

from interlock.core.model import Side
from interlock.crm.errors import NAMES, AddressRefused

_SUFFIXES = {
    Side.HUBSPOT: ("hubapi.com", "hubspot.com"),
    Side.SALESFORCE: ("salesforce.com", "force.com", "salesforce.mil"),
}
# Log-in pages of an org's own: NAME.my.salesforce.com, NAME--BOX.sandbox.my.salesforce.com, NAME.develop.my.salesforce.com.
_MY_DOMAIN = (".my.salesforce.com", ".my.salesforce.mil")
# What no two parsers read differently: `https://evil.example\\.salesforce.com` is another host to a browser than to urlsplit.
_HOST = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+")
LOOPBACK_NAMES = frozenset({"localhost"})


def checked(side: Side, url: str, *, local: bool) -> str:
    """`https://host`, without a path. `local`: the local CRMs may be used, over http too. Raises AddressRefused."""
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise AddressRefused(side, f"{url!r} is not a web address.") from None
    place = f"{parts.scheme}://{host if ':' not in host else f'[{host}]'}" + (f":{port}" if port is not None else "")
    if parts.username is not None or parts.password is not None:
        raise AddressRefused(side, f"An address of {NAMES[side]} holds no user name.")
    if local and parts.scheme in ("http", "https") and is_local(host):
        return place
    if parts.scheme != "https":
        raise AddressRefused(side, f"{place} is not used: {NAMES[side]} is only spoken to over https.")
    if (
        port not in (None, 443)
        or not _HOST.fullmatch(host)
        or not any(host.endswith("." + suffix) for suffix in _SUFFIXES[side])
    ):
        known = ", ".join(f"*.{suffix}" for suffix in _SUFFIXES[side])
        raise AddressRefused(side, f"{place} is not an address of {NAMES[side]} ({known}): nothing was sent there.")
    return place


def my_domain(text: str, *, local: bool) -> str:
    """What a person typed as *My Domain*: a name, a host or an address. Raises AddressRefused."""
    typed = text.strip().rstrip("/")
    if local and "://" in typed and is_local(urlsplit(typed).hostname or ""):
        return checked(Side.SALESFORCE, typed, local=True)
    host = (urlsplit(typed).hostname or "") if "://" in typed else typed.partition("/")[0].lower()
    if host and "." not in host:
        host += ".my.salesforce.com"
    # The address in the browser of somebody who is signed in: the same org's pages, not its log-in.
    host = (
        host.removesuffix(".lightning.force.com") + ".my.salesforce.com"
        if host.endswith(".lightning.force.com")
        else host
    )
    if not host.endswith(_MY_DOMAIN):
        raise AddressRefused(
            Side.SALESFORCE,
            f"{typed or 'Nothing'} is not a My Domain address.",
            fix="It looks like NAME.my.salesforce.com. Salesforce shows it under Setup, My Domain.",
        )
    return checked(Side.SALESFORCE, f"https://{host}", local=False)


def is_local(host: str) -> bool:
    if host in LOOPBACK_NAMES:
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
