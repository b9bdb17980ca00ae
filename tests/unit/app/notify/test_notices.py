"""What people are told, once, and that it arrives: through the store, the courier and receivers on this machine."""

from __future__ import annotations

import asyncio
import json
import traceback
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.contract.conftest import a_connection
from tests.office import Office, an_office
from tests.receivers import MailReceiver, WebReceiver, a_mail_receiver, a_web_receiver

from interlock.app import states
from interlock.app.errors import BadInput, Failure
from interlock.app.notify import events, manage, watch
from interlock.app.notify.courier import Courier
from interlock.app.notify.mail import Mail, Smtp
from interlock.app.notify.post import Post
from interlock.app.notify.sending import WAITS_US, NotDelivered
from interlock.app.notify.webhook import Webhooks
from interlock.app.people.roles import Role
from interlock.app.people.visitor import BY_COMMAND
from interlock.app.reach import Reach, write
from interlock.core.model import Issue, IssueCategory, Side
from interlock.objects.registry import SPECS
from interlock.store import Store, calls, connections, cursors, issues, keyring, notices
from interlock.store.errors import StoreError
from interlock.store.notices import Notice

pytestmark = pytest.mark.anyio

DAY_S = 86_400


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class World:
    """A connection, a webhook and a mailbox, and the courier of a process that serves."""

    def __init__(self, office: Office, web: WebReceiver, mail: MailReceiver) -> None:
        self.office, self.web, self.mail = office, web, mail
        smtp = Smtp("127.0.0.1", mail.port, "none", "interlock@example.com")
        self.post = Post(Webhooks(allow_private=True), Mail(smtp), "https://sync.example.com", "")
        self.said: list[str] = []
        self.courier = Courier(self.store, self.post, office.clock_us, self.said.append)

    @property
    def store(self) -> Store:
        return self.office.store

    async def round(self, after_s: float = 0.0) -> None:
        self.office.advance(after_s)
        await self.courier.round()

    async def state(self, **changes: Any) -> None:
        async with self.store.write(None) as tx:
            await connections.update(tx, 1, **changes)

    async def loads(self, phase: str) -> None:
        async with self.store.write(1) as tx:
            for slug in SPECS:
                await cursors.set(tx, f"load:{slug}", {"phase": phase})

    async def issues(self, numbers: Sequence[int], status: str = "open") -> None:
        async with self.store.write(1) as tx:
            for number in numbers:
                issue = Issue(
                    IssueCategory.PERMISSIONS, "X", "error", "contacts", str(number), None, None, "Why.", "Fix."
                )
                await issues.raise_(tx, [issue])
            if status != "open":
                await tx.run("UPDATE issue SET status = ? WHERE connection_id = ?", status, tx.connection_id)

    async def told(self) -> list[Notice]:
        async with self.store.read(1) as tx:
            return list(reversed(await notices.list_(tx, None, 100)))

    async def events(self) -> list[str]:
        return [each.event for each in await self.told()]

    def posted(self) -> list[dict[str, Any]]:
        return [json.loads(each.body) for each in self.web.posted]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with an_office(tmp_path) as office, a_web_receiver() as web, a_mail_receiver() as mail:
        await office.store.close()
        store = await Store.open(str(tmp_path / "interlock.db"), clock_us=office.clock_us, keyring=keyring.generate())
        office.interlock.store = store
        async with store.write(None) as tx:
            await connections.create(tx, a_connection())
        world = World(office, web, mail)
        await manage.add_webhook(store, world.post, BY_COMMAND, web.url, events.EVENTS)
        await world.round()
        yield world


SUSPENDED = {"state": "suspended", "state_reason": "API access is off.", "state_fix": "Switch it on."}


async def test_a_suspension_is_told_once_with_its_reason_and_what_to_do(world: World) -> None:
    await world.state(**SUSPENDED)
    for _ in range(3):
        await world.round(15)
    (posted,) = world.posted()
    assert (posted["event"], posted["title"]) == ("suspended", "main is suspended")
    assert (posted["body"], posted["fix"]) == ("API access is off.", "Switch it on.")
    assert posted["connection"] == {"id": 1, "name": "main"}
    assert posted["link"] == "https://sync.example.com/connections/1/health"
    await world.state(state="idle")
    await world.round(60)
    await world.state(**SUSPENDED)
    await world.round(60)
    assert await world.events() == ["suspended", "suspended"]


async def test_a_message_has_an_id_that_no_other_installation_gives(world: World) -> None:
    await world.state(**SUSPENDED)
    await world.round(15)
    (notice,) = await world.told()
    (posted,) = world.posted()
    assert posted["id"].endswith(f"-{notice.at_us:x}")
    assert notice.at_us > 0


