"""The table of the settings' controls and of the tests that press them: no address of the settings is without one.

An address counts as pressed when a test is marked with it, which holds only if the browser has sent it and it was done
(controls.py), or when test_every_page.py opens it.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.browser import (
    test_every_page,
    test_new_sandbox,
    test_settings,
    test_settings_of_objects,
    test_settings_of_people,
    test_settings_of_records,
    test_uninstall,
    test_wizard,
)
from tests.browser.controls import NO_SETTINGS, controls, of_test

from interlock.web.front_end import FOLDER

MODULES = (
    test_new_sandbox,
    test_uninstall,
    test_settings,
    test_settings_of_objects,
    test_settings_of_people,
    test_settings_of_records,
    test_wizard,
)
TEMPLATES = FOLDER.parent / "templates"
_POST = re.compile(r"<form method=\"post\" action=\"([^\"]+)\"|formaction=\"([^\"]+)\"")


def pressed() -> set[str]:
    tests = [each for module in MODULES for name, each in vars(module).items() if name.startswith("test_")]
    return set().union(*map(of_test, tests))


def opened() -> set[str]:
    return {each for each in controls() if each.startswith("GET ") and _filled(each) in test_every_page.PAGES}


def _filled(control: str) -> str:
    path = control.removeprefix("GET ").replace("{object}", "contacts")
    return test_every_page.filled(path)


def test_no_control_of_the_settings_is_without_a_test_that_presses_it() -> None:
    assert controls() - pressed() - opened() == set()


def test_no_test_presses_what_is_not_there() -> None:
    assert pressed() <= controls()


@pytest.mark.parametrize("template", sorted(TEMPLATES.glob("*.html")), ids=lambda each: each.stem)
def test_every_form_of_a_settings_page_is_among_the_controls(template: Path) -> None:
    known = {control.partition(" ")[2] for control in controls() if control.startswith("POST ")}
    for found in _POST.findall(template.read_text(encoding="utf-8")):
        address = next(filter(None, found)).replace("{{ at_address }}", "/connections/1")
        if address.startswith(NO_SETTINGS):
            continue
        assert any(_fits(address, each) for each in known), f"{template.name}: {address} is no control of controls()"


def _fits(written: str, control: str) -> bool:
    """Part by part, where what is filled in when the page is made may be anything."""
    left, right = re.sub(r"{{.*?}}", "{}", written).split("/"), control.split("/")
    return len(left) == len(right) and all(a == b or "{" in a or "{" in b for a, b in zip(left, right, strict=True))
