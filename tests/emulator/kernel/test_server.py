"""Serving over real sockets: TLS, dropped answers that end the connection, an orderly end on SIGTERM."""

from __future__ import annotations

import http.client
import signal
import socket
import ssl
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from crm_emulator.hubspot import HubSpotEmulator
from crm_emulator.kernel.http import Receive, Scope, Send
from crm_emulator.kernel.server import ThrowAwayCa, served_in_thread

PROGRAM = """
from crm_emulator.hubspot import HubSpotEmulator
from crm_emulator.kernel.server import serve
import sys
serve(HubSpotEmulator().app, tls={tls}, on_ready=lambda server, ca: print(server.url, ca, file=sys.stderr, flush=True))
"""


def connection(url: str, context: ssl.SSLContext | None = None) -> http.client.HTTPConnection:
    parts = urlsplit(url)
    assert parts.hostname
    if parts.scheme == "https":
        return http.client.HTTPSConnection(parts.hostname, parts.port, timeout=10, context=context)
    return http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)


def create(emulator: HubSpotEmulator, calls: http.client.HTTPConnection) -> bytes:
    headers = {"Authorization": f"Bearer {emulator.token}", "Content-Type": "application/json"}
    calls.request("POST", "/crm/v3/objects/contacts", b'{"properties": {"firstname": "Ada"}}', headers)
    return calls.getresponse().read()


@pytest.mark.parametrize(("kind", "written"), [("timeout_before", 0), ("timeout_after", 1)])
def test_a_dropped_answer_ends_the_connection(kind: str, written: int) -> None:
    emulator = HubSpotEmulator()
    emulator.faults.add({"kind": kind, "match": {"times": 1}})
    with served_in_thread(emulator.app) as url:
        calls = connection(url)
        with pytest.raises(http.client.RemoteDisconnected):
            create(emulator, calls)
        assert len(emulator.user().ids("contacts")) == written
        assert b"Ada" in create(emulator, connection(url))


def test_a_cut_body_ends_before_its_announced_length() -> None:
    emulator = HubSpotEmulator()
    emulator.faults.add({"kind": "cut_body", "match": {"times": 1}})
    with served_in_thread(emulator.app) as url:
        with pytest.raises(http.client.IncompleteRead) as cut:
            create(emulator, connection(url))
        assert len(cut.value.partial) > 0
        assert len(emulator.user().ids("contacts")) == 1


def test_https_is_trusted_through_the_throw_away_authority_and_by_nobody_else() -> None:
    ca = ThrowAwayCa()
    emulator = HubSpotEmulator()
    with served_in_thread(emulator.app, ca=ca) as url:
        trusting = ssl.create_default_context(cafile=str(ca.path))
        assert b"Ada" in create(emulator, connection(url, trusting))
        with pytest.raises(ssl.SSLCertVerificationError):
            create(emulator, connection(url, ssl.create_default_context()))


@pytest.mark.parametrize("tls", [False, True])
def test_sigterm_ends_the_server_with_exit_code_0(tls: bool) -> None:
    program = PROGRAM.format(tls=tls)
    with subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        url, ca = process.stderr.readline().split()
        context = ssl.create_default_context(cafile=ca) if tls else None
        calls = connection(url, context)
        calls.request("GET", "/sign-in")
        assert calls.getresponse().status == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0
    assert ca == "None" or not Path(ca).exists()


def test_no_answer_waits_for_the_acknowledgement_of_the_one_before() -> None:
    """With Nagle's algorithm on, an answer sent in two parts waits 40 ms for the client's delayed acknowledgement."""
    seen: list[int] = []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        accepted = scope["state"]["crm_emulator.transport"].get_extra_info("socket")
        seen.append(accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    with served_in_thread(application) as url:
        calls = connection(url)
        calls.request("GET", "/")
        assert calls.getresponse().status == 204
    assert seen[0] != 0