async def test_two_processes_that_look_at_once_tell_of_many_issues_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.issues(range(30))
    noticed = watch._noticed

    async def meanwhile(*arguments: Any) -> Any:
        """The other process looks, and tells, between this one's look and its word."""
        monkeypatch.setattr(watch, "_noticed", noticed)
        found = await noticed(*arguments)
        world.office.advance(1)
        await watch.look(world.store, world.office.clock_us())
        return found

    monkeypatch.setattr(watch, "_noticed", meanwhile)
    await watch.look(world.store, world.office.clock_us())
    assert await world.events() == ["issues"]


@pytest.mark.parametrize("secret", ["pässword", "pass\u2013word"])
async def test_a_mail_password_that_no_server_takes_is_said_without_showing_a_letter_of_it(
    world: World, secret: str
) -> None:
    mail = Mail(Smtp("127.0.0.1", world.mail.port, "none", "interlock@example.com", "interlock", secret))
    with pytest.raises(NotDelivered, match="not ASCII") as caught:
        await mail.send("ada@example.com", "Subject", "Text", "1", 0)
    told = "".join(traceback.format_exception(caught.value))
    assert not [letter for letter in secret if not letter.isascii() and (letter in told or repr(letter)[1:-1] in told)]
    assert not caught.value.again
    await Mail(Smtp("127.0.0.1", world.mail.port, "none", "i@example.com", "interlock", "plain")).send(
        "ada@example.com", "Subject", "Text", "2", 0
    )
    assert len(world.mail.mails) == 1


@pytest.mark.parametrize("state", ["signed_out", "stopped_by_brake"])
async def test_a_sign_out_and_a_brake_are_told_and_a_pause_is_not(world: World, state: str) -> None:
    await world.state(state="paused", state_reason="A person has paused it.")
    await world.round(15)
    assert await world.events() == []
    await world.state(state=state, state_reason="Why.")
    await world.round(15)
    assert await world.events() == [state]


async def test_the_end_of_the_first_sync_is_told_and_not_of_one_that_had_ended_before(world: World) -> None:
    await world.state(begun_at_us=1, state="first_sync")
    await world.loads("hubspot")
    await world.round(15)
    assert await world.events() == []
    await world.loads("done")
    await world.state(state="idle")
    await world.round(15)
    await world.round(15)
    assert await world.events() == ["first_sync_done"]


async def test_a_connection_that_had_its_first_sync_before_anybody_watched_is_not_told_of(tmp_path: Path) -> None:
    async with an_office(tmp_path) as office:
        async with office.store.write(None) as tx:
            await connections.create(tx, a_connection(begun_at_us=1))
        async with office.store.write(1) as tx:
            for slug in SPECS:
                await cursors.set(tx, f"load:{slug}", {"phase": "done"})
        assert await watch.look(office.store, office.now_us) == 0
        assert await watch.look(office.store, office.now_us + 1) == 0


async def test_a_category_with_many_issues_is_told_once_until_it_was_clearly_over(world: World) -> None:
    await manage.set_threshold(world.store, BY_COMMAND, 1, "5")
    await world.issues(range(4))
    await world.round(15)
    assert await world.events() == []
    await world.issues([4, 5])
    await world.round(15)
    async with world.store.write(1) as tx:
        await issues.resolve_ids(tx, [6])
    await world.round(15)
    await world.issues([5])
    await world.round(15)
    assert await world.events() == ["issues"]
    assert "6 issues of the category permissions" in (await world.told())[0].title
    await world.issues([], status="resolved")
    await world.round(15)
    await world.issues(range(6))
    await world.round(15)
    assert await world.events() == ["issues", "issues"]


async def test_a_forecast_above_the_allocation_is_told(world: World) -> None:
    async with world.store.write(1) as tx:
        await write(tx, {Side.SALESFORCE: Reach(True, True, 1_000, 5_000, 0), Side.HUBSPOT: Reach()})
        await calls.add(tx, Side.SALESFORCE, "fetch", 40, tx.now_us)
    await world.round(15)
    assert await world.events() == []
    async with world.store.write(1) as tx:
        await calls.add(tx, Side.SALESFORCE, "fetch", 10, tx.now_us)
    await world.round(15)
    await world.round(15)
    assert await world.events() == ["api_forecast"]
    assert "1,200 calls" in (await world.told())[0].body


