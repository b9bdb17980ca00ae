"""`interlock doctor`: the preflight of a connection, each finding with its fix. Changes nothing."""

from __future__ import annotations

import typer

from interlock.cli.base import DONE, NEEDS_A_PERSON, Answer, Page, Run, with_common

_MARKS = {"ok": ("ok", "green"), "warning": ("warning", "yellow"), "error": ("error", "bold red")}


async def doctor(run: Run) -> Answer:
    """Check permissions, limits, fields, clocks, and what else stands in the way of a sync."""
    from interlock.app import connections
    from interlock.app import doctor as use_case
    from interlock.crm.errors import NAMES

    async with run.open() as opened:
        chosen = await connections.choose(opened.store, run.connection)
        run.say("Looking at both CRMs; nothing is changed ...")
        async with opened.clients(chosen) as clients:
            checks = await use_case.examine(
                use_case.Patient(opened.store, chosen, clients.hubspot, clients.salesforce, opened.clock_us)
            )
    document = use_case.as_document(checks)
    errors = sum(each.level == use_case.ERROR for each in checks)
    warnings = sum(each.level == use_case.WARNING for each in checks)

    def page(out: Page) -> None:
        out.line(_verdict(errors, warnings), style="bold")
        for each in checks:
            word, style = _MARKS[each.level]
            where = f"{NAMES[each.side]}: " if each.side is not None else ""
            out.line(f"{word:8}{where}{each.message}", style=style if each.level != use_case.OK else None)
            if each.fix:
                out.line(f"{'':8}What to do: {each.fix}")

    return Answer(document, page, NEEDS_A_PERSON if errors else DONE)


def _verdict(errors: int, warnings: int) -> str:
    if not errors and not warnings:
        return "Healthy: nothing stands in the way of a sync."
    said = [f"{n} {word}{'' if n == 1 else 's'}" for n, word in ((errors, "error"), (warnings, "warning")) if n]
    return (
        f"{' and '.join(said)} to look at." if errors else f"Nothing stands in the way of a sync; {said[0]} to look at."
    )


def register(app: typer.Typer) -> None:
    app.command("doctor")(with_common("doctor", doctor))
