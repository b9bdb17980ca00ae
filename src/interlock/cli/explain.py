"""`interlock explain`: one record, told whole: both sides, every field and why, our writes, why it is not synced."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from interlock.cli.base import Answer, Page, Run, with_common

_READ = {"fresh": "read now", "last_known": "not asked", "failed": "did not answer"}
_DECISIONS = {
    "none": "",
    "to_hubspot": "to HubSpot",
    "to_salesforce": "to Salesforce",
    "to_both": "to both",
    "held": "held",
    "unknown": "?",
}


async def explain(
    run: Run,
    key: Annotated[
        str,
        typer.Argument(
            metavar="KEY", help="A record key, a Salesforce id, an e-mail, or a record's address in either CRM."
        ),
    ],
    offline: Annotated[bool, typer.Option("--offline", help="Ask neither CRM.")] = False,
) -> Answer:
    """Explain one record: each field on both sides, and why. What was written to it, and why it is not synced."""
    from interlock.app import connections
    from interlock.app import explain as use_case

    async with run.open() as opened:
        connection = await connections.choose(opened.store, run.connection)
        if offline:
            document = await use_case.explain(opened.store, connection, key, None, opened.clock_us)
        else:
            async with opened.clients(connection, note=False) as clients:
                both = (clients.hubspot, clients.salesforce)
                document = await use_case.explain(opened.store, connection, key, both, opened.clock_us)
    return Answer(document, lambda out: _page(out, document))


def _page(out: Page, told: dict[str, Any]) -> None:
    from interlock.app.times import shown

    out.line(told["label"] or told["hubspot"] or told["salesforce"], style="bold")
    for side, name in (("hubspot", "HubSpot"), ("salesforce", "Salesforce")):
        out.line(f"  {name}: {told[side] or 'no record'} ({_READ[told['read'][side]]})")
    link = told["link"]
    if link is not None:
        out.line(
            f"  Pair: {link['state']}, linked by {link['linked_by']}, last synced {shown(link['last_synced_at']) or 'never'}"
        )
    for code, why in zip(told["why_not"], told["why_not_because"], strict=True):
        out.line(f"  {'Note' if link is not None else 'Not synced'}: {why} ({code})")
    if told["issues"]:
        out.line(f"  Issues: {', '.join(map(str, told['issues']))}  (interlock issues show ID)")
    out.line()
    _fields(out, told["fields"])
    _history(out, told["history"])


def _fields(out: Page, fields: list[dict[str, Any]]) -> None:
    # What is blank on both sides and needs nothing would only hide the rest.
    shown = [each for each in fields if each["decision"] != "none" or each["hubspot"] or each["salesforce"]]
    if not shown:
        return
    rows = [
        (
            each["property"],
            each["field"],
            _value(each["hubspot"]),
            _value(each["salesforce"]),
            each["rule"],
            _DECISIONS[each["decision"]],
            each["because"] if each["decision"] != "none" or each["code"] != "equal" else "",
        )
        for each in shown
    ]
    columns = ("HubSpot property", "Salesforce field", "In HubSpot", "In Salesforce", "Rule", "Goes", "Why")
    out.table(columns, rows, keep=("HubSpot property", "Salesforce field", "Rule", "Goes"))
    if len(shown) < len(fields):
        out.line(f"{len(fields) - len(shown)} more fields are blank on both sides.")


def _value(value: str | None) -> str:
    if value is None:
        return "?"
    return value or "-"


def _history(out: Page, history: list[dict[str, Any]]) -> None:
    from interlock.app.times import shown

    if not history:
        return
    out.line()
    out.line("What was written and decided, newest first", style="bold")
    rows = [
        (
            shown(row["at"]),
            row["kind"],
            row["side"],
            row["property"] or row["field"],
            row["old"],
            row["new"],
            row["cause"],
        )
        for row in history
    ]
    out.table(
        ("When", "What", "Side", "Property", "Old", "New", "Why"), rows, keep=("When", "What", "Side", "Property")
    )


def register(app: typer.Typer) -> None:
    app.command("explain")(with_common("explain", explain))
