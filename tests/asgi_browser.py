"""A browser without scripts, against an ASGI application in the same process: cookies, forms, and what was answered."""

from __future__ import annotations

import asyncio
import gzip
import re
from html.parser import HTMLParser
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlencode

import msgspec
from starlette.types import ASGIApp


class Answer(msgspec.Struct):
    status: int
    headers: dict[str, str]  # Set-Cookie is in `cookies`
    cookies: list[str]
    body: str
    raw: bytes  # as it was sent: compressed where it said so

    @property
    def page(self) -> Text:
        return Text(self.body)

    @property
    def to(self) -> str | None:
        return self.headers.get("location")


class Text(HTMLParser):
    """What a reader gets, and the tags in order."""

    def __init__(self, body: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(body)
        self.text = re.sub(r"\s+", " ", " ".join(self.words))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def all(self, tag: str, **attributes: str) -> list[dict[str, str | None]]:
        return [found for name, found in self.tags if name == tag and attributes.items() <= found.items()]

    def form(self, action: str | None) -> dict[str, str]:
        """The fields of the form with this action, as they are filled in; selects are left to the test."""
        fields: dict[str, str] = {}
        inside = found = False
        for tag, attributes in self.tags:
            if tag == "form":
                inside = attributes.get("action") == action
                found = found or inside
            elif inside and tag == "input" and attributes.get("name"):
                # A box that is not ticked is not sent.
                if attributes.get("type") in ("checkbox", "radio") and "checked" not in attributes:
                    continue
                fields[str(attributes["name"])] = attributes.get("value") or ""
        assert found, f"there is no form for {action}"
        return fields

    def chosen(self) -> dict[str, str]:
        """What every select of the page stands at."""
        found: dict[str, str] = {}
        select = ""
        for tag, attributes in self.tags:
            if tag == "select":
                select = str(attributes["name"])
            elif tag == "option" and ("selected" in attributes or select not in found):
                found[select] = attributes.get("value") or ""
        return found


class Browser:
    def __init__(
        self, app: ASGIApp, host: str = "127.0.0.1:8090", address: str = "127.0.0.1", scheme: str = "http"
    ) -> None:
        self.app, self.host, self.address, self.scheme = app, host, address, scheme
        self.cookies: dict[str, str] = {}

    async def get(self, path: str = "/", **headers: str) -> Answer:
        return await self.send("GET", path, b"", headers)

    async def post(self, path: str, fields: dict[str, str], **headers: str) -> Answer:
        sent = {"content-type": "application/x-www-form-urlencoded", **headers}
        return await self.send("POST", path, urlencode(fields).encode(), sent)

    async def upload(self, path: str, fields: dict[str, str], name: str, text: str) -> Answer:
        """A form with a file in it (RFC 7578)."""
        line = "limit-of-a-part"
        parts = [f'Content-Disposition: form-data; name="{each}"\r\n\r\n{value}' for each, value in fields.items()]
        head = f'Content-Disposition: form-data; name="{name}"; filename="a.yaml"\r\nContent-Type: application/yaml'
        parts.append(f"{head}\r\n\r\n{text}")
        body = "".join(f"--{line}\r\n{part}\r\n" for part in parts) + f"--{line}--\r\n"
        return await self.send("POST", path, body.encode(), {"content-type": f"multipart/form-data; boundary={line}"})

    async def submit(self, page: str, action: str | None = None, **typed: str) -> Answer:
        """Open a page and send its form (to the page itself where the form names no address)."""
        shown = await self.get(page)
        assert shown.status == 200, shown.body
        return await self.post(action or page, {**shown.page.form(action), **typed})

    async def sign_in(self, email: str, password: str) -> Answer:
        return await self.submit("/sign-in", "/sign-in", email=email, password=password)

    async def send(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Answer:
        path, _, query = path.partition("?")
        jar = {"cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())} if self.cookies else {}
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "scheme": self.scheme,
            "http_version": "1.1",
            "headers": [(k.lower().encode(), v.encode()) for k, v in {"host": self.host, **jar, **headers}.items()],
            "client": (self.address, 50_000),
            "server": ("127.0.0.1", 8090),
        }
        requested = iter([{"type": "http.request", "body": body, "more_body": False}])
        sent: list[dict[str, Any]] = []

        heard = asyncio.Event()

        async def receive() -> dict[str, Any]:
            # Behind the request nothing comes: the browser waits for its answer. Of a stream it hears the first event, and leaves.
            if (first := next(requested, None)) is not None:
                return first
            await heard.wait()
            return {"type": "http.disconnect"}

        async def take(message: Any) -> None:
            sent.append(message)
            streams = any(value.startswith(b"text/event-stream") for _, value in sent[0]["headers"])
            if streams and message.get("body"):
                heard.set()

        try:
            await self.app(scope, receive, take)
        except Exception:
            # Starlette answers with the error page and then hands the error to the server's log.
            if not sent:
                raise
        pairs = [(name.decode(), value.decode()) for name, value in sent[0]["headers"]]
        set_cookies = [value for name, value in pairs if name == "set-cookie"]
        self._keep(set_cookies)
        raw = b"".join(each.get("body", b"") for each in sent[1:])
        headers = {n: v for n, v in pairs if n != "set-cookie"}
        text = (gzip.decompress(raw) if headers.get("content-encoding") == "gzip" else raw).decode(errors="replace")
        return Answer(sent[0]["status"], headers, set_cookies, text, raw)

    def _keep(self, set_cookies: list[str]) -> None:
        for each in set_cookies:
            for name, morsel in SimpleCookie(each).items():
                if morsel["max-age"] == "0":
                    self.cookies.pop(name, None)
                else:
                    self.cookies[name] = morsel.value
