"""The package's step: who sees the fields, *Install*, the dialog about this address, progress that goes on by itself.

(nothing)      what the org holds, *Begin Salesforce package install* or *Upgrade*
stage=scope    for whom, *Install*
stage=dialog   each host and why, *Continue*
running        by component; htmx asks again, without script there is a link
done, failed   *Next*; each trouble with what to do, *Try again*
"""

from __future__ import annotations

from urllib.parse import urlsplit

import msgspec
from starlette.responses import RedirectResponse, Response

from interlock.app.errors import AppError, BadInput, as_failure
from interlock.app.package import parts, scope
from interlock.app.setup import apps, colleagues, package, state
from interlock.app.setup.package import Values, slug
from interlock.crm.errors import CrmError
from interlock.web import forms
from interlock.web.pages.setup import connect
from interlock.web.pages.setup.frame import At, Page
from interlock.web.texts import _

_PROFILE = "profile:"
_STAGES = ("scope", "dialog")


async def show(at: At, form: forms.Shown) -> Response:
    run = await package.standing(at.interlock, at.setup)
    # It may have ended while it was looked at; and one for another org, or another sync user, is no news.
    at.setup = await state.load(at.store, at.setup.id)
    if run is not None and run.state == "done" and not package.done(at.setup):
        run = None
    values = package.values_of(at.setup)
    stage = at.asked.request.query_params.get("stage", "")
    stage = stage if stage in _STAGES and (run is None or run.state != "running") else ""
    found, profiles, trouble = None, [], ""
    if run is None or run.state != "running":
        try:
            found = await package.look(at.interlock, at.setup, await own_address(at))
            profiles = await package.profiles(at.interlock, at.setup) if stage == "scope" else []
        except (AppError, CrmError) as error:
            trouble = _said(error)
    if not form.refused:
        form = forms.Shown({"who": values.who, **{f"{_PROFILE}{each}": "yes" for each in values.profiles}})
    address = parts.address_of(await own_address(at))
    return at.page(
        "setup/package.html",
        form,
        stage=stage,
        installed=package.done(at.setup),
        run=run,
        long=run is not None and run.long(at.interlock.clock_us()),
        word_by=_word_by(at, run),
        found=found,
        profiles=profiles,
        trouble=trouble,
        may_not_install=package.may_not_install(at.setup),
        address=address,
        host="" if address.origin is None else urlsplit(address.origin).netloc,
        waiting=await colleagues.waiting(at.store, at.setup.id),
    )


def _word_by(at: At, run: package.Run | None) -> str:
    """How whoever leaves the page learns that the install has ended (app/notify/installs.py)."""
    if run is not None and run.by.startswith("person:") and at.asked.site.post.mail is not None:
        return "you" if run.by == at.by.actor else "they"
    return "bell" if at.link is None else "link"


async def own_address(at: At) -> str:
    return apps.values_of(at.setup).public_url or await at.asked.site.own_address()


def _said(error: Exception) -> str:
    failure = as_failure(error)
    assert failure is not None
    return forms.said(failure)


async def send(at: At) -> Response:
    if at.asked.field("go") == "next" and not package.done(at.setup):
        at.setup = await package.take_as_it_is(at.interlock, at.by, at.setup, await own_address(at))
    return at.go()


async def install(at: At) -> Response:
    """*Install*: for whom. What comes next is the dialog."""
    before = package.values_of(at.setup)
    chosen = tuple(name.removeprefix(_PROFILE) for name in at.asked.form if name.startswith(_PROFILE))
    who = at.asked.field("who")
    kept = {**msgspec.to_builtins(before), "who": who, "profiles": chosen if who == "profiles" else ()}
    try:
        values = msgspec.convert(kept, Values)
    except msgspec.ValidationError as error:
        raise BadInput(_("Choose who sees Interlock's fields."), code="no_scope", field="who") from error
    if who == "profiles":
        scope.check(values.scope, await package.profiles(at.interlock, at.setup))
    await at.save(values)
    return RedirectResponse(at.address(slug, stage="dialog"), 303)


async def go_on(at: At) -> Response:
    """*Continue*: the install begins."""
    before = package.values_of(at.setup)
    trusts = at.asked.field("trusts_address") == "yes"
    await at.save(Values(before.who, before.profiles, trusts, before.installed_for))
    await package.begin(at.interlock, at.by, at.setup, await own_address(at))
    return RedirectResponse(at.address(slug), 303)


async def again(at: At) -> Response:
    """*Try again*, as it was chosen."""
    await package.begin(at.interlock, at.by, at.setup, await own_address(at))
    return RedirectResponse(at.address(slug), 303)


async def download(at: At, form: forms.Shown) -> Response:
    """What would be deployed, for somebody who deploys it with Salesforce's own tools."""
    try:
        zipped = await package.zipped(at.interlock, at.setup, await own_address(at))
    except (AppError, CrmError) as error:
        return await show(at, forms.Shown({}, [forms.Refused(None, _said(error))]))
    headers = {"Content-Disposition": 'attachment; filename="interlock-package.zip"'}
    return Response(zipped, media_type="application/zip", headers=headers)


PAGE = Page(
    slug,
    show,
    send,
    more=(
        ("install", install),
        ("continue", go_on),
        ("again", again),
        ("ask", connect.ask),
        ("take-back", connect.take_back),
    ),
    files=(("interlock-package.zip", download),),
)
