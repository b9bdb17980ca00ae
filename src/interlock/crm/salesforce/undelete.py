"""Restoring records out of the recycle bin: `undelete` of the SOAP API (its developer guide), which REST has not. Up to 200 a call.

SOAP takes the access token within the envelope, so the body is made when the token is known. A record that is there is not in
the bin, and refused: to restore twice is to restore once.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Sequence
from xml.sax.saxutils import escape

from interlock.core.model import NotDone, Outcome, Unsettled, Written
from interlock.crm.calls import Calls, Declined, chunks
from interlock.crm.salesforce import soql
from interlock.crm.salesforce.groups import call_answer
from interlock.crm.salesforce.requests import API_VERSION, WireFailure, refused

SOAP_PATH = f"/services/Soap/u/{API_VERSION}"
_IDS_A_CALL = 200
_HEADERS = {"Content-Type": "text/xml; charset=UTF-8", "SOAPAction": "undelete", "Accept": "text/xml"}
_RESULT = re.compile(r"<result>(.*?)</result>", re.DOTALL)


async def undelete(calls: Calls, ids: Sequence[str], purpose: str) -> dict[str, Outcome]:
    """Id -> outcome."""
    outcomes: dict[str, Outcome] = {}
    for chunk in chunks(list(dict.fromkeys(ids)), _IDS_A_CALL):
        answer = await calls.write("POST", SOAP_PATH, _envelope(chunk), purpose=purpose, headers=_HEADERS)
        if isinstance(answer, Declined | NotDone | Unsettled):
            whole = call_answer(answer)
            verdict: Outcome = whole if isinstance(whole, NotDone | Unsettled) else whole.refused
            outcomes |= dict.fromkeys(chunk, verdict)
            continue
        told = _RESULT.findall(answer.body.decode(errors="replace"))
        if len(told) != len(chunk):
            outcomes |= dict.fromkeys(chunk, Unsettled("Salesforce took the call and answered something else"))
        else:
            outcomes |= {id_: _outcome(id_, result) for id_, result in zip(chunk, told, strict=True)}
    return outcomes


def _envelope(ids: Sequence[str]) -> Callable[[str], bytes]:
    listed = "".join(f"<urn:ids>{escape(soql.record_id(id_))}</urn:ids>" for id_ in ids)

    def signed(token: str) -> bytes:
        return (
            '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"'
            ' xmlns:urn="urn:partner.soap.sforce.com"><soapenv:Header><urn:SessionHeader>'
            f"<urn:sessionId>{escape(token)}</urn:sessionId></urn:SessionHeader></soapenv:Header>"
            f"<soapenv:Body><urn:undelete>{listed}</urn:undelete></soapenv:Body></soapenv:Envelope>"
        ).encode()

    return signed


def _outcome(id_: str, result: str) -> Outcome:
    if "<success>true</success>" in result:
        return Written(id_)
    return refused([WireFailure(_text(result, "message"), _text(result, "statusCode"))])


def _text(result: str, tag: str) -> str:
    found = re.search(rf"<{tag}>(.*?)</{tag}>", result, re.DOTALL)
    return html.unescape(found[1]) if found is not None else ""
