"""Which controls of the settings there are, and what it is to have a test: a test marked `presses("POST /...")` has sent that, and
it was done. test_every_control.py holds that none of them is without one."""

from __future__ import annotations

import re

import pytest
from starlette.routing import compile_path

from interlock.objects.registry import SPECS
from interlock.web.routes import ADDRESSES

Asked = list[tuple[str, str, int]]
# Seen to elsewhere: the wizard (test_wizard.py, test_setup.py), the way in and out (test_by_keyboard.py).
NO_SETTINGS = ("/api/", "/setup", "/colleague/", "/oauth/", "/welcome/", "/sign-in", "/sign-out")
# Read by programs, with no control that leads there.
FOR_PROGRAMS = ("/health", "/healthz", "/metrics", "/hubspot/card")


def controls() -> set[str]:
    """Every address of the settings, as `METHOD /path`. Those of the three objects are one."""
    return {
        f"{each.method} {_of_any_object(each.path)}"
        for each in ADDRESSES
        if not each.path.startswith(NO_SETTINGS) and each.path not in FOR_PROGRAMS
    }


def of_test(test: object) -> set[str]:
    marks = getattr(test, "pytestmark", [])
    return {address for mark in marks if mark.name == "presses" for address in mark.args}


def pressed(node: pytest.Item, asked: Asked) -> None:
    """Each address that the test is marked with was asked for by a browser, and answered with what it is there for."""
    for mark in node.iter_markers("presses"):
        for address in mark.args:
            method, _, path = address.partition(" ")
            done = [each for each in asked if each[0] == method and _is(path, each[1]) and each[2] < 400]
            assert done, f"{node.name} says that it presses {address}, which was not done. Asked for:\n{asked}"


def _is(path: str, asked: str) -> bool:
    found = compile_path(path)[0].match(asked)
    return found is not None and found.groupdict().get("object", "contacts") in SPECS


def _of_any_object(path: str) -> str:
    return re.sub(rf"^(/connections/\{{id:int\}})/({'|'.join(SPECS)})(?=/|$)", r"\1/{object}", path)
