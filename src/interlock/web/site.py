"""What every page is made with: the opened installation, passwords, templates. One a process; knows no page."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse

from interlock import __version__
from interlock.app.jobs import Jobs
from interlock.app.people.denials import Denials
from interlock.app.people.passwords import Passwords
from interlock.app.people.roles import Action
from interlock.app.people.visitor import Visitor
from interlock.app.times import rfc3339
from interlock.web.limits import STRANGER, TOKEN, Buckets
from interlock.web.texts import _, translations
from interlock.wiring import Interlock


class Site:
    def __init__(self, interlock: Interlock, public_url: str, passwords: Passwords) -> None:
        self.interlock = interlock
        self.store = interlock.store
        self.clock_us = interlock.clock_us
        self.public_url = public_url
        self.passwords = passwords
        self.jobs = Jobs(self.clock_us)
        self.tokens = Buckets(TOKEN, self.clock_us)
        self.strangers = Buckets(STRANGER, self.clock_us)
        self.denials = Denials(self.store, self.clock_us)
        self.https = public_url.lower().startswith("https://")
        self._templates = Environment(
            loader=PackageLoader("interlock.web"),
            autoescape=True,
            undefined=StrictUndefined,
            extensions=["jinja2.ext.i18n"],
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.install_gettext_translations(translations(), newstyle=True)  # type: ignore[attr-defined]
        self._templates.filters["moment"] = moment
        self._templates.filters["moment_us"] = lambda at_us: moment(rfc3339(at_us))
        self._templates.globals["Action"] = Action

    def render(
        self,
        template: str,
        status_code: int = 200,
        *,
        visitor: Visitor | None = None,
        sign_out_csrf: str = "",
        path: str = "",
        **values: object,
    ) -> HTMLResponse:
        """`path`: of the page itself, for its mark in the navigation and for loading it again."""
        body = self._templates.get_template(template).render(
            version=__version__,
            at=rfc3339(self.clock_us()),
            visitor=visitor,
            sign_out_csrf=sign_out_csrf,
            path=path,
            **values,
        )
        return HTMLResponse(body, status_code)


def moment(text: str | None) -> str:
    """`2026-03-12 07:33:46 UTC`. Without scripts the viewer's zone is not known, so it is named."""
    return f"{text[:10]} {text[11:19]} UTC" if text else _("never")
