"""`interlock emulate`: both local CRMs as servers on this machine, until SIGTERM or Ctrl-C. Touches no connection."""

from __future__ import annotations

import errno
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from interlock.cli.base import Answer, Page, Run, with_common

if TYPE_CHECKING:
    from crm_emulator.hubspot import HubSpotEmulator
    from crm_emulator.kernel.server import LocalServer, ThrowAwayCa
    from crm_emulator.salesforce import SalesforceEmulator

Json = dict[str, Any]

HUBSPOT_PORT, SALESFORCE_PORT = 8091, 8092
SAMPLE, EMPTY = "sample", "empty"


async def emulate(
    run: Run,
    hubspot_port: Annotated[
        int, typer.Option("--hubspot-port", min=0, max=65_535, help="0: any free port.")
    ] = HUBSPOT_PORT,
    salesforce_port: Annotated[
        int, typer.Option("--salesforce-port", min=0, max=65_535, help="0: any free port.")
    ] = SALESFORCE_PORT,
    data: Annotated[
        str,
        typer.Option(
            "--data", metavar="DIR|empty", help="What the CRMs hold: a folder of CSV tables as for `demo`, or nothing."
        ),
    ] = SAMPLE,
    tls: Annotated[
        bool, typer.Option("--tls", help="HTTPS, with a certificate authority that is thrown away.")
    ] = False,
) -> Answer:
    """Run a local HubSpot and a local Salesforce, to try Interlock on. SIGTERM or Ctrl-C ends it."""
    from crm_emulator.kernel.server import ThrowAwayCa, serve_until_signalled

    _check_ports(hubspot_port, salesforce_port)
    hubspot, salesforce = _crms(data)
    ca = ThrowAwayCa() if tls else None
    servers = [
        _server(hubspot.app, "HubSpot", "--hubspot-port", hubspot_port, ca),
        _server(salesforce.app, "Salesforce", "--salesforce-port", salesforce_port, ca),
    ]
    salesforce.instance_url = servers[1].url
    document = _document(hubspot, salesforce, [server.url for server in servers], ca)

    def ready() -> None:
        if run.json:
            run.emit(document)
        else:
            _show(run.page, document)
            # Whoever waits for this through a pipe must get it now, not when the buffer is full.
            sys.stdout.flush()

    await serve_until_signalled(servers, ready)
    return Answer()


def _check_ports(hubspot_port: int, salesforce_port: int) -> None:
    from interlock.app.errors import BadInput

    if hubspot_port == salesforce_port != 0:
        raise BadInput(
            f"Both CRMs cannot listen on port {hubspot_port}.",
            code="port_taken",
            field="--salesforce-port",
            fix="Give them different ports, or 0 for any free one.",
        )


def _crms(data: str) -> tuple[HubSpotEmulator, SalesforceEmulator]:
    from crm_emulator.hubspot import HubSpotEmulator
    from crm_emulator.salesforce import SalesforceEmulator

    if data not in (SAMPLE, EMPTY):
        return _from_folder(Path(data).expanduser())
    hubspot, salesforce = HubSpotEmulator(), SalesforceEmulator()
    if data == SAMPLE:
        hubspot.control_reset(SAMPLE)
        salesforce.control_reset(SAMPLE)
    return hubspot, salesforce


def _from_folder(folder: Path) -> tuple[HubSpotEmulator, SalesforceEmulator]:
    from interlock.app.errors import BadInput
    from interlock.demo import excerpt, world

    try:
        found = excerpt.from_folder(folder)
    except (excerpt.DataMissing, OSError, UnicodeDecodeError) as error:
        raise BadInput(
            f"--data {folder}: {error}",
            code="data_unusable",
            fix="Give a folder with npsp_trailhead/*.csv and adventureworks/ProspectiveBuyer.csv, or `empty`.",
        ) from error
    made = world.build(found, wall=world.Wall(behind_us=0))
    return made.hubspot, made.salesforce


def _server(app: Any, name: str, option: str, port: int, ca: ThrowAwayCa | None) -> LocalServer:
    from crm_emulator.kernel.server import LocalServer
    from interlock.app.errors import BadInput

    try:
        return LocalServer(app, port=port, ca=ca)
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        raise BadInput(
            f"The local {name} cannot listen on port {port}: "
            + ("another program does." if taken else f"{error.strerror}."),
            code="port_taken" if taken else "port_unusable",
            field=option,
            fix=f"Choose another with {option} N, or any free one with {option} 0.",
        ) from error


def _document(
    hubspot: HubSpotEmulator, salesforce: SalesforceEmulator, urls: list[str], ca: ThrowAwayCa | None
) -> Json:
    hubspot_url, salesforce_url = urls
    return {
        "ready": True,
        "hubspot": {
            "url": hubspot_url,
            "account_id": str(hubspot.account_id),
            "token": hubspot.token,
            "client_id": hubspot.client_id,
            "client_secret": hubspot.client_secret,
            "users": [{"name": user.name, "email": user.email, "password": user.password} for user in hubspot.users],
        },
        "salesforce": {
            "url": salesforce_url,
            "login_url": salesforce_url,
            "org_id": salesforce.org_id,
            "token": salesforce.token,
            "client_id": salesforce.client_id,
            "client_secret": salesforce.client_secret,
            "users": [
                {"name": user.name, "email": user.email, "username": user.username, "password": user.password}
                for user in salesforce.users
            ],
        },
        "ca_file": str(ca.path) if ca is not None else None,
    }


def _show(out: Page, document: Json) -> None:
    hubspot, salesforce, ca_file = document["hubspot"], document["salesforce"], document["ca_file"]
    out.line("Both local CRMs are running. Nothing in them is real, and they forget everything when they end.", "bold")
    for name, crm in (("HubSpot", hubspot), ("Salesforce", salesforce)):
        out.line(f"\n{name}: {crm['url']}")
        for user in crm["users"]:
            out.line(f"  {user['name']}: sign in as {user['email']} with password {user['password']}")
    out.line("\nIn another terminal:")
    if ca_file is not None:
        out.line(f"  export SSL_CERT_FILE={shlex.quote(ca_file)}")
    out.line(f"  export INTERLOCK_HUBSPOT_TOKEN={shlex.quote(hubspot['token'])}")
    out.line(f"  export INTERLOCK_SALESFORCE_TOKEN={shlex.quote(salesforce['token'])}")
    out.line(f"  interlock connect --hubspot-url {hubspot['url']} --salesforce-url {salesforce['url']} --existing all")
    out.line("  interlock plan")
    out.line("  interlock sync --once")
    out.line("\nCtrl-C ends both.")


def register(app: typer.Typer) -> None:
    app.command("emulate")(with_common("emulate", emulate))
