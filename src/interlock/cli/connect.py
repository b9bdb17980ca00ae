"""`interlock connect`: joins a HubSpot account and a Salesforce org without asking anything. Changes no record."""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from interlock.cli.base import Answer, Page, PlanOption, Run, with_common
from interlock.cli.package import Telling

if TYPE_CHECKING:
    from interlock.app.connect import Joined
    from interlock.app.mappings import Document, Where
    from interlock.core.model import Side
    from interlock.store import Store

Json = dict[str, Any]
_ADDRESS_FIX = "Write for example https://api.hubapi.com, or https://NAME.my.salesforce.com."


class Existing(StrEnum):
    NONE = "none"
    LINK = "link"
    ALL = "all"


async def connect(
    run: Run,
    hubspot_url: Annotated[
        str, typer.Option("--hubspot-url", metavar="U", help="https://api.hubapi.com, or a local HubSpot.")
    ],
    salesforce_url: Annotated[
        str,
        typer.Option("--salesforce-url", metavar="U", help="The org's own address, https://NAME.my.salesforce.com."),
    ],
    sandbox: Annotated[bool, typer.Option("--sandbox", help="The org is a sandbox; refused if it is not.")] = False,
    hubspot_token_file: Annotated[
        str | None,
        typer.Option("--hubspot-token-file", metavar="F", help="Else $INTERLOCK_HUBSPOT_TOKEN. - is standard input."),
    ] = None,
    salesforce_token_file: Annotated[
        str | None,
        typer.Option("--salesforce-token-file", metavar="F", help="Else $INTERLOCK_SALESFORCE_TOKEN. For tests."),
    ] = None,
    salesforce_client_id: Annotated[
        str | None, typer.Option("--salesforce-client-id", metavar="I", help="Of the app in Salesforce.")
    ] = None,
    salesforce_client_secret_file: Annotated[
        str | None, typer.Option("--salesforce-client-secret-file", metavar="F", help="Client credentials flow.")
    ] = None,
    salesforce_jwt_key: Annotated[
        str | None, typer.Option("--salesforce-jwt-key", metavar="F", help="JWT bearer flow: the private key, PEM.")
    ] = None,
    salesforce_user: Annotated[
        str | None, typer.Option("--salesforce-user", metavar="U", help="JWT bearer flow: whom to sign in as.")
    ] = None,
    config: Annotated[
        str | None, typer.Option("--config", metavar="FILE", help="Mappings, as `mappings export` writes them.")
    ] = None,
    existing: Annotated[
        Existing | None,
        typer.Option("--existing", help="Records that are there already: leave, link, or link and create [none]."),
    ] = None,
    start: Annotated[bool, typer.Option("--start", help="Let `serve` begin to sync.")] = False,
    plan: PlanOption = False,
) -> Answer:
    """Join a HubSpot account and a Salesforce org. Makes the key fields, changes no record. Can be run again."""
    from msgspec.structs import replace

    from interlock.app import connect as use_case
    from interlock.app import connections, credentials, reach, sign_offs
    from interlock.core.model import Side

    secrets = credentials.gather(
        credentials.Sources(
            hubspot_token_file,
            salesforce_token_file,
            salesforce_client_id,
            salesforce_client_secret_file,
            salesforce_jwt_key,
            salesforce_user,
        ),
        os.environ,
        sys.stdin.read,
    )
    request = use_case.ConnectRequest(
        check_address(hubspot_url, Side.HUBSPOT),
        check_address(salesforce_url, Side.SALESFORCE),
        name=run.connection,
        existing=existing.value if existing is not None else None,
        sandbox=sandbox,
        start=start,
        config=_config(config) if config is not None else None,
        secrets=secrets,
    )
    async with run.open() as opened:
        if (told := await opened.told_address()) is not None:
            request = replace(request, settings={"pages_at": told})
        run.say("Asking both CRMs ...")
        async with opened.unsaved_clients(request.hubspot_url, request.salesforce_url, secrets) as clients:
            joined = await use_case.join(
                opened.store,
                clients.hubspot,
                clients.salesforce,
                request,
                opened.clock_us,
                plan=plan,
                progress=Telling(run),
            )
            used = {governor.side.value: sum(governor.counts.values()) for governor in clients.governors}
            if joined.connection.id is not None:
                await reach.note(opened.store, joined.connection.id, clients.governors, None, opened.clock_us)
                async with opened.crms() as crms:
                    for ended in await sign_offs.revoke_superseded(opened.store, crms, joined.connection.id):
                        if ended.why_not is not None:
                            run.say(f"{ended.why_not} {ended.fix}")
        shown = (
            connections.as_document(joined.connection, connections.NOTHING_KNOWN)
            if plan
            else await connections.document(opened.store, joined.connection)
        )
        document = {"connection": shown, **await _described(opened.store, joined), "api_calls": used}

    def page(out: Page) -> None:
        _page(out, document)

    return Answer(document, page)


