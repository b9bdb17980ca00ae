"""Who is told what: adding, changing and removing places, trying one out, and the bell. Each change is one transaction with its
deed, which names no address."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from interlock.app.connections import fresh
from interlock.app.errors import AppError, BadInput, Missing
from interlock.app.notify import events, webhook
from interlock.app.notify.post import Post
from interlock.app.notify.sending import NotDelivered
from interlock.app.notify.watch import THRESHOLD, THRESHOLD_ISSUES
from interlock.app.people.log import record
from interlock.app.people.manage import check_email
from interlock.app.people.visitor import By
from interlock.app.times import rfc3339
from interlock.store import NotUnique, Store, channels, connections, notices, tokens
from interlock.store.channels import Channel
from interlock.store.notices import Delivery, Notice

_THRESHOLD_MOST = 1_000_000


class NotArrived(AppError):
    """A test message that did not get there."""

    code = "not_delivered"


class Place(msgspec.Struct, frozen=True):
    """`last`: how the last message to it went; None: there was none."""

    channel: Channel
    last: Delivery | None

    def document(self) -> dict[str, Any]:
        channel, last = self.channel, self.last
        told = (
            {"state": last.state, "tries": last.tries, "error": last.error, "at": rfc3339(last.done_at_us)}
            if last
            else None
        )
        return {
            "id": channel.id,
            "kind": channel.kind,
            "target": channel.target,
            "person_id": channel.person_id,
            "events": channel.events,
            "last": told,
        }


async def list_(store: Store) -> list[Place]:
    async with store.read(None) as tx:
        found, joined = await channels.list_(tx), await connections.list_(tx)
    last: dict[int, Delivery] = {}
    for connection in joined:
        assert connection.id is not None
        async with store.read(connection.id) as tx:
            for channel in found:
                tried = await notices.last_of(tx, channel.id)
                if tried is not None and tried.id > (last[channel.id].id if channel.id in last else 0):
                    last[channel.id] = tried
    return [Place(channel, last.get(channel.id)) for channel in found]


async def place(store: Store, id_: int) -> Place:
    """Raises Missing."""
    found = next((each for each in await list_(store) if each.channel.id == id_), None)
    if found is None:
        raise _gone()
    return found


async def add_webhook(store: Store, post: Post, by: By, url: str, wanted: Iterable[str]) -> tuple[int, str]:
    """Its id, and the secret with which its messages are signed: shown once. Raises BadInput."""
    url, chosen = webhook.checked_url(url, post.webhooks.allow_private), events.checked(wanted)
    secret = webhook.new_secret()
    return await _add(store, by, channels.WEBHOOK, url, None, chosen, secret), secret


async def add_email(store: Store, post: Post, by: By, address: str, wanted: Iterable[str]) -> int:
    """Its id. Raises BadInput."""
    _check_mail(post)
    try:
        address = check_email(address)
    except BadInput as error:
        failure = error.failure
        raise BadInput(failure.message, code=failure.code, field="target", fix=failure.fix) from error
    return await _add(store, by, channels.EMAIL, address, None, events.checked(wanted), None)


async def set_mine(store: Store, post: Post, by: By, wanted: Iterable[str]) -> None:
    """What the person is told of by the own e-mail; nothing chosen: no more. Raises BadInput."""
    assert by.person_id is not None
    chosen = set(wanted)
    mine = await of_person(store, by.person_id)
    if not chosen:
        if mine is not None:
            await remove(store, by, mine.id)
    elif mine is None:
        _check_mail(post)
        await _add(store, by, channels.EMAIL, "", by.person_id, events.checked(chosen), None)
    else:
        await set_events(store, by, mine.id, chosen)


async def of_person(store: Store, person_id: int) -> Channel | None:
    async with store.read(None) as tx:
        return next((each for each in await channels.list_(tx) if each.person_id == person_id), None)


def _check_mail(post: Post) -> None:
    if post.mail is None:
        raise BadInput(
            "No mail server is set, so no e-mail can be sent.",
            code="smtp_missing",
            field="target",
            fix="Add `smtp` to interlock.yaml and restart: docs/notifications.md shows how.",
        )


async def _add(
    store: Store, by: By, kind: str, target: str, person_id: int | None, chosen: list[str], secret: str | None
) -> int:
    try:
        async with store.write(None) as tx:
            id_ = await channels.add(tx, kind, target, person_id, chosen, secret)
            await record(tx, by, "notification_added", f"notification:{id_}", kind=kind, events=chosen)
    except NotUnique as error:
        raise BadInput(
            "That place is told already.", code="target_taken", field="target", fix="Change what it is told of."
        ) from error
    return id_


async def set_events(store: Store, by: By, id_: int, wanted: Iterable[str]) -> None:
    """Raises Missing, BadInput."""
    chosen = events.checked(wanted)
    async with store.write(None) as tx:
        if await channels.get(tx, id_) is None:
            raise _gone()
        await channels.set_events(tx, id_, chosen)
        await record(tx, by, "notification_changed", f"notification:{id_}", events=chosen)


async def remove(store: Store, by: By, id_: int) -> None:
    """What waits to be sent there is not sent any more. Raises Missing."""
    async with store.write(None) as tx:
        if await channels.get(tx, id_) is None:
            raise _gone()
        await channels.delete(tx, id_)
        await record(tx, by, "notification_removed", f"notification:{id_}")


def _gone() -> Missing:
    return Missing("This place is told no more.", code="no_such_notification", fix="Load the list again.")


async def test(store: Store, post: Post, id_: int, now_us: int) -> Channel:
    """Send one message there now. Raises Missing, NotArrived."""
    async with store.read(None) as tx:
        channel = await channels.get(tx, id_)
    if channel is None:
        raise _gone()
    notice = Notice(
        events.TEST, "", "a test", "Somebody pressed Send a test. What is worth telling arrives here.", "", now_us
    )
    try:
        await post.send(store, channel, notice, None, f"test-{tokens.new_token()[:16]}", now_us)
    except NotDelivered as error:
        raise NotArrived(
            f"The test did not arrive at {channel.target}. {error}", fix="Correct it, then send a test again."
        ) from error
    return channel


# --- from how many issues on ------------------------------------------------------------------------------------------


async def set_threshold(store: Store, by: By, connection_id: int, text: str) -> int:
    """From how many issues of one category on people are told. Raises BadInput, Missing."""
    digits = text.strip()
    if not (digits.isascii() and digits.isdecimal() and len(digits) < 8 and 1 <= int(digits) <= _THRESHOLD_MOST):
        raise BadInput(
            f"{digits!r} is not a number of issues.",
            code="threshold_invalid",
            field="threshold",
            fix=f"Write a whole number, for example {THRESHOLD_ISSUES}.",
        )
    async with store.write(connection_id) as tx:
        connection = await fresh(tx, connection_id)
        await connections.update(tx, connection_id, settings={**connection.settings, THRESHOLD: int(digits)})
        await record(tx, by, "notification_threshold_changed", f"connection:{connection_id}", after=int(digits))
    return int(digits)


# --- the bell ---------------------------------------------------------------------------------------------------------


async def unread(store: Store, person_id: int) -> int:
    """How many notices the person has not marked as read, of all connections and of none."""
    async with store.read(None) as tx:
        seen, joined = await notices.seen(tx, person_id), await connections.list_(tx)
    total = 0
    for id_ in (notices.OF_NONE, *(each.id for each in joined)):
        async with store.read(id_) as tx:
            total += await notices.count_after(tx, seen)
    return total


async def mark_read(store: Store, person_id: int, up_to: int) -> None:
    """Up to the newest notice that was on the page, not what came since."""
    async with store.write(None) as tx:
        await notices.mark_seen(tx, person_id, up_to)
