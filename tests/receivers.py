"""Two receivers of notifications on this machine: a web server that keeps what is posted, and a mail server that keeps mail."""

from __future__ import annotations

import asyncio
import email
import email.policy
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.message import EmailMessage
from typing import cast

import msgspec
from aiohttp import web


class Posted(msgspec.Struct):
    headers: dict[str, str]
    body: bytes


class WebReceiver:
    """`answers` are the statuses of the next messages; then 204."""

    def __init__(self) -> None:
        self.posted: list[Posted] = []
        self.answers: list[int] = []
        self.location: str | None = None
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        self.posted.append(Posted({k.lower(): v for k, v in request.headers.items()}, await request.read()))
        headers = {"Location": self.location} if self.location else {}
        return web.Response(status=self.answers.pop(0) if self.answers else 204, headers=headers)


@asynccontextmanager
async def a_web_receiver() -> AsyncIterator[WebReceiver]:
    receiver = WebReceiver()
    app = web.Application()
    app.router.add_post("/hook", receiver.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    receiver.url = f"http://127.0.0.1:{port}/hook"
    try:
        yield receiver
    finally:
        await runner.cleanup()


class MailReceiver:
    """Speaks as much SMTP as a client needs (RFC 5321, 4954). `refuses`: its answer to RCPT TO instead of 250."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.refuses: str | None = None
        self.port = 0

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        def say(line: str) -> None:
            writer.write(f"{line}\r\n".encode())

        say("220 receiver ready")
        while line := (await reader.readline()).decode().strip():
            verb = line.partition(" ")[0].upper()
            if verb in ("EHLO", "HELO"):
                say("250-receiver")
                say("250 AUTH PLAIN")
            elif verb == "AUTH":
                say("235 welcome")
            elif verb == "DATA":
                say("354 go on")
                raw = (await reader.readuntil(b"\r\n.\r\n")).removesuffix(b".\r\n")
                mail = email.message_from_bytes(raw, policy=email.policy.default)
                self.mails.append(cast(EmailMessage, mail))
                say("250 taken")
            elif verb == "QUIT":
                say("221 bye")
                break
            elif verb == "RCPT" and self.refuses is not None:
                say(self.refuses)
            else:
                say("250 ok")
            await writer.drain()
        writer.close()


@asynccontextmanager
async def a_mail_receiver() -> AsyncIterator[MailReceiver]:
    receiver = MailReceiver()
    server = await asyncio.start_server(receiver.talk, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        await server.wait_closed()