def check_address(text: str, side: Side) -> str:
    """Keys and secrets are sent there: a host of the CRM over https, or one of this machine. Raises BadInput."""
    from urllib.parse import urlsplit

    from interlock.app.errors import BadInput
    from interlock.crm import hosts
    from interlock.crm.errors import AddressRefused

    option = f"--{side.value}-url"
    try:
        parts = urlsplit(text.strip())
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or parts.query or parts.fragment or parts.username:
        # What stands before an @ may be a password.
        shown = text if "@" not in text else "what was given (with an @ in it)"
        raise BadInput(
            f"{option}: {shown} is not the address of a CRM.", code="bad_address", field=option, fix=_ADDRESS_FIX
        )
    try:
        return hosts.checked(side, text, local=True)
    except AddressRefused as error:
        raise BadInput(f"{option}: {error.message}", code="bad_address", field=option, fix=_ADDRESS_FIX) from error


def _config(file: str) -> tuple[Document, Where]:
    """The mappings of a file, checked for form before anybody is called. Raises BadInput with file, line and key."""
    from pathlib import Path

    from pydantic import ValidationError

    from interlock import config
    from interlock.app.errors import BadInput
    from interlock.app.mappings import Document

    try:
        text = Path(file).expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{file} cannot be read: {error}.", code="file_unreadable", field="--config") from error
    values, lines = config.parse_yaml(text, file)
    try:
        found = Document.model_validate(values)
    except ValidationError as error:
        raise config.refused(error, lines, file, Document) from error
    return found, lambda path: f"{file}, line {config.line_of(lines, path)}"


async def _described(store: Store, joined: Joined) -> Json:
    from interlock.app import mappings
    from interlock.app.compile import Compiler
    from interlock.objects.registry import SPECS

    listed: list[Json] = []
    if joined.connection.id is not None:
        listed = await mappings.list_(store, joined.connection.id)
    else:
        compiler = Compiler(joined.schemas)
        for slug in joined.connection.settings["objects"]:
            for type_ in SPECS[slug].salesforce_types:
                for row in compiler.default_rows(SPECS[slug], 0, type_):
                    known = {"object": slug, "salesforce_object": type_, "property": row.property, "field": row.field}
                    listed.append({**known, "status": row.status, "status_reason": row.status_reason})
    made = joined.made
    # What will be made does not stand in the schemas yet.
    made_names = {name.partition(".")[2] for name in made["hubspot"]} if joined.planned else set()
    broken = [each for each in listed if each["status"] == "broken" and each["property"] not in made_names]
    counted: dict[tuple[str, str], list[int]] = {}
    for each in listed:
        count = counted.setdefault((each["object"], each["salesforce_object"]), [0, 0])
        count[each in broken] += 1
    names = ("object", "property", "salesforce_object", "field")
    return {
        "planned": joined.planned,
        "created": joined.created,
        "existing": joined.connection.settings["existing"],
        "started": joined.connection.begun_at_us is not None,
        "made": made,
        "mappings": [
            {"object": slug, "salesforce_object": type_, "ok": ok, "broken": bad}
            for (slug, type_), (ok, bad) in counted.items()
        ],
        "problems": [
            {**{name: each[name] for name in names}, "reason": each["status_reason"] or ""} for each in broken
        ],
    }


_EXISTING_IN_WORDS = {
    "none": "Records that exist are left alone; what changes from now on syncs.",
    "link": "Records that exist are linked where they match; none is created for those that do not.",
    "all": "Records that exist are linked where they match, and created on the other side where they do not.",
}


def _page(out: Page, document: Json) -> None:
    connection, planned = document["connection"], document["planned"]
    hubspot, salesforce = connection["hubspot"], connection["salesforce"]
    kind = "sandbox" if salesforce["sandbox"] else "production"
    verb = "Would connect" if planned else "Connected" if document["created"] else "Connected as before"
    out.line(f"{verb}: {connection['name']}", style="bold")
    out.line(f"  HubSpot     {hubspot['name']}")
    out.line(f"  Salesforce  {salesforce['name']} ({salesforce['org_id']}, {kind}), as {salesforce['user']}")
    for side, what in (("hubspot", "HubSpot properties"), ("salesforce", "Salesforce fields")):
        if names := document["made"][side]:
            out.line(f"{'Would make' if planned else 'Made'} {len(names)} {what}: {', '.join(names)}")
    rows = [(each["object"], each["salesforce_object"], each["ok"], each["broken"]) for each in document["mappings"]]
    columns = ("HubSpot", "Salesforce", "Fields", "Broken")
    out.table(columns, rows, keep=columns)
    for each in document["problems"]:
        out.line(f"  {each['object']}.{each['property']} and {each['field']}: {each['reason']}")
    out.line(f"{_EXISTING_IN_WORDS[document['existing']]} No record was changed.")
    if planned:
        out.line("Nothing was made or remembered. Run it again without --plan to connect.")
    else:
        out.line("Next: interlock plan, then interlock sync --once")


def register(app: typer.Typer) -> None:
    app.command("connect")(with_common("connect", connect))