async def test_a_connection_that_is_held_up_is_told_once_when_it_has_lasted(world: World) -> None:
    why = Failure("server_fault", "Salesforce broke down.", 3, side="salesforce", fix="Look at its status page.")
    await states.hold_up(world.store, 1, why)
    await world.round(14 * 60)
    assert await world.events() == []
    await states.hold_up(world.store, 1, why)
    await world.round(2 * 60)
    await world.round(15)
    assert await world.events() == ["held_up"]
    (notice,) = await world.told()
    assert notice.title.endswith("is held up by Salesforce")
    assert (notice.body.startswith("Salesforce broke down."), notice.fix) == (True, "Look at its status page.")
    await states.go_on(world.store, 1)
    await states.hold_up(world.store, 1, why)
    await world.round(16 * 60)
    assert await world.events() == ["held_up", "held_up"]


async def test_the_crm_that_holds_a_connection_up_is_the_one_that_the_reason_is_about(world: World) -> None:
    hubspot = Failure("server_fault", "HubSpot broke down.", 3, side="hubspot", fix="Look at its status page.")
    salesforce = Failure("budget_spent", "Salesforce's daily calls are used up.", 4, side="salesforce", fix="Wait.")
    await states.hold_up(world.store, 1, hubspot)
    await world.round(10 * 60)
    await states.hold_up(world.store, 1, salesforce)
    await world.round(6 * 60)
    (notice,) = await world.told()
    assert notice.title.endswith("is held up by Salesforce")
    assert notice.body.startswith("Salesforce's daily calls are used up.")


@pytest.mark.parametrize("ends", [asyncio.CancelledError(), StoreError("The disk is full.")])
async def test_work_that_is_ended_from_outside_leaves_what_holds_the_connection_up(
    world: World, ends: BaseException
) -> None:
    why = Failure("server_fault", "Salesforce broke down.", 3, side="salesforce", fix="Look at its status page.")
    await states.hold_up(world.store, 1, why)
    with pytest.raises(type(ends)):
        async with states.working(world.store, 1, first=False):
            raise ends
    async with world.store.read(1) as tx:
        connection = await connections.get(tx, 1)
        assert connection is not None
        held_up = await states.held_up(tx, connection)
    assert connection.state == "idle"
    assert held_up is not None
    assert held_up.reason == "Salesforce broke down."


async def test_the_summary_comes_once_a_day_to_those_who_asked_for_it(world: World) -> None:
    await world.state(begun_at_us=1)
    for _ in range(4):
        await world.round(DAY_S / 2)
    assert await world.events() == ["daily_summary", "daily_summary"]
    (place,) = await manage.list_(world.store)
    await manage.set_events(world.store, BY_COMMAND, place.channel.id, ["suspended"])
    await world.round(DAY_S)
    assert await world.events() == ["daily_summary", "daily_summary"]


async def test_what_is_not_taken_is_tried_again_with_the_same_id_until_it_arrives(world: World) -> None:
    world.web.answers = [500, 503]
    await world.state(**SUSPENDED)
    await world.round()
    await world.round(1)
    assert len(world.web.posted) == 1
    await world.round(5)
    await world.round(301)
    await world.round(DAY_S)
    assert len(world.web.posted) == 3
    assert len({each.headers["webhook-id"] for each in world.web.posted}) == 1
    (place,) = await manage.list_(world.store)
    assert place.last is not None
    assert (place.last.state, place.last.tries, place.last.error) == ("sent", 3, None)


async def test_after_the_last_try_it_is_given_up_and_the_page_can_say_why(world: World) -> None:
    world.web.answers = [500] * 20
    await world.state(**SUSPENDED)
    await world.round()
    for wait_us in WAITS_US:
        await world.round(wait_us / 1_000_000 + 1)
    await world.round(DAY_S)
    (place,) = await manage.list_(world.store)
    assert place.last is not None
    assert (place.last.state, place.last.tries) == ("failed", len(WAITS_US) + 1)
    assert place.last.error == "It answered with status 500."


async def test_what_was_noticed_is_sent_although_the_process_died_before_it_was(world: World) -> None:
    await world.state(**SUSPENDED)
    assert await watch.look(world.store, world.office.now_us) == 1
    async with world.store.write(1) as tx:
        # It was taken, and whoever took it is no more.
        assert await notices.take(tx, tx.now_us + 60_000_000) is not None
    await world.round(30)
    assert world.posted() == []
    await world.round(31)
    assert len(world.posted()) == 1


async def test_a_place_that_was_removed_gets_nothing_more(world: World) -> None:
    world.web.answers = [500]
    await world.state(**SUSPENDED)
    await world.round()
    (place,) = await manage.list_(world.store)
    await manage.remove(world.store, BY_COMMAND, place.channel.id)
    await world.round(DAY_S)
    assert len(world.web.posted) == 1


