"""People come by one-time links, keep one admin among them, and lose everything they could use when they are disabled."""

from __future__ import annotations

import asyncio

import pytest
from tests.office import ADDRESS, PASSWORD, Office

from interlock.app.errors import BadInput, Missing
from interlock.app.people import audit_log, links, manage, programs
from interlock.app.people.errors import LastAdmin, LinkVoid, SignInRefused
from interlock.app.people.roles import Action, Role, allowed
from interlock.app.people.visitor import BY_COMMAND, By
from interlock.app.setup import colleagues
from interlock.app.setup import state as setup_state
from interlock.core.model import Side

pytestmark = pytest.mark.anyio


def test_who_may_do_what_is_this_table() -> None:
    table = {action: [role.value for role in Role if allowed(role, action)] for action in Action}
    everybody, operators, admins = ["viewer", "operator", "admin"], ["operator", "admin"], ["admin"]
    assert table == {
        Action.SEE: everybody,
        Action.OPERATE: operators,
        Action.CONFIGURE: admins,
        Action.MANAGE_PEOPLE: admins,
        Action.MANAGE_TOKENS: admins,
        Action.SEE_AUDIT_LOG: admins,
        Action.OWN_ACCOUNT: everybody,
    }


# --- links ------------------------------------------------------------------------------------------------------------


async def first(office: Office, token: str, name: str = "Ada") -> str:
    email = f"{name.lower()}@example.com"
    return await links.make_first_person(office.store, office.passwords, token, name, email, PASSWORD, ADDRESS)


async def test_the_first_person_comes_by_the_link_as_an_admin_and_is_signed_in(office: Office) -> None:
    visitor = await office.whose(await office.first_person("Ada"))
    assert visitor is not None
    assert (visitor.name, visitor.role) == ("Ada", Role.ADMIN)
    assert await office.sign_in("Ada")


async def test_opening_a_link_does_not_use_it_up(office: Office) -> None:
    token = await links.setup_link(office.store)
    for _ in range(3):
        assert (await links.open_link(office.store, token)).purpose == "first_person"
    assert await first(office, token)


async def test_a_form_that_is_refused_does_not_use_the_link_up(office: Office) -> None:
    token = await links.setup_link(office.store)
    with pytest.raises(BadInput):
        await links.make_first_person(office.store, office.passwords, token, "", "ada@example.com", PASSWORD, ADDRESS)
    assert await first(office, token)


async def test_the_first_link_is_void_when_used_replaced_too_old_or_somebody_is_there(office: Office) -> None:
    replaced = await links.setup_link(office.store)
    old = await links.setup_link(office.store)
    with pytest.raises(LinkVoid):
        await first(office, replaced)
    office.advance(24 * 3600)
    with pytest.raises(LinkVoid):
        await first(office, old)
    late = await links.setup_link(office.store)
    await office.add("Ada", Role.ADMIN)
    with pytest.raises(LinkVoid):
        await first(office, late, "Eve")
    assert await links.first_person_link(office.store) is None
    with pytest.raises(BadInput, match="There are people already"):
        await links.setup_link(office.store)


async def test_of_two_who_send_the_first_form_at_once_one_is_the_first(office: Office) -> None:
    token = await links.setup_link(office.store)
    got = await asyncio.gather(first(office, token, "Ada"), first(office, token, "Eve"), return_exceptions=True)
    assert sum(isinstance(each, LinkVoid) for each in got) == 1
    assert len(await manage.list_(office.store)) == 1


async def test_a_person_who_is_added_chooses_the_password_by_a_link_once(office: Office) -> None:
    await office.add("Ada", Role.ADMIN)
    bob, token = await manage.add(office.store, By("person:1"), " Bob@Example.com ", "  Bob   B ", Role.OPERATOR)
    assert (bob.email, bob.name, bob.password_hash) == ("Bob@example.com", "Bob B", None)
    assert token is not None
    opened = await links.open_link(office.store, token)
    assert opened.person == bob
    session = await links.choose_password(office.store, office.passwords, token, PASSWORD, ADDRESS)
    visitor = await office.whose(session)
    assert visitor is not None
    assert visitor.role == Role.OPERATOR
    with pytest.raises(LinkVoid):
        await links.choose_password(office.store, office.passwords, token, PASSWORD, ADDRESS)
    assert await office.sign_in("Bob")


