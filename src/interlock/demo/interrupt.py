"""A person who saves at the worst moment: between what a program reads and what it then writes.

Wraps a local CRM's application and, just before a write that names a chosen record reaches the CRM, lets the person's
edit happen. It changes no request and no answer, and without a planned edit it passes everything on untouched.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from crm_emulator.kernel.http import Message, Receive, Scope, Send

Asgi = Callable[[Scope, Receive, Send], Any]


@dataclass(frozen=True)
class _Edit:
    path_part: str
    body_parts: tuple[bytes, ...]
    save: Callable[[], None]


class Interrupted:
    """An ASGI application around another one."""

    def __init__(self, app: Asgi) -> None:
        self._app = app
        self._edits: list[_Edit] = []

    def before_write(self, path_part: str, *body_parts: str, save: Callable[[], None]) -> None:
        """`save` runs once, before the first POST whose path holds `path_part` and whose body all of `body_parts`."""
        self._edits.append(_Edit(path_part, tuple(part.encode() for part in body_parts), save))

    @property
    def waiting(self) -> int:
        """Planned edits whose moment has not come."""
        return len(self._edits)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._edits or scope["type"] != "http" or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        body = await _body(receive)
        self._run(scope["path"], body)
        given = False

        async def replay() -> Message:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(scope, replay, send)

    def _run(self, path: str, body: bytes) -> None:
        due = [each for each in self._edits if each.path_part in path and all(part in body for part in each.body_parts)]
        for edit in due:
            self._edits.remove(edit)
            edit.save()


async def _body(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if message["type"] != "http.request" or not message.get("more_body"):
            return b"".join(parts)
