"""`interlock conflicts`: values that were replaced unseen: list, and choose the other one after all."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from interlock.cli.base import Answer, Page, PlanOption, Run, with_common

KeepOption = Annotated[str, typer.Option("--keep", metavar="SIDE", help="Whose value both sides shall hold.")]


async def list_conflicts(
    run: Run,
    context: typer.Context,
    status: Annotated[
        str, typer.Option("--status", help="open, settled (decided by the rule a person chose), resolved, or all.")
    ] = "open",
    cursor: Annotated[str | None, typer.Option("--cursor", help="Continue a list, from `next_cursor`.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="Conflicts in one answer.")] = 100,
) -> Answer:
    """List values that were replaced although nobody who wrote the other one could see them."""
    from interlock.app import conflicts, connections

    async with run.open() as opened:
        chosen = await connections.choose(opened.store, run.connection)
        assert chosen.id is not None
        which = conflicts.Filter(None if status == "all" else status)
        listed = await conflicts.list_(opened.store, chosen.id, which, cursor, limit)
    document = conflicts.list_document(listed)

    def page(out: Page) -> None:
        if not listed.conflicts:
            out.line("No conflicts: no value was replaced unseen." if status == "open" else "There are none.")
            return
        columns = ("Id", "Record", "Property", "In HubSpot", "In Salesforce", "Kept", "Status")
        out.table(columns, [_row(each) for each in listed.conflicts], keep=("Id", "Record", "Property", "Kept"))
        if listed.next_cursor:
            out.line(f"More: interlock conflicts --cursor {listed.next_cursor}")
        out.line("To have the other value: interlock conflicts resolve ID --keep hubspot|salesforce")

    return Answer(document, page)


def _row(conflict: dict[str, Any]) -> list[object]:
    choice = conflict["choice"]
    status = conflict["status"]
    if choice is not None:
        status = {
            "waiting": f"{choice['keep']} chosen, due",
            "edited_since": f"{status}; edited since {choice['keep']} was chosen",
            "not_mapped": f"{status}; no longer mapped",
        }[choice["state"]]
    values = [_shown(conflict[name]) for name in ("hubspot_value", "salesforce_value")]
    return [
        conflict["id"],
        conflict["hubspot"] or conflict["salesforce"],
        conflict["property"],
        *values,
        conflict["kept"],
        status,
    ]


def _shown(value: object) -> str:
    return "(blank)" if value is None else str(value)


async def resolve(
    run: Run,
    id_: Annotated[int, typer.Argument(metavar="ID", help="The conflict's id.")],
    keep: KeepOption,
    plan: PlanOption = False,
) -> Answer:
    """Choose whose value both sides shall hold. The next sync writes it, unless somebody has edited the field since."""
    from interlock.app import conflicts, connections

    side = conflicts.side_of(keep)
    async with run.open() as opened:
        connection = await connections.choose(opened.store, run.connection)
        assert connection.id is not None
        chosen = await conflicts.resolve(opened.store, connection.id, id_, side, now_us=opened.clock_us(), plan=plan)
    value = _shown(chosen.document[f"{keep}_value"])

    def page(out: Page) -> None:
        would = "would be" if plan else "is"
        out.line(f"{chosen.document['property']} of {chosen.key}: {value} {would} chosen for both sides.")
        if not plan:
            out.line("Next: interlock sync --once (a running `interlock serve` takes it by itself)")

    return Answer({"planned": plan, "keep": keep, "conflict": chosen.document}, page)


def register(app: typer.Typer) -> None:
    group = typer.Typer(
        invoke_without_command=True, help="Values that were replaced unseen: list, choose the other one."
    )
    group.callback()(with_common("conflicts", list_conflicts))
    group.command("resolve")(with_common("conflicts-resolve", resolve))
    app.add_typer(group, name="conflicts")
