"""After a trial: *Continue*, or *Undo these* with its own preview, and the count that is typed where records would be deleted."""

from __future__ import annotations

from starlette.responses import RedirectResponse, Response

from interlock.app.errors import AppError, BadInput
from interlock.app.setup import finish, review, trial
from interlock.app.setup.finish import Run
from interlock.app.undo.documents import plan_document
from interlock.crm.errors import CrmError
from interlock.web import forms
from interlock.web.pages import progress
from interlock.web.pages.setup import looking
from interlock.web.pages.setup.frame import At
from interlock.web.pages.undo import confirmed
from interlock.web.texts import _

PROGRESS = "/settings/progress"


async def go_on(at: At) -> Response:
    """*Continue*: the rest is linked and created, as the page has counted it."""
    run = await finish.standing(at.interlock, at.setup.id)
    if run is None or run.state != "tried":
        raise BadInput(_("There is no trial to go on from."), fix=_("Finish the set-up here."))
    finish.check_choices(run, at.setup)
    typed = at.asked.field("count").strip()
    try:
        await review.confirm_rest(at.interlock, at.by, at.setup, typed)
    except BadInput as error:
        form = forms.refused(error, {"count": typed}, ("count",))
        return await progress.page(at.asked, str(at.setup.id), form, forms.status_of(error))
    await finish.begin(at.interlock, at.by, at.setup, go_on=True)
    return _progress(at)


async def show_undo(at: At, form: forms.Shown) -> Response:
    """What *Undo these* would take back."""
    run = await finish.standing(at.interlock, at.setup.id)
    if run is None or not finish.may_undo(run):
        return _progress(at)
    return await _page(at, run, form)


async def undo(at: At) -> Response:
    run = await finish.standing(at.interlock, at.setup.id)
    if run is None or run.chosen is None or not finish.may_undo(run):
        return _progress(at)
    typed, shown = at.asked.field("count").strip(), at.asked.field("records")
    try:
        count = confirmed(typed, int(shown) if shown.isascii() and shown.isdecimal() and len(shown) < 16 else 0)
        await finish.undo_trial(at.interlock, at.by, at.setup, delete_records=count)
    except AppError as error:
        response = await _page(at, run, forms.refused(error, {"count": typed}, ("count",)))
        response.status_code = forms.status_of(error)
        return response
    return _progress(at)


async def _page(at: At, run: Run, form: forms.Shown) -> Response:
    assert run.chosen is not None
    document = None
    try:
        document = plan_document(await trial.plan_undo(at.interlock, run.chosen), plan=True)
    except (AppError, CrmError) as error:
        form = looking.said(error, form)
    return at.page("setup/undo_trial.html", form, document=document, progress=f"{PROGRESS}?setup={at.setup.id}")


def _progress(at: At) -> Response:
    return RedirectResponse(f"{PROGRESS}?setup={at.setup.id}", 303)
