"""`interlock suggestions`: records without counterpart that may be one: list, look for them, accept or refuse one."""

from __future__ import annotations

from typing import Annotated

import typer

from interlock.cli.base import Answer, ObjectsOption, Page, Run, with_common
from interlock.cli.counted import counted


async def list_suggestions(
    run: Run,
    context: typer.Context,
    state: Annotated[
        str, typer.Option("--state", help="open, accepted (linked with the next sync), refused.")
    ] = "open",
    object_: Annotated[str | None, typer.Option("--object", help="contacts or companies.")] = None,
    offset: Annotated[int, typer.Option("--offset", min=0, help="Continue a list, from `next_offset`.")] = 0,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="Suggestions in one answer.")] = 100,
) -> Answer:
    """List records without counterpart that may be one, with the reasons, the likeliest first."""
    from interlock.app import connections
    from interlock.app.identity import review

    async with run.open() as opened:
        chosen = await connections.choose(opened.store, run.connection)
        assert chosen.id is not None
        listed = await review.list_(opened.store, chosen.id, state, object_, offset, limit)

    def page(out: Page) -> None:
        if not listed.rows:
            out.line(
                "There are none. `interlock suggestions look` looks for them." if state == "open" else "There are none."
            )
            return
        for each in listed.rows:
            out.line(each["suggestion"], style="bold")
            names = [each["hubspot_label"] or each["hubspot"], each["salesforce_label"] or each["salesforce"]]
            likely = "very likely" if each["sure"] else "likely"
            others = f", {counted(each['rivals'], 'other record')} may fit as well" if each["rivals"] else ""
            out.line(f"  {names[0]} and {names[1]}: {likely}, {each['points']} points{others}")
            for reason in each["reasons"]:
                out.line(f"    {reason['points']:+d}  {reason['text']}")
        if listed.next_offset:
            out.line(f"More: interlock suggestions --offset {listed.next_offset}")
        if state == "open":
            out.line("Next: interlock suggestions decide SUGGESTION accept|refuse")

    return Answer(review.list_document(listed), page)


async def look(run: Run, objects: ObjectsOption = None) -> Answer:
    """Compare the records that have no counterpart, and suggest which may be one. Links nothing."""
    from interlock.app import connections, once
    from interlock.app.identity import suggest
    from interlock.app.identity.reading import COMPARED

    only = connections.check_objects(objects)
    async with run.open() as opened:
        chosen = await connections.choose(opened.store, run.connection)
        slugs = [slug for slug in once.chosen_objects(chosen, only) if slug in COMPARED]
        run.say("Reading and comparing the records that have no counterpart; nothing is written to either CRM ...")
        async with opened.clients(chosen) as clients:
            found = await suggest.look(opened.store, chosen, clients.hubspot, clients.salesforce, slugs)

    def page(out: Page) -> None:
        for slug, each in found.items():
            here, there = (f"{n:,}" for n in each.compared.values())
            out.line(
                f"{slug}: {here} of HubSpot compared with {there} of Salesforce, {counted(each.suggested, 'suggestion')}."
            )
            if each.left_out:
                out.line(f"  {counted(each.left_out, 'record')} left out: too many to compare at once.")
            if each.dropped:
                out.line(f"  {each.dropped:,} less likely ones are not kept: look again after these are reviewed.")
        out.line("Next: interlock suggestions")

    return Answer({"objects": {slug: each.document() for slug, each in found.items()}}, page)


async def decide(
    run: Run,
    suggestion: Annotated[str, typer.Argument(metavar="SUGGESTION", help="As the list names it.")],
    decision: Annotated[str, typer.Argument(metavar="accept|refuse", help="accept: the next sync links the two.")],
) -> Answer:
    """Accept a suggestion, so that the next sync links the two, or refuse it: it is not suggested again."""
    from interlock.app import connections
    from interlock.app.identity import review

    async with run.open() as opened:
        chosen = await connections.choose(opened.store, run.connection)
        assert chosen.id is not None
        said = await review.decide(opened.store, chosen.id, suggestion, decision, opened.clock_us())

    def page(out: Page) -> None:
        out.line(f"{said['hubspot']} and {said['salesforce']}: {said['state']}.")
        if said["state"] == "accepted":
            out.line("Next: interlock sync --once (a running `interlock serve` takes it by itself)")

    return Answer({"suggestion": said}, page)


def register(app: typer.Typer) -> None:
    group = typer.Typer(
        invoke_without_command=True, help="Records that may be one: list, look for them, accept or refuse one."
    )
    group.callback()(with_common("suggestions", list_suggestions))
    group.command("look")(with_common("suggestions-look", look))
    group.command("decide")(with_common("suggestions-decide", decide))
    app.add_typer(group, name="suggestions")
