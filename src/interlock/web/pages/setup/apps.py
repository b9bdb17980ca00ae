"""The apps that Interlock signs in with, one for each side, and the address by which browsers come back."""

from __future__ import annotations

from starlette.responses import Response

from interlock import __version__
from interlock.app import sign_in
from interlock.app.setup import apps, hubspot_project, reaching
from interlock.app.setup.apps import Entered, Values, slug
from interlock.core.model import Side
from interlock.crm import hosts
from interlock.crm.salesforce.oauth import SCOPES as SALESFORCE_SCOPES
from interlock.web import forms
from interlock.web.pages.setup.frame import At, Page

_SECRET = ("hubspot_client_secret", "hubspot_key", "salesforce_client_secret", "salesforce_jwt_key")


async def show(at: At, form: forms.Shown) -> Response:
    return await _page(at, form)


async def _page(at: At, form: forms.Shown, reached: reaching.Reached | None = None) -> Response:
    values = apps.values_of(at.setup)
    filled = {name: str(getattr(values, name)) for name in Values.__struct_fields__ if name not in ("given",)}
    filled["public_url"] = values.public_url or await _address_here(at)
    shown = {**filled, **{name: value for name, value in form.values.items() if name not in _SECRET}}
    # On the page both keys are one way, with a choice below it.
    shown.setdefault("salesforce_key", apps.JWT)
    if shown["salesforce_way"] in apps.KEYS:
        shown |= {"salesforce_key": shown["salesforce_way"], "salesforce_way": apps.KEY}
    form = forms.Shown(shown, form.refused)
    required, optional = sign_in.hubspot_scopes()
    base = shown["public_url"].strip().rstrip("/")
    return at.page(
        "setup/apps.html",
        form,
        reached=reached,
        kept=await apps.kept_secrets(at.store, at.setup),
        callbacks={side.value: base + sign_in.CALLBACKS[side] for side in Side},
        hubspot_scopes=required,
        hubspot_optional=optional,
        salesforce_scopes=SALESFORCE_SCOPES,
    )


async def _address_here(at: At) -> str:
    """By which this browser is here: on this machine that may be another name of it than the settings say."""
    url = at.asked.request.url
    return f"{url.scheme}://{url.netloc}" if url.hostname in hosts.LOOPBACK_NAMES else await at.asked.site.own_address()


def _local(at: At) -> bool:
    return at.interlock.addresses is not None and at.interlock.addresses.local


async def send(at: At) -> Response:
    field = at.asked.field
    fields = {name: field(name) for name in Entered.__struct_fields__}
    if fields["salesforce_way"] == apps.KEY:
        fields["salesforce_way"] = field("salesforce_key")
    entered = Entered(**fields)
    async with at.interlock.crms() as crms:
        if at.leaves:
            _setup, whole = await apps.leave(at.store, crms, at.by, at.setup, entered, at.version, local=_local(at))
            return at.leave(whole=whole)
        at.setup = await apps.save(at.store, crms, at.by, at.setup, entered, at.version, local=_local(at))
    return at.go()


async def test(at: At) -> Response:
    """*Test*: of what is typed, saved or not. Saves nothing."""
    public_url = at.asked.field("public_url")
    apps.check_address(public_url, local=_local(at))
    async with at.interlock.crms() as crms:
        reached = await reaching.test_address(crms.transport, public_url, __version__)
    return await _page(at, forms.Shown(dict(at.asked.form)), reached)


async def project(at: At) -> Response:
    """The HubSpot project, for the address that is typed, saved or not."""
    public_url = at.asked.field("public_url")
    apps.check_address(public_url, local=_local(at))
    named = {"Content-Disposition": f'attachment; filename="{hubspot_project.FILE_NAME}"'}
    return Response(hubspot_project.zipped(public_url), media_type="application/zip", headers=named)


PAGE = Page(slug, show, send, more=(("test", test), ("hubspot-project", project)))
