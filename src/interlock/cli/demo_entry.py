"""`interlock demo`: the main job on sample data, with nothing set up. This file parses, shows progress and presents."""

from __future__ import annotations

import sys
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Annotated

import typer

from interlock.cli.base import DONE, NEEDS_A_PERSON, Answer, Page, Run, with_common

if TYPE_CHECKING:
    from interlock.demo.excerpt import Excerpt
    from interlock.demo.play import Played, Told
    from interlock.demo.stage import Stage

# The pages are where `serve` and `emulate` have theirs; with --once nobody looks, so any free port will do.
FIRST_PORT = 8090


async def demo(
    run: Run,
    once: Annotated[bool, typer.Option("--once", help="Play the story and end; do not stay up afterwards.")] = False,
    wizard: Annotated[
        bool, typer.Option("--wizard", help="Connect nothing: open the install wizard, with the apps filled in.")
    ] = False,
    data: Annotated[
        str | None,
        typer.Option(
            "--data", metavar="DIR", help="Use the original tables in this folder instead of the packaged excerpt."
        ),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            "--port",
            metavar="N",
            min=1,
            max=65_000,
            help="First of three ports [default: 8090, or the next free ones].",
        ),
    ] = None,
    keep: Annotated[
        str | None, typer.Option("--keep", metavar="DIR", help="Keep Interlock's state in this new folder.")
    ] = None,
) -> Answer:
    """See the main job on sample data, with nothing set up: two local CRMs, a preview, syncs, a day of edits."""
    from interlock.app.errors import BadInput

    if wizard and (once or run.json):
        raise BadInput(
            "--wizard opens pages for a person: there is no story to play once, and no document of it.",
            code="bad_usage",
            fix="Leave --once and --json out, or leave --wizard out.",
        )
    if not once:
        from interlock.web.front_end import refuse_without_front_end

        refuse_without_front_end()
    # Said before anything heavy is loaded: whoever typed the command sees at once that it runs, and what.
    _say(run, "Interlock demo: a HubSpot and a Salesforce on this machine, filled with sample")
    _say(run, "data. Nothing leaves it, nothing has to be set up.")
    _say(run, "")
    if wizard:
        await _wizard(run, data, port, keep or run.home)
        return Answer()
    async with AsyncExitStack() as stack:
        stage, played = await _play(run, stack, once, data, port, keep or run.home)
        answer = _answer(played)
        if not once:
            await _stay(run, stage, played, answer, port or FIRST_PORT)
            return Answer(exit_code=answer.exit_code)
    return answer


async def _play(
    run: Run, stack: AsyncExitStack, once: bool, data: str | None, port: int | None, keep: str | None
) -> tuple[Stage, Played]:
    from interlock.demo import play
    from interlock.demo.excerpt import DataMissing

    first = port if port is not None else 0 if once else FIRST_PORT
    try:
        opened = await _opened(run, stack, data, (first + 1, first + 2) if first else (0, 0), keep)
        return opened, await play.play(opened, lambda told: _tell(run, told))
    except DataMissing as missing:
        raise _unusable(data, missing) from missing


async def _opened(run: Run, stack: AsyncExitStack, data: str | None, ports: tuple[int, int], keep: str | None) -> Stage:
    """Both CRMs filled and served, and said where. Raises BadInput, DataMissing."""
    from interlock.demo import stage

    home = stack.enter_context(stage.home_folder(keep))
    opened = await stack.enter_async_context(stage.opened(_excerpt(data), home, ports))
    _tell_where(run, opened, ports)
    return opened


def _unusable(data: str | None, missing: Exception) -> Exception:
    from interlock.app.errors import BadInput

    return BadInput(
        f"--data {data}: {missing}." if data else f"The packaged data cannot be used: {missing}.",
        code="data_unusable",
        fix="Give a folder with npsp_trailhead/*.csv and adventureworks/ProspectiveBuyer.csv, as docs/demo.md says.",
    )