async def test_a_link_does_only_what_it_was_made_for(office: Office) -> None:
    ada = await office.add("Ada", Role.ADMIN)
    _, token = await manage.reset_password(office.store, BY_COMMAND, ada.id)
    with pytest.raises(LinkVoid):
        await links.sign_in_by_link(office.store, token, ADDRESS)
    with pytest.raises(LinkVoid):
        await first(office, token, "Eve")
    assert await links.choose_password(office.store, office.passwords, token, PASSWORD, ADDRESS)


async def test_a_demos_link_signs_an_admin_in_once(office: Office) -> None:
    token = await links.demo_link(office.store, "Demo", "demo@example.com")
    visitor = await office.whose(await links.sign_in_by_link(office.store, token, ADDRESS))
    assert visitor is not None
    assert visitor.role == Role.ADMIN
    with pytest.raises(LinkVoid):
        await links.sign_in_by_link(office.store, token, ADDRESS)
    assert await links.demo_link(office.store, "Demo", "demo@example.com") != token
    assert len(await manage.list_(office.store)) == 1


def test_a_link_is_an_address_below_the_one_that_browsers_use() -> None:
    assert links.address_of("https://sync.example.com/", "abc") == "https://sync.example.com/welcome/abc"


# --- changes ----------------------------------------------------------------------------------------------------------


async def test_an_e_mail_belongs_to_one_person(office: Office) -> None:
    await office.add("Ada")
    with pytest.raises(BadInput) as caught:
        await manage.add(office.store, BY_COMMAND, "ADA@example.com", "Ada", Role.VIEWER)
    assert (caught.value.failure.code, caught.value.failure.field) == ("email_taken", "email")


@pytest.mark.parametrize(
    "email", ["", "ada", "ada@", "a b@example.com", "ada@example.com\nBcc: x", "a" * 300 + "@example.com"]
)
async def test_what_is_no_e_mail_is_refused(office: Office, email: str) -> None:
    with pytest.raises(BadInput) as caught:
        await manage.add(office.store, BY_COMMAND, email, "Ada", Role.VIEWER)
    assert caught.value.failure.field == "email"


@pytest.mark.parametrize("name", ["", "   ", "\u202eada", "a" * 101])
async def test_what_is_no_name_is_refused(office: Office, name: str) -> None:
    with pytest.raises(BadInput) as caught:
        await manage.add(office.store, BY_COMMAND, "ada@example.com", name, Role.VIEWER)
    assert caught.value.failure.field == "name"


async def test_the_last_admin_who_can_sign_in_stays_one(office: Office) -> None:
    ada = await office.add("Ada", Role.ADMIN)
    bob = await office.add("Bob", Role.ADMIN)
    await manage.disable(office.store, BY_COMMAND, bob.id)
    with pytest.raises(LastAdmin):
        await manage.disable(office.store, BY_COMMAND, ada.id)
    with pytest.raises(LastAdmin):
        await manage.change_role(office.store, BY_COMMAND, ada.id, Role.OPERATOR)
    # A disabled admin is no admin who could be lost.
    await manage.change_role(office.store, BY_COMMAND, bob.id, Role.VIEWER)
    await manage.enable(office.store, BY_COMMAND, bob.id)
    await manage.change_role(office.store, BY_COMMAND, bob.id, Role.ADMIN)
    await manage.disable(office.store, BY_COMMAND, ada.id)


