"""Signing in: one answer for whatever is wrong, waits that grow, sessions that end."""

from __future__ import annotations

import asyncio
import unicodedata

import pytest
from tests.office import ADDRESS, PASSWORD, CountingHasher, Office

from interlock.app.errors import BadInput
from interlock.app.people import audit_log, links, manage, signing_in
from interlock.app.people.errors import HeldBack, LinkVoid, SignInRefused
from interlock.app.people.passwords import Passwords
from interlock.app.people.roles import Role
from interlock.app.people.visitor import BY_COMMAND
from interlock.store import one_time_links, people

pytestmark = pytest.mark.anyio


async def refused(office: Office, name: str, password: str = "wrong horse battery", address: str = ADDRESS) -> str:
    with pytest.raises((SignInRefused, HeldBack)) as caught:
        await office.sign_in(name, password, address)
    return caught.value.failure.code


async def test_the_right_password_gives_a_session_with_the_persons_role(office: Office) -> None:
    ada = await office.add("Ada", Role.OPERATOR)
    visitor = await office.whose(await office.sign_in("ADA"))
    assert visitor is not None
    assert (visitor.actor, visitor.name, visitor.role) == (f"person:{ada.id}", "Ada", Role.OPERATOR)


async def test_wrong_password_unknown_name_disabled_and_no_password_get_one_answer_after_the_same_work(
    office: Office,
) -> None:
    await office.add("Ada", Role.ADMIN)
    bob = await office.add("Bob")
    await manage.disable(office.store, BY_COMMAND, bob.id)
    await manage.add(office.store, BY_COMMAND, "cy@example.com", "Cy", Role.VIEWER)
    answers = []
    for name, password in (("Ada", "wrong horse battery"), ("Nobody", PASSWORD), ("Bob", PASSWORD), ("Cy", PASSWORD)):
        before = office.hasher.compared
        with pytest.raises(SignInRefused) as caught:
            await office.sign_in(name, password)
        answers.append((caught.value.failure, office.hasher.compared - before))
    assert len(set(answers)) == 1
    assert answers[0][1] == 1


async def test_after_five_wrong_tries_an_account_waits_and_each_wait_is_longer(office: Office) -> None:
    await office.add("Ada")
    assert [await refused(office, "Ada") for _ in range(5)] == ["sign_in_refused"] * 5
    waits = []
    for _ in range(12):
        with pytest.raises(HeldBack) as caught:
            await office.sign_in("Ada")
        waits.append(caught.value.wait_s)
        office.advance(caught.value.wait_s)
        assert await refused(office, "Ada") == "sign_in_refused"
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]


async def test_while_an_account_waits_the_right_password_is_not_looked_at(office: Office) -> None:
    await office.add("Ada")
    for _ in range(5):
        await refused(office, "Ada")
    before = office.hasher.compared
    assert await refused(office, "Ada", PASSWORD) == "held_back"
    assert office.hasher.compared == before


async def test_the_log_says_from_when_an_account_is_held_back_and_is_not_filled_by_what_then_comes(
    office: Office,
) -> None:
    await office.add("Ada")
    for _ in range(20):
        await refused(office, "Ada")
    log = await audit_log.read(office.store)
    told = [entry.deed.detail.get("next_try_after_seconds") for entry in reversed(log.entries)]
    assert told == [None, None, None, None, None, 1]
    assert log.entries[0].deed.detail["at"] == ADDRESS


async def test_an_unknown_name_waits_like_a_known_one(office: Office) -> None:
    for _ in range(5):
        await refused(office, "Nobody")
    assert await refused(office, "Nobody") == "held_back"


async def test_an_account_waits_from_whichever_address_and_however_it_is_capitalised(office: Office) -> None:
    await office.add("Ada")
    for number in range(5):
        await refused(office, "Ada" if number % 2 else "ADA", address=f"198.51.100.{number}")
    assert await refused(office, "Ada", PASSWORD, "203.0.113.1") == "held_back"


async def test_an_address_that_tries_many_accounts_waits_and_others_do_not(office: Office) -> None:
    await office.add("Ada")
    for number in range(20):
        await refused(office, f"guess{number}")
    assert await refused(office, "Ada", PASSWORD) == "held_back"
    assert await office.sign_in("Ada", address="203.0.113.1")


async def test_a_browser_that_has_signed_in_before_is_not_held_back_by_what_strangers_try(office: Office) -> None:
    await office.add("Ada")
    known = await signing_in.known_from_now_on(office.store, await office.sign_in("Ada"))
    for number in range(6):
        await refused(office, "Ada", address=f"198.51.100.{number}")

    async def from_browser(cookie: str | None, name: str = "ada", password: str = PASSWORD) -> str:
        email = f"{name}@example.com"
        return await signing_in.sign_in(office.store, office.passwords, email, password, "203.0.113.1", None, cookie)

    await office.add("Bob")
    of_bob = await signing_in.known_from_now_on(office.store, await office.sign_in("Bob"))
    assert known is not None
    for cookie in (None, "", "made up", "\u0142", known[:-8] + "AAAAAAA=", of_bob):
        with pytest.raises(HeldBack):
            await from_browser(cookie)
    assert await from_browser(known)
    # What strangers try goes on to wait.
    assert await refused(office, "Ada", PASSWORD, "203.0.113.2") == "held_back"


