"""Requests that name another host than this Interlock's are refused: a page elsewhere whose name was made to lead here (DNS
rebinding) gets nothing, and no link or log is ever made from a name that somebody sent.

An address made of digits is nobody's name, so it is taken; so is this machine's own. Where nobody has said by which name browsers
reach it (`public_url`), none is refused: the wizard, which asks for it, must be reachable through whatever proxy stands in front.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import Request

from interlock.web.texts import _

_THIS_MACHINE = ("localhost",)


def check_host(request: Request, public_url: str) -> None:
    """Raises HTTPException."""
    ours = urlsplit(public_url).hostname or ""
    if _is_own(ours):
        return
    name = _name(request.headers.get("host", ""))
    if name == ours or _is_own(name):
        return
    raise HTTPException(
        421,
        _(
            "This Interlock is not known by the name that was asked for. Set public_url in interlock.yaml to the address that"
            " people type, and let a reverse proxy pass on the Host header."
        ),
    )


def _name(sent: str) -> str:
    """Without its port; empty for what is no host, as one that holds what ends a host in an address."""
    if set(sent) & set("/?#@\\ "):
        return ""
    try:
        return urlsplit(f"//{sent}").hostname or ""
    except ValueError:
        return ""


def _is_own(name: str) -> bool:
    """This machine's, or a number."""
    if name in _THIS_MACHINE:
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