async def test_of_two_admins_who_disable_each_other_at_once_one_stays(office: Office) -> None:
    ada, bob = await office.add("Ada", Role.ADMIN), await office.add("Bob", Role.ADMIN)
    await asyncio.gather(
        manage.disable(office.store, By("person:1"), bob.id),
        manage.disable(office.store, By("person:2"), ada.id),
        return_exceptions=True,
    )
    assert sum(not person.disabled for person in await manage.list_(office.store)) == 1


async def test_a_new_role_counts_from_the_next_request(office: Office) -> None:
    await office.add("Ada", Role.ADMIN)
    bob = await office.add("Bob", Role.VIEWER)
    token = await office.sign_in("Bob")
    await manage.change_role(office.store, By("person:1"), bob.id, Role.OPERATOR)
    visitor = await office.whose(token)
    assert visitor is not None
    assert visitor.role == Role.OPERATOR


async def test_whoever_is_disabled_has_no_session_no_link_no_token_and_no_way_in(office: Office) -> None:
    await office.add("Ada", Role.ADMIN)
    bob = await office.add("Bob", Role.ADMIN)
    session = await office.sign_in("Bob")
    token = await programs.make(office.store, await office.by("Bob"), "reports", Role.VIEWER)
    link = await links.demo_link(office.store, "Bob", bob.email)
    await manage.disable(office.store, By("person:1"), bob.id)
    assert await office.whose(session) is None
    assert await programs.whose(office.store, token) is None
    with pytest.raises(LinkVoid):
        await links.sign_in_by_link(office.store, link, ADDRESS)
    with pytest.raises(SignInRefused):
        await office.sign_in("Bob")
    with pytest.raises(BadInput, match="disabled"):
        await manage.reset_password(office.store, By("person:1"), bob.id)
    await manage.enable(office.store, By("person:1"), bob.id)
    assert await office.whose(session) is None
    assert await programs.whose(office.store, token) is None
    assert await office.sign_in("Bob")


@pytest.mark.parametrize("how", ["disabled", "no admin any more"])
async def test_a_colleagues_link_ends_when_its_maker_may_not_give_it_any_more(office: Office, how: str) -> None:
    await office.add("Ada", Role.ADMIN)
    bob = await office.add("Bob", Role.ADMIN)
    begun = await setup_state.begin(office.store, await office.by("Ada"))
    of_bob = await colleagues.ask(office.store, await office.by("Bob"), begun.id, Side.HUBSPOT)
    of_ada = await colleagues.ask(office.store, await office.by("Ada"), begun.id, Side.SALESFORCE)
    assert (await colleagues.opened(office.store, of_bob, None)).asked_by == "Bob"
    if how == "disabled":
        await manage.disable(office.store, By("person:1"), bob.id)
        await manage.enable(office.store, By("person:1"), bob.id)
    else:
        await manage.change_role(office.store, By("person:1"), bob.id, Role.OPERATOR)
    with pytest.raises(colleagues.LinkOver):
        await colleagues.opened(office.store, of_bob, None)
    assert await colleagues.opened(office.store, of_ada, None)


async def test_a_reset_takes_the_password_away_at_once_and_gives_a_link(office: Office) -> None:
    ada = await office.add("Ada", Role.ADMIN)
    session = await office.sign_in("Ada")
    _, token = await manage.reset_password(office.store, BY_COMMAND, ada.id)
    assert await office.whose(session) is None
    with pytest.raises(SignInRefused):
        await office.sign_in("Ada")
    await links.choose_password(office.store, office.passwords, token, "quiet amber lantern", ADDRESS)
    assert await office.sign_in("Ada", "quiet amber lantern")


async def test_a_new_password_ends_the_waits_of_the_account(office: Office) -> None:
    ada = await office.add("Ada", Role.ADMIN)
    for _ in range(5):
        with pytest.raises(SignInRefused):
            await office.sign_in("Ada", "wrong horse battery")
    await manage.set_password(office.store, office.passwords, BY_COMMAND, ada.id, "quiet amber lantern")
    assert await office.sign_in("Ada", "quiet amber lantern")