async def test_a_browser_that_is_known_can_guess_no_more_often_than_anybody_and_holds_nobody_else_back(
    office: Office,
) -> None:
    await office.add("Ada")
    known = await signing_in.known_from_now_on(office.store, await office.sign_in("Ada"))

    async def guess() -> str:
        with pytest.raises((SignInRefused, HeldBack)) as caught:
            await signing_in.sign_in(
                office.store, office.passwords, "ada@example.com", "a wrong guess", "203.0.113.1", None, known
            )
        return caught.value.failure.code

    assert [await guess() for _ in range(6)] == ["sign_in_refused"] * 5 + ["held_back"]
    assert await office.sign_in("Ada", address="203.0.113.2")


async def test_a_burst_of_tries_is_counted_before_any_of_them_is_looked_at(office: Office) -> None:
    await office.add("Ada")
    codes = await asyncio.gather(*(refused(office, "Ada") for _ in range(30)))
    assert codes.count("sign_in_refused") == 5
    assert office.hasher.compared == 5


async def test_a_good_sign_in_forgets_the_wrong_tries_of_the_account(office: Office) -> None:
    await office.add("Ada")
    for _ in range(10):
        for _ in range(4):
            office.advance(60)
            await refused(office, "Ada")
        office.advance(60)
        await office.sign_in("Ada")


async def test_a_session_ends_after_eight_hours_without_use_and_after_a_week_with(office: Office) -> None:
    await office.add("Ada")
    token = await office.sign_in("Ada")
    office.advance(8 * 3600 - 1)
    assert await office.whose(token)
    office.advance(8 * 3600)
    assert await office.whose(token) is None
    token = await office.sign_in("Ada")
    for _ in range(7 * 24 - 1):
        office.advance(3600)
        assert await office.whose(token)
    office.advance(3600)
    assert await office.whose(token) is None


async def test_signing_in_again_ends_the_browsers_old_session(office: Office) -> None:
    await office.add("Ada")
    old, elsewhere = await office.sign_in("Ada"), await office.sign_in("Ada")
    new = await signing_in.sign_in(office.store, office.passwords, "ada@example.com", PASSWORD, ADDRESS, old)
    assert new != old
    assert await office.whose(old) is None
    assert await office.whose(elsewhere)
    await signing_in.sign_out(office.store, new, ADDRESS)
    assert await office.whose(new) is None


async def test_a_password_is_hashed_with_argon2id_and_the_parameters_of_the_standard() -> None:
    """RFC 9106, section 4, second recommendation: 64 MiB, three passes, four lanes."""
    assert (await Passwords().hash(PASSWORD)).startswith("$argon2id$v=19$m=65536,t=3,p=4$")


async def test_a_hash_of_older_parameters_is_made_anew_at_the_next_sign_in(office: Office) -> None:
    ada = await office.add("Ada")
    stronger = Passwords(CountingHasher(time_cost=2))
    await signing_in.sign_in(office.store, stronger, ada.email, PASSWORD, ADDRESS)
    async with office.store.read(None) as tx:
        now = await people.get(tx, ada.id)
    assert now is not None
    assert now.password_hash != ada.password_hash
    assert ",t=1," in str(ada.password_hash)
    assert ",t=2," in str(now.password_hash)
    assert await signing_in.sign_in(office.store, stronger, ada.email, PASSWORD, ADDRESS)


async def test_whoever_is_disabled_while_the_password_is_compared_does_not_get_in(office: Office) -> None:
    ada = await office.add("Ada")
    await office.add("Bob", Role.ADMIN)

    class Slow(Passwords):
        async def fits(self, password_hash: str | None, password: str) -> bool:
            fits = await super().fits(password_hash, password)
            await manage.disable(office.store, BY_COMMAND, ada.id)
            return fits

    with pytest.raises(SignInRefused):
        await signing_in.sign_in(office.store, Slow(office.hasher), ada.email, PASSWORD, ADDRESS)


