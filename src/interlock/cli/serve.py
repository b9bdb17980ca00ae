"""`interlock serve`: the pages and the local dispatcher in one process, until SIGTERM or Ctrl-C, which end it with 0."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from interlock.cli.base import Answer, Run, checked_public_url, stop_on_signals, with_common

if TYPE_CHECKING:
    from interlock.wiring import Interlock

# Looked at again while another dispatcher's last beat is fresh: it is alive if it beats once more.
_LOOK_S = 0.5


async def serve(
    run: Run,
    host: Annotated[
        str | None,
        typer.Option("--host", help="Address to listen on; overrides interlock.yaml, whose default is 127.0.0.1."),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            "--port", min=0, max=65_535, help="Overrides interlock.yaml, whose default is 8090; 0: any free one."
        ),
    ] = None,
    public_url: Annotated[
        str | None, typer.Option("--public-url", metavar="URL", help="The address by which browsers reach it.")
    ] = None,
) -> Answer:
    """Sync by itself and serve the pages. On first run, prints a one-time link for the first person. SIGTERM or Ctrl-C ends it."""
    from interlock.app import pages_at
    from interlock.app.new_org import prepare
    from interlock.app.notify.courier import delivering
    from interlock.app.org_work import work
    from interlock.app.people import links
    from interlock.app.serve import ServeDesk
    from interlock.app.setup import finish, package
    from interlock.app.worker import is_shared, make_dispatcher
    from interlock.config import browser_host
    from interlock.store import scratch
    from interlock.store.lifesign import new_owner
    from interlock.web.app import make_app
    from interlock.web.front_end import refuse_without_front_end
    from interlock.web.server import bind, serving, travels_in_clear, url_of

    refuse_without_front_end()
    public_url = checked_public_url(public_url)
    async with run.open() as opened:
        if public_url is not None:
            opened.home = opened.home.reached_by(public_url)
        settings = opened.home.settings
        opened.home.check_reach(await opened.told_address())
        listening_host = host or settings.host
        listening = bind(listening_host, settings.port if port is None else port)
        if not is_shared(opened.home.database):
            await _alone(run, opened)
        scratch.remove_left()
        await pages_at.keep_right(opened.store, opened.told_address)
        stop = stop_on_signals()
        owner = new_owner(f"serve-{socket.gethostname()}-{os.getpid()}")
        desk = ServeDesk(opened.store, lambda each: opened.clients(each, note=False), opened.clock_us, owner, run.say)
        url = settings.public_url or url_of(listening, browser_host(listening_host))
        if travels_in_clear(listening_host, settings.public_url):
            run.say(
                "Other machines can reach the pages without https, so passwords can be read on their way."
                " Put a reverse proxy with https in front, and set public_url in interlock.yaml."
            )
        for said in settings.who_may_come():
            run.say(said)
        app = make_app(opened, url)
        try:
            async with serving(app, listening, settings.trusted_proxies, app.state.live.close):
                token = await links.first_person_link(opened.store)
                link = None if token is None else links.address_of(url, token)
                if run.json:
                    run.emit({"ready": True, "url": url, "health": f"{url.rstrip('/')}/health", "setup_link": link})
                else:
                    run.page.line(f"Interlock is syncing. Status: {url}   Ctrl-C ends it.")
                    if link is not None:
                        run.page.line(f"Nobody has an account yet. Open this once, within a day, to make yours: {link}")
                    # Whoever waits for this through a pipe must get it now, not when the buffer is full.
                    sys.stdout.flush()
                await package.go_on_with_what_was_left(opened)
                await finish.go_on_with_what_was_left(opened)
                opened.background.start("tidy jobs", app.state.site.jobs.keep_tidy)
                opened.background.start("left sign-ins", partial(_end_left_sign_ins, run, opened, opened.clock_us()))
                await prepare.go_on_with_what_was_left(opened, app.state.site.own_address)
                await work.go_on_with_what_was_left(opened)
                async with delivering(opened.store, opened.post(url), opened.clock_us, run.say):
                    await make_dispatcher(
                        desk, opened.store, opened.home.database, owner, opened.clock_us, stop, run.say
                    ).run()
        finally:
            await opened.background.close()
            await desk.close()
    run.say("Stopped. What was done is saved.")
    return Answer()


async def _end_left_sign_ins(run: Run, opened: Interlock, began_us: int) -> None:
    """Administrators', of a process that died before it had ended them. On a shared database another process may be at it now.
    Nothing waits for it: a CRM may be away, or the key file."""
    from interlock.app import sign_offs
    from interlock.app.background import failure_of
    from interlock.app.errors import AppError
    from interlock.app.org_work import work
    from interlock.app.worker import is_shared
    from interlock.crm.errors import CrmError
    from interlock.store.errors import StoreError
    from interlock.store.sign_ins import LIFETIME_US

    before_us = began_us - (LIFETIME_US if is_shared(opened.home.database) else 0)
    try:
        async with opened.crms() as crms:
            wanted = await work.administrators_in_use(opened)
            for ended in await sign_offs.end_left_deploying(opened.store, crms, before_us, wanted):
                if ended.why_not is not None:
                    run.say(f"{ended.why_not} {ended.fix}")
    except (AppError, CrmError, StoreError) as error:
        failure = failure_of(error)
        run.say(f"An administrator's sign-in that was left could not be ended: {failure.message} {failure.fix}")


async def _alone(run: Run, opened: Interlock) -> None:
    """Raises Busy while another dispatcher is alive. One that died a moment ago is waited out."""
    from interlock.app.errors import Busy
    from interlock.app.handing_over import running
    from interlock.store import heartbeat

    first = await heartbeat.last_beat(opened.store)
    said = False
    while first is not None and await running(opened.store, opened.clock_us()):
        now = await heartbeat.last_beat(opened.store)
        if now is not None and now.at_us > first.at_us:
            raise Busy(
                f"Another `interlock serve` ({now.owner}) is running on this installation.",
                code="already_serving",
                fix="Stop it first; one is enough for all connections.",
            )
        if not said:
            run.say("Another `interlock serve` was here a moment ago. Looking whether it still is ...")
            said = True
        await asyncio.sleep(_LOOK_S)


def register(app: typer.Typer) -> None:
    app.command("serve")(with_common("serve", serve))
