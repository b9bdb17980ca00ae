"""The order of the wizard's steps: where a set-up goes on, and what comes before and after."""

from __future__ import annotations

import msgspec

from interlock.app.setup import apps, connect, expectations, path
from interlock.crm.oauth import Identity
from interlock.store.setups import KeptStep, Setup

WHO = Identity("1", "ada@example.com", "123", "Acme", "https://api.example", False)


def a_setup(**steps: msgspec.Struct) -> Setup:
    kept = {slug: KeptStep(msgspec.to_builtins(values), 1, "person:1", 0) for slug, values in steps.items()}
    return Setup(id=1, steps=kept)


READ = expectations.Values(read=True)
ENTERED = apps.Values(public_url="https://interlock.example", hubspot_app=1, salesforce_app=2)


def test_it_goes_on_at_the_first_step_that_is_not_done() -> None:
    assert path.resume(Setup()) == "expectations"
    assert path.resume(a_setup(expectations=READ)) == "apps"
    assert path.resume(a_setup(expectations=READ, apps=ENTERED)) == "connect"
    half = connect.Values(hubspot=connect.SignedIn(WHO, 1))
    assert path.resume(a_setup(expectations=READ, apps=ENTERED, connect=half)) == "connect"


def test_a_later_step_that_is_done_does_not_hide_an_earlier_one_that_is_not() -> None:
    assert path.resume(a_setup(apps=ENTERED)) == "expectations"


def test_the_demos_apps_are_given_so_nobody_is_asked_for_them() -> None:
    given = a_setup(apps=msgspec.structs.replace(ENTERED, given=True))
    assert "apps" not in {step.slug for step in path.path(given)}
    assert path.after(given, "expectations") == "connect"
    assert path.before(given, "connect") == "expectations"


def test_a_side_with_a_key_needs_no_app() -> None:
    keys = apps.Values(public_url="https://x.example", hubspot_way=apps.KEY, salesforce_way=apps.JWT)
    assert apps.done(a_setup(apps=keys))
    assert not apps.done(a_setup(apps=msgspec.structs.replace(keys, salesforce_way=apps.HAVE)))


def test_every_step_has_a_page_with_a_title() -> None:
    from interlock.web.pages.setup.frame import title_of
    from interlock.web.pages.setup.pages import PAGES

    assert {page.slug for page in PAGES} == {step.slug for step in path.STEPS}
    assert all(title_of(step.slug) for step in path.STEPS)
