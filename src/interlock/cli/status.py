"""`interlock status`: how it is going, from what is stored. Calls no CRM, so it answers when both are down."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from interlock.cli.base import DONE, NEEDS_A_PERSON, Answer, Page, Run, with_common

if TYPE_CHECKING:
    from interlock.app.status import ConnectionStatus


async def status(
    run: Run,
    max_lag: Annotated[
        float | None, typer.Option("--max-lag", metavar="S", help="Exit 1 when a record waits longer, in seconds.")
    ] = None,
) -> Answer:
    """Say how syncing is going and what to do next. Calls no CRM."""
    from interlock.app import connections
    from interlock.app import status as use_case

    async with run.open() as opened:
        now_us = opened.clock_us()
        found = await connections.all_(opened.store, run.connection)
        results = await use_case.status(opened.store, found, now_us)
        worker = await use_case.worker(opened.store, now_us)
    late = max_lag is not None and any(each.lag_s is not None and each.lag_s > max_lag for each in results)
    # What a person has paused waits for nobody; what stands still by itself does.
    stopped = {"suspended", "signed_out", "stopped_by_brake"}
    needs = late or any(each.issues or each.document["connection"]["state"] in stopped for each in results)
    document = {"connections": [each.document for each in results], "worker": worker}

    def page(out: Page) -> None:
        if not results:
            out.line("Nothing is connected yet. Next: interlock connect, or interlock demo.")
        for each in results:
            _page(out, each, late, worker)

    return Answer(document, page, NEEDS_A_PERSON if needs else DONE)


def _page(out: Page, result: ConnectionStatus, late: bool, worker: dict[str, Any]) -> None:
    from interlock.app.times import shown

    connection = result.document["connection"]
    out.line(result.verdict(late), style="bold")
    out.line(
        f"{connection['name']}: HubSpot {connection['hubspot']['name']}, "
        f"Salesforce {connection['salesforce']['name']} ({connection['salesforce']['org_id']}), {connection['state']}"
    )
    held_up = result.document["held_up"]
    if held_up:
        out.line(f"Nothing has come through since {shown(held_up['since'])}. {held_up['fix'] or ''}".rstrip())
    names = ("linked", "due", "waiting", "issues", "conflicts")
    rows = [
        (
            slug if counts["enabled"] else f"{slug} (off)",
            *(counts[name] for name in names),
            shown(counts["last_synced_at"]),
            counts["lag_seconds"],
        )
        for slug, counts in result.document["objects"].items()
    ]
    columns = ("Object", "Linked", "Due", "Waiting", "Issues", "Conflicts", "Last synced", "Lag, s")
    out.table(columns, rows, keep=columns)
    for side, api in result.document["api"].items():
        limit = f" of {api['allocated']:,} allocated" if api["allocated"] else ""
        out.line(f"API calls, {side}: {api['used_by_interlock_24h']:,} in 24 h{limit}")
    if not worker["running"]:
        out.line("No dispatcher is running: records sync when you run `interlock sync` or `interlock serve`.")
    for action in result.document["next_actions"]:
        out.line(f"Next: {action['text']}  {action['command']}")


def register(app: typer.Typer) -> None:
    app.command("status")(with_common("status", status))
