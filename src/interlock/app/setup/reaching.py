"""*Test* of the address of this Interlock: ask it for its own health, and say what came back.

It tells whether this machine reaches the address; a browser elsewhere may see another answer, and the CRMs never call it: they only
send browsers there.
"""

from __future__ import annotations

import msgspec

from interlock.crm.transport import NotSent, Request, Transport, TransportError

DEADLINE_S = 10.0


class Reached(msgspec.Struct, frozen=True):
    good: bool
    text: str


class _Health(msgspec.Struct):
    status: str
    version: str = ""


async def test_address(transport: Transport, public_url: str, version: str) -> Reached:
    """`public_url` as `sign_in.redirect_uri` takes it; `version`: of this Interlock."""
    url = public_url.strip().rstrip("/") + "/health"
    try:
        answer = await transport.send(Request("GET", url, {"Accept": "application/json"}), DEADLINE_S)
    except NotSent as error:
        return Reached(
            False, f"{url} cannot be reached from this machine: {error.why}. Check the name, and what listens."
        )
    except TransportError as error:
        return Reached(False, f"{url} did not answer: {error.why}.")
    if answer.status != 200:
        return Reached(False, f"{url} answered HTTP {answer.status}: a proxy or another program is there.")
    try:
        found = msgspec.json.decode(answer.body, type=_Health)
    except msgspec.MsgspecError:
        return Reached(False, f"{url} answered, but not as Interlock does: another program is there.")
    if found.version != version:
        return Reached(
            False, f"{url} is an Interlock of version {found.version}, and this one is {version}: another one."
        )
    return Reached(True, f"{url} answered: this is Interlock {found.version}.")
