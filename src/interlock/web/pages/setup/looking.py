"""What the steps behind the package choose from, read for a page: or the reason why it cannot be, said at the top of it."""

from __future__ import annotations

from interlock.app.errors import AppError, as_failure
from interlock.app.setup import connecting, state
from interlock.app.setup.connecting import Found
from interlock.crm.errors import CrmError
from interlock.web import forms
from interlock.web.pages.setup.frame import At


async def found(at: At) -> Found:
    """Raises AppError, CrmError."""
    made = await connecting.found(at.interlock, at.by, at.setup)
    if at.setup.connection_id is None:
        # The first look has made the connection.
        at.setup = await state.load(at.store, at.setup.id)
    return made


async def found_or_why(at: At, form: forms.Shown) -> tuple[Found | None, forms.Shown]:
    try:
        return await found(at), form
    except (AppError, CrmError) as error:
        return None, said(error, form)


def said(error: Exception, form: forms.Shown) -> forms.Shown:
    failure = as_failure(error)
    assert failure is not None
    return forms.Shown(form.values, [*form.refused, forms.Refused(None, forms.said(failure))])
