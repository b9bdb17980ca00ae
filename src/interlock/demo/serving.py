"""After the story: both CRMs stay up and in sync, and a person is told where to look, what to try and how to stop.

The three things to try name real records of this run. Ends on Ctrl-C or SIGTERM.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

from interlock.app.crms import Addresses
from interlock.app.notify.courier import delivering
from interlock.app.people import links
from interlock.app.people.visitor import BY_COMMAND
from interlock.app.serve import ServeDesk
from interlock.app.setup import apps
from interlock.core.model import Side
from interlock.demo.play import Played
from interlock.demo.stage import Stage, first_free
from interlock.demo.world import ADMIN, SALESPERSON
from interlock.engine.dispatch.local import LocalDispatcher
from interlock.web.app import make_app
from interlock.web.server import bind, serving, url_of

LOOPBACK = "127.0.0.1"
# The plants that a person is shown: each tells another part of what Interlock keeps.
_EXPLAINED, _ISSUE, _EDITED = "conflict_both_changed", "text_too_long", "edit_in_salesforce"


@contextlib.contextmanager
def stopped_by_signal() -> Iterator[asyncio.Event]:
    """An event that Ctrl-C or SIGTERM sets."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM)
    for number in numbers:
        loop.add_signal_handler(number, stop.set)
    try:
        yield stop
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


@contextlib.asynccontextmanager
async def page_of(stage: Stage, port: int) -> AsyncIterator[str]:
    """Interlock's pages on this port or the next free one, for as long as the block lasts; a link that signs in once."""
    interlock = stage.interlock
    listening = first_free(port, lambda candidate: bind(LOOPBACK, candidate))
    url = url_of(listening, LOOPBACK)
    token = await links.demo_link(interlock.store, "Demo", "demo@example.com")
    app = make_app(interlock, url)
    async with serving(app, listening, before_end=app.state.live.close):
        yield links.address_of(url, token)


@contextlib.asynccontextmanager
async def wizard_of(stage: Stage, port: int) -> AsyncIterator[str]:
    """As `page_of`, of an Interlock that is connected to nothing: the link opens the wizard, which knows the local CRMs' apps."""
    interlock, world = stage.interlock, stage.world
    interlock.addresses = Addresses.of_local_crms(stage.hubspot_server.url, stage.salesforce_server.url)
    listening = first_free(port, lambda candidate: bind(LOOPBACK, candidate))
    url = url_of(listening, LOOPBACK)
    clients = {
        Side.HUBSPOT: (world.hubspot.client_id, world.hubspot.client_secret),
        Side.SALESFORCE: (world.salesforce.client_id, world.salesforce.client_secret),
    }
    await apps.give(interlock.store, BY_COMMAND, url, clients)
    token = await links.demo_link(interlock.store, "Demo", "demo@example.com")
    app = make_app(interlock, url)
    async with serving(app, listening, before_end=app.state.live.close):
        yield links.address_of(url, token)


async def keep_in_sync(stage: Stage, page: str, stop: asyncio.Event, say: Callable[[str], None]) -> None:
    """As `interlock serve` does it, until `stop`: `interlock sync` in another terminal is handed over to this one."""
    interlock = stage.interlock
    address = page.partition("/welcome/")[0]
    desk = ServeDesk(interlock.store, lambda each: interlock.clients(each, note=False), interlock.clock_us, "demo", say)
    try:
        async with delivering(interlock.store, interlock.post(address), interlock.clock_us, say):
            await LocalDispatcher(desk, interlock.clock_us, stop).run()
    finally:
        await desk.close()


def where_to_look(stage: Stage, page: str) -> list[str]:
    world = stage.world
    hugo = world.hubspot.user(SALESPERSON).user
    sally = world.salesforce.user(SALESPERSON).user
    return [
        f"  Interlock   {page}   (signs you in, once)",
        f"  HubSpot     {stage.hubspot_server.url}   {hugo.email}   {hugo.password}",
        f"  Salesforce  {stage.salesforce_server.url}   {sally.email}   {sally.password}",
    ]


def whom_to_sign_in_as(stage: Stage, page: str) -> list[str]:
    """Both CRMs' people who may let Interlock in, and one who may not install anything."""
    rows = [f"  Interlock   {page}   (signs you in, once)"]
    for name, server, crm in (
        ("HubSpot", stage.hubspot_server, stage.world.hubspot),
        ("Salesforce", stage.salesforce_server, stage.world.salesforce),
    ):
        admin, sales = crm.user(ADMIN).user, crm.user(SALESPERSON).user
        rows += [
            f"  {name:<11} {server.url}   {admin.email}   {admin.password}   (administrator)",
            f"  {'':<11} {'':<{len(server.url)}}   {sales.email}   {sales.password}",
        ]
    return rows


def things_to_try(stage: Stage, played: Played) -> list[str]:
    by_kind = {plant.kind: plant for plant in played.day.plants}
    explained, edited = by_kind[_EXPLAINED], by_kind[_EDITED]
    issue = by_kind[_ISSUE]
    command = program()
    assert edited.hubspot is not None
    assert edited.salesforce is not None
    here = f"{stage.hubspot_server.url}/records/contacts/{edited.hubspot.rpartition(':')[2]}"
    there = f"{stage.salesforce_server.url}/records/Contact/{edited.salesforce.rpartition(':')[2]}"
    return [
        "Three things to try, in a second terminal:",
        f"  export INTERLOCK_HOME={stage.home}",
        "  1. why one of two numbers stayed, and where the other one is:",
        f"     {command} explain {explained.hubspot}",
        "  2. what needs a person, and what to do about it:",
        f"     {command} issues --record {issue.hubspot}",
        f"  3. change the phone number here: {there}",
        f"     and see it come up there:     {here}",
    ]


def program() -> str:
    """The command as it can be typed here: by name where it is on the path, else by its place."""
    if shutil.which("interlock"):
        return "interlock"
    place = Path(sys.argv[0])
    with contextlib.suppress(ValueError):
        place = place.absolute().relative_to(Path.cwd())
    return str(place)
