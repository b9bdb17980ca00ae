"""A multipart/form-data body taken apart (RFC 7578): what a deployment is sent as."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

from crm_emulator.kernel.http import Request
from crm_emulator.salesforce.errors import RequestError

_BOUNDARY = re.compile(r'boundary=(?:"([^"]+)"|([^\s;]+))', re.IGNORECASE)
_NAME = re.compile(r'\bname="([^"]*)"')


@dataclass(frozen=True, slots=True)
class Part:
    name: str
    content_type: str
    body: bytes


def parts_of(request: Request) -> list[Part]:
    """Raises RequestError where the body is none."""
    media = request.headers.get("content-type", "")
    boundary = _BOUNDARY.search(media)
    if not media.lower().startswith("multipart/"):
        raise RequestError("UNSUPPORTED_MEDIA_TYPE", f"Content-Type {media} is not supported here", status=415)
    if boundary is None:
        raise _broken("Multipart boundary missing")
    delimiter = b"\r\n--" + (boundary.group(1) or boundary.group(2)).encode()
    chunks = (b"\r\n" + request.body).split(delimiter)[1:]
    parts: list[Part] = []
    for chunk in chunks:
        if chunk.startswith(b"--"):
            return parts
        head, blank, body = chunk.lstrip(b" \t").partition(b"\r\n\r\n")
        if not blank:
            raise _broken("Multipart part without a blank line after its headers")
        parts.append(_part(head.decode("latin-1"), body))
    raise _broken("Multipart message is not terminated")


def _part(head: str, body: bytes) -> Part:
    headers = {}
    for line in head.split("\r\n"):
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    named = _NAME.search(headers.get("content-disposition", ""))
    if named is None:
        raise _broken("Multipart part without a name")
    if headers.get("content-transfer-encoding", "").lower() == "base64":
        try:
            body = base64.b64decode(body)
        except binascii.Error as broken:
            raise _broken(f"Multipart part {named.group(1)} is no base64") from broken
    return Part(named.group(1), headers.get("content-type", "").lower(), body)


def _broken(message: str) -> RequestError:
    return RequestError("INVALID_MULTIPART_REQUEST", message)
