"""Which page belongs to which step, and their addresses. A step that is added has a line here and one in app/setup/path.py."""

from __future__ import annotations

from collections.abc import Iterator

from interlock.web.access import Handler
from interlock.web.pages.setup import (
    apps,
    choices,
    configuration,
    connect,
    contacts,
    expectations,
    index,
    migrate,
    owners,
    package,
    pipelines,
    properties,
    review,
    same_values,
)
from interlock.web.pages.setup.frame import Page, sends, shows

PAGES: tuple[Page, ...] = (
    expectations.PAGE,
    apps.PAGE,
    connect.PAGE,
    package.PAGE,
    migrate.PAGE,
    configuration.PAGE,
    contacts.PAGE,
    properties.PAGE,
    same_values.PAGE,
    pipelines.PAGE,
    choices.PAGE,
    owners.PAGE,
    review.PAGE,
)


def addresses() -> Iterator[tuple[str, str, Handler]]:
    """(method, path, handler) of every page of the wizard that needs an admin."""
    yield "GET", "/setup", index.show
    yield "GET", "/setup/give-up", index.ask_to_give_up
    yield "POST", "/setup/give-up", index.give_up
    for page in PAGES:
        yield "GET", f"/setup/{page.slug}", shows(page, page.show)
        yield "POST", f"/setup/{page.slug}", sends(page, page.send)
        for name, show in page.files:
            yield "GET", f"/setup/{page.slug}/{name}", shows(page, show)
        for name, send in page.more:
            yield "POST", f"/setup/{page.slug}/{name}", sends(page, send)
