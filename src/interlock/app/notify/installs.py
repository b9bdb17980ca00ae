"""A long install of the Salesforce package has ended: the bell says so, and whoever began it gets an e-mail.

The wizard said of it that the page may be left (app/setup/package.py). Derived from the store like all that is told, but of no
connection, since there may be none yet; and to one person, whatever that one has chosen to be told of. What is sent is taken
before by moving its time, as in courier.py.
"""

from __future__ import annotations

import msgspec

from interlock.app.notify import events
from interlock.app.notify.post import Post
from interlock.app.notify.sending import TAKEN_US, WAITS_US, NotDelivered
from interlock.app.notify.watch import KEPT_US
from interlock.app.setup import connect, own_address, package, state
from interlock.app.setup.package import Run
from interlock.store import Store, Tx, notices, people, setup_work
from interlock.store.notices import Notice
from interlock.store.people import Person
from interlock.store.setups import Setup

_TOLD = "package_told"


class _Told(msgspec.Struct, frozen=True):
    """Of the install that began then. `next_us`: when the e-mail is due; None: nothing more is sent."""

    began_at_us: int
    tries: int = 0
    next_us: int | None = 0


async def tell(store: Store, post: Post, now_us: int) -> None:
    """Raises StoreError."""
    async with store.read(None) as tx:
        runs = await setup_work.all_of(tx, package.WORK)
        told = await setup_work.all_of(tx, _TOLD)
    for setup_id, content in runs.items():
        run = msgspec.convert(content, Run)
        if run.took_long and _is_due(_of(run, told.get(setup_id)), now_us):
            await _tell(store, post, setup_id, run, now_us)


def _of(run: Run, kept: dict[str, object] | None) -> _Told:
    told = None if kept is None else msgspec.convert(kept, _Told)
    return told if told is not None and told.began_at_us == run.began_at_us else _Told(run.began_at_us)


def _is_due(told: _Told, now_us: int) -> bool:
    return told.next_us is not None and told.next_us <= now_us


async def _tell(store: Store, post: Post, setup_id: int, run: Run, now_us: int) -> None:
    async with store.write(notices.OF_NONE) as tx:
        told = _of(run, await setup_work.get(tx, setup_id, _TOLD))
        if not _is_due(told, now_us):
            return  # another process was first
        notice = _notice(await state.load_in(tx, setup_id), run)
        await notices.add(tx, notice)
        await notices.prune(tx, now_us - KEPT_US)
        person = None if post.mail is None else await _who_began(tx, run)
        next_us = None if person is None else now_us + TAKEN_US
        told = _Told(run.began_at_us, told.tries + 1, next_us)
        await setup_work.put(tx, setup_id, _TOLD, msgspec.to_builtins(told))
    if person is None or post.mail is None:
        return
    link = (await own_address.told(store, post.public_url, None) or post.listening) + "/setup"
    try:
        id_ = f"package-{setup_id}-{run.began_at_us}"
        await post.mail.send(
            person.email, f"Interlock: {notice.title}", _letter(notice, link), id_, now_us // 1_000_000
        )
        next_us = None
    except NotDelivered as error:
        again = error.again and told.tries <= len(WAITS_US)
        next_us = now_us + WAITS_US[told.tries - 1] if again else None
    async with store.write(None) as tx:
        if await setup_work.get(tx, setup_id, _TOLD) is not None:  # the set-up may be over by now
            await setup_work.put(tx, setup_id, _TOLD, msgspec.to_builtins(_Told(run.began_at_us, told.tries, next_us)))


async def _who_began(tx: Tx, run: Run) -> Person | None:
    """None: a colleague by a link, who has no account."""
    kind, _, id_ = run.by.partition(":")
    person = await people.get(tx, int(id_)) if kind == "person" and id_.isdecimal() else None
    return person if person is not None and not person.disabled else None


def _notice(setup: Setup, run: Run) -> Notice:
    signed_in = connect.values_of(setup).salesforce
    org = "Salesforce" if signed_in is None else signed_in.identity.account_name
    once = f"{package.WORK}:{setup.id}:{run.began_at_us}"
    if run.state == "done":
        return Notice(
            events.PACKAGE_INSTALLED,
            once,
            f"The Salesforce package is installed in {org}",
            "The install that took long is done, and the set-up can go on.",
            "Open Set up: it goes on where it stands.",
        )
    trouble = run.troubles[0]
    where = f"{trouble.component}: " if trouble.component is not None else ""
    return Notice(
        events.PACKAGE_INSTALLED,
        once,
        f"The Salesforce package was not installed in {org}",
        f"The install that took long did not come to its end. {where}{trouble.message}",
        trouble.fix,
    )


def _letter(notice: Notice, link: str) -> str:
    return f"{notice.body}\n\nWhat to do: {notice.fix}\n\n{link}\n\nYou get this because you began the install.\n"
