"""SOAP envelopes: a request as a tree of elements without their namespaces, and results as the XML of an answer.

It knows the shape of an envelope, nothing of calls or records. A DOCTYPE is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat
from xml.sax.saxutils import escape

ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
_INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>'


class BadEnvelope(Exception):
    """The body is not a SOAP request; the message says why."""


@dataclass(slots=True)
class Element:
    """`type` is the local name of xsi:type, which names the object in the enterprise API; `nil` is xsi:nil."""

    tag: str
    type: str = ""
    nil: bool = False
    text: str = ""
    children: list[Element] = field(default_factory=list)

    def all(self, tag: str) -> list[Element]:
        return [child for child in self.children if child.tag == tag]

    def child(self, tag: str) -> Element | None:
        return next((child for child in self.children if child.tag == tag), None)

    def value(self, tag: str) -> str | None:
        """The text of a child; None where it is missing, empty or nil."""
        found = self.child(tag)
        return found.text.strip() or None if found is not None and not found.nil else None

    def flag(self, tag: str) -> bool:
        return (self.value(tag) or "").lower() in ("true", "1")


def parse(body: bytes) -> tuple[Element, Element]:
    """The header (empty where there is none) and the one call of the body."""
    reader = _Reader()
    try:
        reader.parser.Parse(body, True)
    except expat.ExpatError as broken:
        raise BadEnvelope(expat.ErrorString(broken.code)) from broken
    root = reader.root
    assert root is not None  # expat refuses a document without an element
    held = root.child("Body")
    if root.tag != "Envelope" or held is None or len(held.children) != 1:
        raise BadEnvelope("a SOAP envelope with one call is needed")
    return root.child("Header") or Element("Header"), held.children[0]


class _Reader:
    def __init__(self) -> None:
        self.root: Element | None = None
        self._open: list[Element] = []
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters
        self.parser.StartDoctypeDeclHandler = self._doctype

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        kind = attributes.get(f"{_INSTANCE} type", "").rpartition(":")[2]
        nil = attributes.get(f"{_INSTANCE} nil", "") in ("true", "1")
        element = Element(name.rpartition(" ")[2], kind, nil)
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element
        self._open.append(element)

    def _end(self, name: str) -> None:
        self._open.pop()

    def _characters(self, text: str) -> None:
        self._open[-1].text += text

    def _doctype(self, *given: object) -> None:
        raise BadEnvelope("DOCTYPE is not allowed")


def answer(call: str, namespace: str, results: Sequence[Mapping[str, Any]], used: int, limit: int) -> bytes:
    """With the LimitInfoHeader of recorded answers. None is xsi:nil, a list repeats its element."""
    shown = "".join(f"<result>{_fields(result)}</result>" for result in results)
    info = f"<limitInfo><current>{used}</current><limit>{limit}</limit><type>API REQUESTS</type></limitInfo>"
    return (
        f'{_HEAD}<soapenv:Envelope xmlns:soapenv="{ENVELOPE}" xmlns="{namespace}" xmlns:xsi="{_INSTANCE}">'
        f"<soapenv:Header><LimitInfoHeader>{info}</LimitInfoHeader></soapenv:Header>"
        f"<soapenv:Body><{call}Response>{shown}</{call}Response></soapenv:Body></soapenv:Envelope>"
    ).encode()


def fault(code: str, message: str, namespace: str) -> bytes:
    """`sf:CODE` and `CODE: message`, with the detail that recorded faults have."""
    kind = "sf:InvalidIdFault" if code == "MALFORMED_ID" else "sf:UnexpectedErrorFault"
    text = escape(message)
    return (
        f'{_HEAD}<soapenv:Envelope xmlns:soapenv="{ENVELOPE}" xmlns:sf="{namespace}" xmlns:xsi="{_INSTANCE}">'
        f"<soapenv:Body><soapenv:Fault><faultcode>sf:{code}</faultcode><faultstring>{code}: {text}</faultstring>"
        f'<detail><{kind} xsi:type="{kind}"><sf:exceptionCode>{code}</sf:exceptionCode>'
        f"<sf:exceptionMessage>{text}</sf:exceptionMessage></{kind}></detail>"
        "</soapenv:Fault></soapenv:Body></soapenv:Envelope>"
    ).encode()


def client_fault(message: str) -> bytes:
    """What never reached a call: no SOAPAction, no envelope."""
    return (
        f'{_HEAD}<soapenv:Envelope xmlns:soapenv="{ENVELOPE}"><soapenv:Body><soapenv:Fault>'
        f"<faultcode>soapenv:Client</faultcode><faultstring>{escape(message)}</faultstring>"
        "</soapenv:Fault></soapenv:Body></soapenv:Envelope>"
    ).encode()


def _fields(values: Mapping[str, Any]) -> str:
    return "".join(_element(name, value) for name, value in values.items())


def _element(name: str, value: Any) -> str:
    if value is None:
        return f'<{name} xsi:nil="true"/>'
    if isinstance(value, list):
        return "".join(_element(name, each) for each in value)
    if isinstance(value, Mapping):
        return f"<{name}>{_fields(value)}</{name}>"
    if isinstance(value, bool):
        return f"<{name}>{'true' if value else 'false'}</{name}>"
    return f"<{name}>{escape(str(value))}</{name}>"
