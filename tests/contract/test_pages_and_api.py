"""Whatever a page changes, a program can change."""

from __future__ import annotations

from pathlib import Path

from tests.contract.in_the_api import BROWSER, IN_THE_API, OWN

from interlock.objects.registry import SPECS
from interlock.web.routes import ADDRESSES

DOCS = Path(__file__).parents[2] / "docs/api.md"
# The set-up as a whole, and what is asked of a colleague in it.
SET_UP = ("/setup", "/colleague/", "/oauth/")
FILES = (".csv", ".yaml", "/export")


def _of_pages() -> set[str]:
    found = set()
    for address in ADDRESSES:
        if address.path.startswith(("/api/", *SET_UP)) or (
            address.method == "GET" and not address.path.endswith(FILES)
        ):
            continue
        parts = ["{object}" if part in SPECS else part for part in address.path.split("/")]
        found.add(f"{address.method} {'/'.join(parts)}")
    return found


def test_for_all_that_a_page_changes_or_gives_as_a_file_it_is_said_what_does_it_in_the_api() -> None:
    assert set(IN_THE_API) == _of_pages()


def test_what_is_said_to_do_it_is_there() -> None:
    there = {f"{each.method} {each.path}" for each in ADDRESSES if each.path.startswith("/api/v1/")}
    assert {each for each in IN_THE_API.values() if each not in (BROWSER, OWN)} <= there


def test_what_is_not_in_the_api_is_said_in_its_documentation() -> None:
    said = DOCS.read_text().partition("Not in the API:")[2]
    assert BROWSER in said
    assert OWN in said