async def test_a_person_is_told_at_the_e_mail_that_the_person_has_now_and_not_when_disabled(world: World) -> None:
    await world.office.add("Ada", Role.ADMIN)
    ada = await world.office.by("Ada")
    await manage.set_mine(world.store, world.post, ada, ["suspended"])
    await world.state(**SUSPENDED)
    await world.round(15)
    (mail,) = world.mail.mails
    assert (mail["To"], mail["Subject"]) == ("ada@example.com", "Interlock: main is suspended")
    assert "API access is off." in mail.get_content()
    assert "https://sync.example.com/connections/1/health" in mail.get_content()
    async with world.store.write(None) as tx:
        await tx.run("UPDATE person SET disabled_at_us = 1")
    await world.state(state="signed_out", state_reason="x")
    await world.round(15)
    assert len(world.mail.mails) == 1


async def test_a_name_with_a_line_break_begins_no_header(world: World) -> None:
    await world.state(name="a\r\nBcc: eve@example.com")
    await manage.add_email(world.store, world.post, BY_COMMAND, "ops@example.com", ["suspended"])
    await world.state(**SUSPENDED)
    await world.round(15)
    (mail,) = world.mail.mails
    assert mail["Bcc"] is None
    assert mail["Subject"] == "Interlock: a Bcc: eve@example.com is suspended"


async def test_a_mailbox_that_is_not_there_is_given_up_at_once_and_a_full_one_is_tried_again(world: World) -> None:
    await manage.add_email(world.store, world.post, BY_COMMAND, "ops@example.com", ["suspended"])
    world.mail.refuses = "452 mailbox full"
    await world.state(**SUSPENDED)
    await world.round(15)
    assert (await _last(world, "ops@example.com")).state == "waiting"
    world.mail.refuses = "550 nobody here"
    await world.round(6)
    assert (await _last(world, "ops@example.com")).state == "failed"


async def _last(world: World, target: str) -> notices.Delivery:
    found = next(each for each in await manage.list_(world.store) if each.channel.target == target)
    assert found.last is not None
    return found.last


async def test_a_test_goes_out_at_once_and_says_what_is_wrong(world: World) -> None:
    (place,) = await manage.list_(world.store)
    await manage.test(world.store, world.post, place.channel.id, world.office.now_us)
    (posted,) = world.posted()
    assert (posted["event"], posted["connection"]) == ("test", None)
    world.web.answers = [401]
    with pytest.raises(manage.NotArrived, match="status 401"):
        await manage.test(world.store, world.post, place.channel.id, world.office.now_us)


async def test_no_secret_is_in_what_is_sent_nor_in_clear_in_the_database(world: World) -> None:
    _, secret = await manage.add_webhook(world.store, world.post, BY_COMMAND, world.web.url + "?second", ["suspended"])
    await world.state(**SUSPENDED)
    await world.round(15)
    assert not [each for each in world.web.posted if secret.encode() in each.body or secret in str(each.headers)]
    async with world.store.read(None) as tx:
        assert secret not in repr(await tx.rows("SELECT * FROM notify_channel"))
        assert secret not in repr(await tx.rows("SELECT * FROM deed"))


async def test_a_place_is_added_once_and_needs_something_to_be_told_of(world: World) -> None:
    with pytest.raises(BadInput, match="told already"):
        await manage.add_webhook(world.store, world.post, BY_COMMAND, world.web.url, ["suspended"])
    with pytest.raises(BadInput, match="Nothing to be told of"):
        await manage.add_webhook(world.store, world.post, BY_COMMAND, world.web.url + "2", [])
    without = Post(world.post.webhooks, None, None, "")
    with pytest.raises(BadInput, match="No mail server"):
        await manage.add_email(world.store, without, BY_COMMAND, "ops@example.com", ["suspended"])


async def test_the_bell_counts_what_is_new_to_each_person(world: World) -> None:
    ada = await world.office.add("Ada", Role.ADMIN)
    vera = await world.office.add("Vera")
    await world.state(**SUSPENDED)
    await world.round(15)
    newest = (await world.told())[-1].id
    assert await manage.unread(world.store, ada.id) == 1
    await manage.mark_read(world.store, ada.id, newest)
    assert (await manage.unread(world.store, ada.id), await manage.unread(world.store, vera.id)) == (0, 1)
    await manage.mark_read(world.store, ada.id, 0)
    assert await manage.unread(world.store, ada.id) == 0
