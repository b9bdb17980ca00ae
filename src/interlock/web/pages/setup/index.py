"""/setup: on to where the one set-up stands; a choice where several are under way; the start where there is none, or another is
wanted. Giving one up."""

from __future__ import annotations

from starlette.responses import RedirectResponse, Response

from interlock.app.errors import Missing
from interlock.app.setup import finish, path, signing_in, state
from interlock.store.setups import Setup
from interlock.web.access import Asked
from interlock.web.pages.setup.frame import NEW, At, title_of
from interlock.web.said import told
from interlock.web.texts import _


async def show(asked: Asked) -> Response:
    found = await state.under_way(asked.site.store)
    if asked.request.query_params.get("setup") == NEW or not found:
        first = path.STEPS[0].slug
        return RedirectResponse(At(asked, Setup(), first, not found).address(first), 303)
    if len(found) == 1:
        slug = path.resume(found[0])
        return RedirectResponse(At(asked, found[0], slug, True).address(slug), 303)
    rows = []
    for setup in found:
        slug = path.resume(setup)
        rows.append((At(asked, setup, slug, False), title_of(slug)))
    return asked.page("setup/several.html", rows=rows, new=f"/setup?setup={NEW}")


async def ask_to_give_up(asked: Asked) -> Response:
    """What giving up means, before it is done."""
    try:
        setup = await _named(asked, asked.request.query_params.get("setup", ""))
    except Missing:
        return RedirectResponse("/setup", 303)
    back = At(asked, setup, "", False).address(path.resume(setup))
    run = await finish.standing(asked.site.interlock, setup.id)
    return asked.page("setup/give_up.html", setup=setup, back=back, tried=finish.may_undo(run))


async def give_up(asked: Asked) -> Response:
    setup = await _named(asked, asked.field("setup"))
    await finish.check_not_running(asked.site.interlock, setup.id)
    async with asked.site.interlock.crms() as crms:
        ended = await signing_in.give_up(asked.site.store, crms, asked.by, setup.id)
    stayed = [told(f"{each.why_not} {each.fix}") for each in ended if each.why_not is not None]
    text = " ".join([_("The set-up is given up, and its sign-ins are ended at the CRMs."), *stayed])
    return asked.page("message.html", title=_("Given up"), text=text)


async def _named(asked: Asked, text: str) -> Setup:
    """Raises Missing."""
    found = await state.under_way(asked.site.store)
    setup = next((each for each in found if str(each.id) == text), None)
    if setup is None:
        raise Missing("There is no such set-up under way.", code="no_such_setup", fix="Open /setup.")
    return setup
