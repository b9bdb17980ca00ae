"""`interlock revoke-all`: for the day on which something was stolen. Without the pages, whose sessions may be in strange hands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from interlock.cli.base import DONE, NEEDS_A_PERSON, Answer, Json, Page, PlanOption, Run, YesOption, with_common
from interlock.cli.counted import counted

if TYPE_CHECKING:
    from interlock.app.revoke_all import Here


async def revoke_all(run: Run, plan: PlanOption = False, yes: YesOption = False) -> Answer:
    """End every session, link, API token and sign-in at both CRMs, and pause every connection. Accounts and pairs stay."""
    from interlock.app import revoke_all as use_case

    async with run.open() as opened:
        here, sign_ins = await use_case.plan(opened.store)
        if plan:
            document = {"planned": True, **_document(here), "sign_ins": sign_ins, "ended": [], "not_ended": []}
            return Answer(document, lambda out: out.line(f"Would end {_said(here, sign_ins)}. Nothing was changed."))
        run.confirm(f"End {_said(here, sign_ins)}, and pause every connection?", yes)
        done = await use_case.revoke_all(opened.store, opened.crms)
    document = {
        "planned": False,
        **_document(done.here),
        "sign_ins": sign_ins,
        "ended": [{"side": side.value, "user": user} for side, user in done.ended],
        "not_ended": [{"side": each.side.value, "why": each.why, "fix": each.fix} for each in done.not_ended],
    }

    def page(out: Page) -> None:
        out.line(f"Ended: {_said(done.here, len(done.ended))}.", style="bold")
        if done.here.paused:
            out.line(f"Paused: {', '.join(done.here.paused)}.")
        for each in done.not_ended:
            out.line(f"{each.why} {each.fix}")
        out.line(
            "Give both apps a new client secret in their CRMs. An access token of HubSpot's works for up to 30 minutes more."
        )
        out.line("Next: docs/incident.md")

    return Answer(document, page, NEEDS_A_PERSON if done.not_ended else DONE)


def _document(here: Here) -> Json:
    closed = here.closed
    return {
        "sessions": closed.sessions,
        "links": closed.links,
        "api_tokens": closed.api_tokens,
        "paused": here.paused,
    }


def _said(here: Here, sign_ins: int) -> str:
    closed = here.closed
    return (
        f"{counted(closed.sessions, 'session')}, {counted(closed.links, 'link')}, {counted(closed.api_tokens, 'API token')}"
        f" and {counted(sign_ins, 'sign-in')} at the CRMs"
    )


def register(app: typer.Typer) -> None:
    app.command("revoke-all")(with_common("revoke-all", revoke_all))
