"""`kill -9` in the middle of a sync, a few times: benchmarks/kill.py in small, so that what it shows stays true."""

from __future__ import annotations

import asyncio
import json

from benchmarks.kill import WORKING_AGAIN_MOST_S, charged, run
from benchmarks.kill_crms import SentBook, Told

from crm_emulator.kernel.http import Message, Receive, Scope, Send
from interlock.engine.context import Settings

KILLS = 5


def test_a_process_killed_again_and_again_loses_nothing_and_makes_nothing_twice() -> None:
    # Calls as slow as those of a CRM far away, so that a kill falls between them. What the local CRMs have not carried out when
    # its sender dies they never will, so nobody has to wait as long as for the real ones.
    verdict = run(200, KILLS, seed=7, latency_ms=60, park_s=0.5, life_s=(0.02, 0.8))
    assert verdict.lost == []
    assert verdict.duplicated == []
    assert verdict.kills == KILLS
    assert max(verdict.redone_by_kill.values(), default=0) <= Settings().batch_rows
    assert verdict.sent_again_without_kill == 0
    assert verdict.refused_starts == 0, "a process that was killed was waited for"
    assert verdict.working_again_s
    assert max(verdict.working_again_s) < WORKING_AGAIN_MOST_S


def test_what_is_sent_again_after_a_kill_is_charged_to_that_kill() -> None:
    """The count is worth nothing if it cannot count."""
    book = SentBook(accepts_all)
    before = send(book, "101", {"fax": "1", "phone": "2"}), send(book, "102", {"fax": "1"})
    first_kill, second_kill = before[1] + 1, before[1] + 2
    book.writes += [
        (second_kill + 1, "101", {"fax": "1", "jobtitle": "CTO"}),  # the fax number a second time
        (second_kill + 1, "102", {"fax": "3"}),  # an edit
        (second_kill + 2, "103", {"fax": "4"}),
        (second_kill + 3, "103", {"fax": "4"}),  # again, although nobody had died
    ]
    told = Told({}, {}, book.again({}), len(book.writes), 0)
    assert charged([first_kill, second_kill], told) == ({0: 1}, 1)


async def accepts_all(scope: Scope, receive: Receive, send: Send) -> None:
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": []})


def send(book: SentBook, id_: str, properties: dict[str, str]) -> float:
    """One HubSpot update through the book. When it was noted."""
    body = json.dumps({"inputs": [{"id": id_, "properties": properties}]}).encode()
    scope = {"type": "http", "method": "POST", "path": "/crm/objects/2026-09/contacts/batch/update"}
    parts = [
        {"type": "http.request", "body": body[:20], "more_body": True},
        {"type": "http.request", "body": body[20:], "more_body": False},
    ]

    async def receive() -> Message:
        return parts.pop(0)

    async def ignored(message: Message) -> None:
        assert message["status"] == 200

    asyncio.run(book(scope, receive, ignored))
    at, record, noted = book.writes[-1]
    assert (record, noted) == (id_, properties)
    return at
