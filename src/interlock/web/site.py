"""What every page is made with: the opened installation, passwords, templates. One a process; knows no page."""

from __future__ import annotations

from functools import cache

from babel.numbers import format_decimal
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.responses import HTMLResponse

from interlock import __version__
from interlock.app import status
from interlock.app.jobs import Jobs
from interlock.app.people.denials import Denials
from interlock.app.people.passwords import Passwords
from interlock.app.people.roles import Action
from interlock.app.people.visitor import Visitor
from interlock.app.times import rfc3339
from interlock.app.words import why_not
from interlock.web import tabs, texts
from interlock.web.limits import STRANGER, TOKEN, Buckets
from interlock.web.live import Live
from interlock.web.navigation import places_for
from interlock.web.said import told
from interlock.web.static_files import StaticFiles
from interlock.web.texts import _, _n
from interlock.web.whence import Whence
from interlock.wiring import Interlock


class Site:
    def __init__(self, interlock: Interlock, public_url: str, passwords: Passwords) -> None:
        self.interlock = interlock
        self.store = interlock.store
        self.clock_us = interlock.clock_us
        self.public_url = public_url
        self.post = interlock.post(public_url)
        self.passwords = passwords
        self.jobs = Jobs(self.store, interlock.background, self.clock_us)
        self.tokens = Buckets(TOKEN, self.clock_us)
        self.strangers = Buckets(STRANGER, self.clock_us)
        self.denials = Denials(self.store, self.clock_us)
        settings = interlock.home.settings
        self.whence = Whence(settings.allowed_addresses, settings.api_addresses)
        self.https = public_url.lower().startswith("https://")
        self.files = _files()
        self.live = Live(lambda ids: status.live(self.store, ids, self.clock_us()))
        self.templates = _templates()

    async def own_address(self, connection_id: int | None = None) -> str:
        """For links: as somebody told it, else where the process listens."""
        return await self.interlock.told_address(connection_id) or self.public_url

    def part(self, template: str, **values: object) -> str:
        """A piece of a page, for what is sent after the page itself."""
        return self.templates.get_template(template).render(at=rfc3339(self.clock_us()), **values)

    def render(
        self,
        template: str,
        status_code: int = 200,
        *,
        visitor: Visitor | None = None,
        sign_out_csrf: str = "",
        path: str = "",
        bell: int = 0,
        **values: object,
    ) -> HTMLResponse:
        """`path`: of the page itself, for its mark in the navigation and for loading it again."""
        body = self.templates.get_template(template).render(
            version=__version__,
            at=rfc3339(self.clock_us()),
            visitor=visitor,
            sign_out_csrf=sign_out_csrf,
            path=path,
            places=places_for(visitor),
            bell=bell,
            **values,
        )
        return HTMLResponse(body, status_code)


@cache
def _files() -> StaticFiles:
    return StaticFiles()


@cache
def _templates() -> Environment:
    """Nothing in them is of one installation, and to compile them takes longer than to answer."""
    made = Environment(
        loader=PackageLoader("interlock.web"),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # Asked for each text anew: the language is that of the request.
    made.install_gettext_callables(_, _n, newstyle=True)  # type: ignore[attr-defined]
    made.globals.update(language=texts.language, Action=Action, file=_files().address)
    made.filters.update(
        number=number,
        told=told,
        thing=thing,
        why_not=lambda code: told(why_not(code)),
        what_happens=what_happens,
        moment=moment,
        moment_us=lambda at_us: moment(rfc3339(at_us)),
        count=count,
        object_name=tabs.name_of,
    )
    return made


def thing(name: str) -> str:
    """An object in the middle of a sentence: one of them, or all."""
    names = {
        "contacts": _("contacts"),
        "companies": _("companies"),
        "deals": _("deals"),
        "contact": _("contact"),
        "company": _("company"),
        "deal": _("deal"),
    }
    return names.get(name, name)


def what_happens(action: str) -> str:
    """What a preview's example is one of."""
    names = {
        "create_in_hubspot": _("New in HubSpot"),
        "create_in_salesforce": _("New in Salesforce"),
        "update_in_hubspot": _("Changed in HubSpot"),
        "update_in_salesforce": _("Changed in Salesforce"),
        "delete_in_hubspot": _("Deleted in HubSpot"),
        "delete_in_salesforce": _("Deleted in Salesforce"),
        "match": _("Linked as they are"),
        "ambiguous": _("Ambiguous"),
        "blocked": _("Blocked"),
        "conflict": _("Two values, one is kept"),
    }
    return names.get(action, action)


def count(value: int | None) -> str:
    """As `number`, of what may not be known."""
    return _("not known yet") if value is None else number(value)


def moment(text: str | None) -> Markup:
    """`2026-03-12 07:33:46 UTC`, which times.js shows in the viewer's zone; without scripts that is not known, so it says UTC."""
    if not text:
        return escape(_("never"))
    return Markup('<time datetime="{}">{} {} UTC</time>').format(text, text[:10], text[11:19])


def number(value: int) -> str:
    """With its thousands parted as the page's language does it."""
    return format_decimal(value, locale=texts.language())
