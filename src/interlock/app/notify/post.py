"""From a notice to a message in somebody's hands: what it says, and by which way it goes."""

from __future__ import annotations

import json

import msgspec

from interlock.app.notify.mail import Mail
from interlock.app.notify.sending import NotDelivered
from interlock.app.notify.webhook import Webhooks
from interlock.app.setup import own_address
from interlock.app.times import rfc3339
from interlock.store import Store, channels
from interlock.store.channels import Channel
from interlock.store.notices import Notice

SCHEMA = "interlock.notification/1"


class Post(msgspec.Struct):
    """`mail` None: no SMTP server is set. `public_url` as the process was told it, `listening` where it listens."""

    webhooks: Webhooks
    mail: Mail | None
    public_url: str | None
    listening: str

    async def send(
        self, store: Store, channel: Channel, notice: Notice, connection: tuple[int, str] | None, id_: str, now_us: int
    ) -> None:
        """`connection`: number and name; `id_` is the same for every try of one message. Raises NotDelivered, StoreError."""
        number = None if connection is None else connection[0]
        pages = await own_address.told(store, self.public_url, number) or self.listening
        link = pages if number is None else f"{pages}/connections/{number}/health"
        if channel.kind == channels.WEBHOOK:
            async with store.read(None) as tx:
                secret = await channels.secret_of(tx, channel.id)
            if secret is None:
                raise NotDelivered("Its signing secret is gone: remove this webhook and add it again.", again=False)
            body = _document(notice, connection, link, id_)
            await self.webhooks.send(channel.target, secret, id_, now_us // 1_000_000, body)
        elif self.mail is None:
            raise NotDelivered("No mail server is set: add `smtp` to interlock.yaml.")
        else:
            await self.mail.send(
                channel.target, f"Interlock: {notice.title}", _letter(notice, link), id_, now_us // 1_000_000
            )


def _document(notice: Notice, connection: tuple[int, str] | None, link: str, id_: str) -> bytes:
    document = {
        "schema": SCHEMA,
        "id": id_,
        "event": notice.event,
        "at": rfc3339(notice.at_us),
        "connection": None if connection is None else {"id": connection[0], "name": connection[1]},
        "title": notice.title,
        "body": notice.body,
        "fix": notice.fix or None,
        "link": link,
    }
    return json.dumps(document, ensure_ascii=True).encode()


def _letter(notice: Notice, link: str) -> str:
    fix = f"\nWhat to do: {notice.fix}\n" if notice.fix else ""
    return f"{notice.body}\n{fix}\n{link}\n\nYou get this because of the tab Notifications of Interlock.\n"
