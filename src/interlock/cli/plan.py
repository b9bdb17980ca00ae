"""`interlock plan`: what a sync would change, writing nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from interlock.cli.base import Answer, ObjectsOption, Page, Run, with_common

if TYPE_CHECKING:
    from interlock.app.preview import Planned

Json = dict[str, Any]

# Examples of one kind that a person reads; --json has more.
SHOWN = 2


async def plan(
    run: Run,
    objects: ObjectsOption = None,
    limit: Annotated[
        int | None, typer.Option("--limit", metavar="N", min=1, help="Look at so many records of each object.")
    ] = None,
) -> Answer:
    """Say what a sync would change. Writes nothing, to either CRM or here."""
    from interlock.app import connections, preview
    from interlock.app.once import chosen_objects

    only = connections.check_objects(objects)
    async with run.open() as opened:
        connection = await connections.choose(opened.store, run.connection)
        slugs = chosen_objects(connection, only)
        run.say(f"Looking at {', '.join(slugs)} on both sides; nothing is written ...")
        async with opened.clients(connection) as clients:
            found = await preview.plan(
                opened.store,
                connection,
                clients.hubspot,
                clients.salesforce,
                opened.clock_us,
                only=slugs,
                limit=limit,
            )
    document = preview.as_document(found)
    first = connection.begun_at_us is None

    def page(out: Page) -> None:
        show(out, document)
        if first:
            out.line("Next: interlock sync --once")

    return Answer(document, page)


def planned(found: Planned, what: str) -> Answer:
    """The same of something else than a sync."""
    from interlock.app.preview import as_document

    document = as_document(found)

    def page(out: Page) -> None:
        show(out, document, what=what)

    return Answer(document, page)


# Of most installations always nothing: a column where there is something.
_SELDOM = frozenset({"delete_in_hubspot", "delete_in_salesforce", "merge_in_hubspot", "merges_proposed"})
_COUNTS = (
    ("create_in_hubspot", "New in HubSpot"),
    ("create_in_salesforce", "New in Salesforce"),
    ("update_in_hubspot", "Changed in HubSpot"),
    ("update_in_salesforce", "Changed in Salesforce"),
    ("delete_in_hubspot", "Deleted in HubSpot"),
    ("delete_in_salesforce", "Deleted in Salesforce"),
    ("merge_in_hubspot", "Merged in HubSpot"),
    ("merges_proposed", "Merges proposed"),
    ("matched", "Matched"),
    ("unchanged", "Unchanged"),
    ("ambiguous", "Ambiguous"),
    ("blocked", "Blocked"),
    ("conflicts", "Conflicts"),
    ("issues", "Issues"),
)


def show(out: Page, document: Json, what: str = "A sync") -> None:
    objects = document["objects"]
    if not any(each[name] for each in objects.values() for name, _ in _COUNTS):
        out.line(f"{what} would change nothing.", style="bold")
    else:
        out.line(f"{what} would:", style="bold")
        counts = [
            (name, title)
            for name, title in _COUNTS
            if name not in _SELDOM or any(each[name] for each in objects.values())
        ]
        rows = [(slug, *(f"{each[name]:,}" for name, _ in counts)) for slug, each in objects.items()]
        out.table(("Object", *(title for _, title in counts)), rows, keep=("Object",))
    for slug, each in objects.items():
        _show_blocked(out, slug, each)
    for slug, each in objects.items():
        _show_examples(out, slug, each["examples"])
    calls = document["api_calls"]
    out.line(f"It would take about {calls['hubspot']:,} HubSpot and {calls['salesforce']:,} Salesforce API calls.")
    if document["duration"] is not None:
        out.line(how_long(document["duration"], "It" if document["complete"] else "What was counted so far"))
    if document["brake"]:
        out.line(f"It would be stopped by a brake: {document['brake']}")
    if not document["complete"]:
        out.line("These are counts so far: --limit left out the rest.")
    out.line("Nothing was written.")


def how_long(told: Json, what: str = "It") -> str:
    """The sentence of a duration's document (app/how_long.py)."""
    from interlock.app.how_long import rounded
    from interlock.core.model import Side
    from interlock.crm.errors import NAMES

    name = "" if told["limited_by"] is None else NAMES[Side(told["limited_by"])]
    if told["days"] is None:
        return f"{what} would not end: others use every API call that {name} allows in a day."
    n, unit = rounded(told["working_seconds"])
    working = "less than a minute" if unit == "moment" else f"about {n} {unit if n != 1 else unit.removesuffix('s')}"
    if told["limited_by"] is None:
        return f"{what} would take {working}, at the pace of this count; automation in Salesforce may make it slower."
    return f"{what} would take {working} of work, over {told['days']} days because of the daily limit of {name}."


def _show_blocked(out: Page, slug: str, each: Json) -> None:
    from interlock.app.words import why_not

    for code, number in each["blocked_reasons"].items():
        out.line(f"{slug}: {number:,} blocked. {why_not(code)}")


_ACTIONS = {
    "create_in_hubspot": "new in HubSpot",
    "create_in_salesforce": "new in Salesforce",
    "update_in_hubspot": "changed in HubSpot",
    "update_in_salesforce": "changed in Salesforce",
    "delete_in_hubspot": "deleted in HubSpot",
    "delete_in_salesforce": "deleted in Salesforce",
    "merge_in_hubspot": "merged in HubSpot",
    "match": "linked as they are",
    "ambiguous": "ambiguous",
    "conflict": "two values, one is kept",
}


def _show_examples(out: Page, slug: str, examples: list[Json]) -> None:
    shown: dict[str, int] = {}
    order = list(_ACTIONS)
    for each in sorted(
        (each for each in examples if each["action"] in order), key=lambda each: order.index(each["action"])
    ):
        action = each["action"]
        if shown.get(action, 0) >= SHOWN:
            continue
        shown[action] = shown.get(action, 0) + 1
        records = " and ".join(key for key in (each["hubspot"], each["salesforce"]) if key)
        out.line(f"For example {slug}, {_ACTIONS[action]}: {records}")
        if each["reason"]:
            out.line(f"  {each['reason']}")
        for field in each["fields"]:
            out.line(f"  {field['property']} / {field['field']}: {_change(action, field)}")


def _change(action: str, field: Json) -> str:
    if action.startswith("create"):
        return _quoted(field["result"])
    if action == "conflict":
        here, there = _quoted(field["hubspot"]), _quoted(field["salesforce"])
        return f"HubSpot {here}, Salesforce {there}, kept {_quoted(field['result'])} ({field['rule']})"
    before = field["hubspot"] if action == "update_in_hubspot" else field["salesforce"]
    return f"{_quoted(before)} becomes {_quoted(field['result'])}"


def _quoted(value: str | None) -> str:
    if value is None:
        return "blank"
    line = " ".join(value.split())
    return f'"{line}"' if len(line) <= 80 else f'"{line[:77]}..."'


def register(app: typer.Typer) -> None:
    app.command("plan")(with_common("plan", plan))