@pytest.mark.parametrize("deed", ["reset", "disabled and enabled again, with another password"])
async def test_a_password_that_an_admin_takes_away_while_it_is_changed_stays_taken_away(
    office: Office, deed: str
) -> None:
    """Whoever had stolen the session would keep the account, by a password of their own."""
    ada = await office.add("Ada")
    await office.add("Bob", Role.ADMIN)
    thief = await office.visitor("Ada")
    links_: list[str] = []

    class Slow(Passwords):
        async def hash(self, password: str) -> str:
            made = await super().hash(password)
            if deed == "reset":
                links_.append((await manage.reset_password(office.store, BY_COMMAND, ada.id))[1])
            else:
                await manage.disable(office.store, BY_COMMAND, ada.id)
                await manage.enable(office.store, BY_COMMAND, ada.id)
                await manage.set_password(
                    office.store, office.passwords, BY_COMMAND, ada.id, "another quiet amber lamp"
                )
            return made

    with pytest.raises(SignInRefused):
        await signing_in.change_password(
            office.store, Slow(office.hasher), thief, PASSWORD, "quiet amber lantern", ADDRESS
        )
    assert await refused(office, "Ada", "quiet amber lantern") == "sign_in_refused"
    for link in links_:
        await links.choose_password(office.store, office.passwords, link, "my own amber lantern", ADDRESS)
        assert await office.sign_in("Ada", "my own amber lantern")


async def test_a_link_to_choose_a_password_ends_with_the_change_of_the_password(office: Office) -> None:
    ada = await office.add("Ada")
    visitor = await office.visitor("Ada")
    async with office.store.write(None) as tx:
        link = await one_time_links.make(tx, one_time_links.PASSWORD, ada.id, 3_600_000_000)
    await signing_in.change_password(office.store, office.passwords, visitor, PASSWORD, "quiet amber lantern", ADDRESS)
    with pytest.raises(LinkVoid):
        await links.open_link(office.store, link)


async def test_ones_own_password_changes_with_the_current_one_and_signs_out_everywhere_else(office: Office) -> None:
    await office.add("Ada")
    elsewhere = await office.sign_in("Ada")
    ada = await office.visitor("Ada")
    with pytest.raises(SignInRefused):
        await signing_in.change_password(
            office.store, office.passwords, ada, "not the current", "quiet amber lantern", ADDRESS
        )
    assert await office.whose(elsewhere)
    token = await signing_in.change_password(
        office.store, office.passwords, ada, PASSWORD, "quiet amber lantern", ADDRESS
    )
    assert await office.whose(token)
    assert await office.whose(elsewhere) is None
    assert await refused(office, "Ada", PASSWORD) == "sign_in_refused"
    assert await office.sign_in("Ada", "quiet amber lantern")


async def test_guessing_the_current_password_waits_like_signing_in(office: Office) -> None:
    await office.add("Ada")
    ada = await office.visitor("Ada")

    async def guess() -> None:
        await signing_in.change_password(office.store, office.passwords, ada, "a guess", "quiet amber lantern", ADDRESS)

    for _ in range(5):
        with pytest.raises(SignInRefused):
            await guess()
    with pytest.raises(HeldBack):
        await guess()


async def test_signing_in_failing_and_out_are_deeds_that_name_nobody(office: Office) -> None:
    await office.add("Ada")
    await refused(office, "Ada")
    await refused(office, "my secret typed in the wrong field")
    await signing_in.sign_out(office.store, await office.sign_in("Ada"), ADDRESS)
    assert await office.deeds() == [
        ("command", "person_added", "person:1"),
        ("nobody", "sign_in_failed", "person:1"),
        ("nobody", "sign_in_failed", "unknown"),
        ("person:1", "signed_in", "person:1"),
        ("person:1", "signed_out", "person:1"),
    ]
    dump = await office.dump()
    assert "my secret typed" not in dump
    assert dump.count("ada@example.com") == 2  # the person's row, as typed and as looked up


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("short words", "password_short"),
        ("x" * 257, "password_long"),
        ("abababababab", "password_common"),
        ("ada@example.com", "password_own_words"),
        ("Ada@example.com1!", "password_own_words"),
    ],
)
async def test_a_password_that_is_tried_first_is_refused_with_the_reason(
    office: Office, password: str, code: str
) -> None:
    with pytest.raises(BadInput) as caught:
        await manage.add(office.store, BY_COMMAND, "ada@example.com", "Ada", Role.ADMIN, office.passwords, password)
    assert (caught.value.failure.code, caught.value.failure.field) == (code, "password")
    assert caught.value.failure.fix


async def test_a_password_may_hold_any_characters_and_is_the_same_from_any_keyboard(office: Office) -> None:
    composed = "żółta łódź é 🚤 płynie"
    decomposed = unicodedata.normalize("NFD", composed)
    assert composed != decomposed
    await manage.add(office.store, BY_COMMAND, "ada@example.com", "Ada", Role.ADMIN, office.passwords, decomposed)
    assert await office.sign_in("Ada", composed)


async def test_more_passwords_than_are_served_are_refused_and_not_queued_for_ever(office: Office) -> None:
    answers = await asyncio.gather(*(office.passwords.fits(None, "x") for _ in range(100)), return_exceptions=True)
    held = [answer for answer in answers if isinstance(answer, HeldBack)]
    assert len(held) == 68
    assert await office.passwords.fits(None, "x") is False