async def _wizard(run: Run, data: str | None, port: int | None, keep: str | None) -> None:
    """The same CRMs, not connected, and the pages opened at the wizard; until somebody stops it."""
    from interlock.demo import serving
    from interlock.demo.excerpt import DataMissing

    first = port or FIRST_PORT
    async with AsyncExitStack() as stack:
        try:
            stage = await _opened(run, stack, data, (first + 1, first + 2), keep)
        except DataMissing as missing:
            raise _unusable(data, missing) from missing
        stage.world.wall.catch_up()
        with serving.stopped_by_signal() as stop:
            async with serving.wizard_of(stage, first) as page:
                for line in (
                    "Nothing is connected. The wizard connects the two; at its sign-ins be one of",
                    "the CRMs' people:",
                    *serving.whom_to_sign_in_as(stage, page),
                    "",
                    "Stop with Ctrl-C.",
                ):
                    # Not progress: --quiet does not hide where to look.
                    run.page.line(line)
                sys.stdout.flush()
                await serving.keep_in_sync(stage, stop, run.say)


def _excerpt(data: str | None) -> Excerpt:
    from pathlib import Path

    from interlock.demo import excerpt

    return excerpt.packaged() if data is None else excerpt.from_folder(Path(data).expanduser())


def _tell_where(run: Run, stage: Stage, ports: tuple[int, int]) -> None:
    hugo, sally = stage.world.hubspot.user(), stage.world.salesforce.user()
    holds = {
        "HubSpot": (stage.hubspot_server, [len(hugo.ids(each)) for each in ("contacts", "companies", "deals")]),
        "Salesforce": (
            stage.salesforce_server,
            [len(sally.ids(each)) for each in ("Contact", "Account", "Opportunity")],
        ),
    }
    for (name, (server, counts)), wanted in zip(holds.items(), ports, strict=True):
        contacts, companies, deals = counts
        text = f"{contacts:>3} contacts, {companies:>3} companies, {deals:>3} deals"
        _say(run, f"  {name:<11} {server.url}  {text}")
        if wanted not in (0, server.port):
            _say(run, f"              (port {wanted} is taken, so it is on {server.port})")
    _say(run, "")


def _tell(run: Run, told: Told) -> None:
    _say(run, f"  {told.title:<12} {told.text:<56} {told.seconds:5.1f} s")


def _say(run: Run, text: str) -> None:
    """Progress: for a person it is part of the page, for a script it must not be in its document."""
    if run.quiet:
        return
    if run.json:
        run.say(text)
    else:
        run.page.line(text)
        sys.stdout.flush()


def _answer(played: Played) -> Answer:
    from interlock.demo import report

    def page(out: Page) -> None:
        out.line()
        for line in report.summary(played):
            out.line(line)

    return Answer(report.document(played), page, DONE if played.as_promised else NEEDS_A_PERSON)


async def _stay(run: Run, stage: Stage, played: Played, answer: Answer, port: int) -> None:
    """Present the outcome now, then serve until somebody stops it."""
    from interlock.cli.base import present
    from interlock.demo import serving

    stage.world.wall.catch_up()
    present(run, answer)
    with serving.stopped_by_signal() as stop:
        async with serving.page_of(stage, port) as page:
            for line in (
                "",
                "All three stay up and in sync; an edit arrives within 15 seconds. Sign in to the",
                "CRMs as a salesperson:",
                *serving.where_to_look(stage, page),
                "",
                *serving.things_to_try(stage, played),
                "",
                "Stop with Ctrl-C.",
            ):
                # Not progress: --quiet does not hide where to look.
                (run.say if run.json else run.page.line)(line)
            sys.stdout.flush()
            await serving.keep_in_sync(stage, stop, run.say)


def register(app: typer.Typer) -> None:
    app.command("demo")(with_common("demo", demo))