async def test_changing_nobody_is_said(office: Office) -> None:
    for change in (manage.disable, manage.enable, manage.reset_password):
        with pytest.raises(Missing, match="no person 77"):
            await change(office.store, BY_COMMAND, 77)
    with pytest.raises(Missing, match=r"eve@example\.com"):
        await manage.find(office.store, "eve@example.com")


async def test_what_changes_nothing_is_no_deed(office: Office) -> None:
    await office.add("Ada", Role.ADMIN)
    bob = await office.add("Bob")
    before = await office.deeds()
    await manage.change_role(office.store, BY_COMMAND, bob.id, Role.VIEWER)
    await manage.enable(office.store, BY_COMMAND, bob.id)
    assert await office.deeds() == before


# --- tokens -----------------------------------------------------------------------------------------------------------


async def test_a_token_may_never_do_more_than_its_maker_still_may(office: Office) -> None:
    await office.add("Ada", Role.ADMIN)
    bob = await office.add("Bob", Role.ADMIN)
    token = await programs.make(office.store, await office.by("Bob"), "reports", Role.OPERATOR)
    program = await programs.whose(office.store, token)
    assert program is not None
    assert (program.actor, program.name, program.role, program.person_id) == ("token:1", "reports", Role.OPERATOR, None)
    await manage.change_role(office.store, BY_COMMAND, bob.id, Role.VIEWER)
    program = await programs.whose(office.store, token)
    assert program is not None
    assert program.role == Role.VIEWER


async def test_a_token_says_when_it_was_used_last_to_the_minute_and_is_revoked_for_good(office: Office) -> None:
    await office.add("Ada", Role.ADMIN)
    ada = await office.by("Ada")
    token = await programs.make(office.store, ada, "reports", Role.VIEWER)
    used = []
    for seconds in (0, 59, 1):
        office.advance(seconds)
        await programs.whose(office.store, token)
        used.append((await programs.list_(office.store))[0].used_at_us)
    start = used[0]
    assert start is not None
    assert used == [start, start, start + 60_000_000]
    await programs.revoke(office.store, ada, 1)
    await programs.revoke(office.store, ada, 1)
    assert await programs.whose(office.store, token) is None
    assert await programs.list_(office.store) == []
    with pytest.raises(Missing):
        await programs.revoke(office.store, ada, 2)
    assert [action for _, action, _ in await office.deeds()][-2:] == ["token_made", "token_revoked"]


# --- the log ----------------------------------------------------------------------------------------------------------


async def test_the_log_names_people_and_tokens_as_they_are_called_now_and_is_checked(office: Office) -> None:
    await office.add("Ada", Role.ADMIN)
    await programs.make(office.store, await office.by("Ada"), "reports", Role.VIEWER)
    log = await audit_log.read(office.store)
    assert [(entry.actor, entry.deed.action, entry.subject) for entry in log.entries] == [
        ("Ada (person:1)", "token_made", "reports (token:1)"),
        ("Ada (person:1)", "signed_in", "Ada (person:1)"),
        ("command", "person_added", "Ada (person:1)"),
    ]
    assert log.checked.broken is None
    async with office.store.write(None) as tx:
        await tx.run("UPDATE deed SET actor = 'person:9' WHERE seq = 2")
    broken = (await audit_log.read(office.store)).checked.broken
    assert broken is not None
    assert broken.seq == 2


async def test_the_log_comes_in_pages_that_miss_nothing(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_log, "PAGE_ROWS", 2)
    for name in ("Ada", "Bob", "Cy", "Dee", "Eve"):
        await office.add(name)
    seqs, before = [], None
    while True:
        log = await audit_log.read(office.store, before)
        seqs += [entry.deed.seq for entry in log.entries]
        before = log.before
        if before is None:
            break
    assert seqs == [5, 4, 3, 2, 1]
