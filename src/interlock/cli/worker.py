"""`interlock worker`: one of several dispatchers that share a PostgreSQL, until SIGTERM or Ctrl-C, which end it with 0."""

from __future__ import annotations

import os
import socket
import sys
from typing import Annotated

import typer

from interlock.cli.base import Answer, Run, stop_on_signals, with_common


async def worker(
    run: Run,
    at_once: Annotated[
        int, typer.Option("--at-once", metavar="N", min=1, max=64, help="How many Salesforce orgs to work on at once.")
    ] = 8,
) -> Answer:
    """Sync as one of several processes, on this or another machine (PostgreSQL only). SIGTERM or Ctrl-C ends it."""
    from interlock.app.notify.courier import delivering
    from interlock.app.serve import ServeDesk
    from interlock.app.worker import check_shared, make_dispatcher
    from interlock.config import load
    from interlock.store.lifesign import new_owner

    check_shared(load(run.home_path()).database)
    async with run.open() as opened:
        stop = stop_on_signals()
        owner = new_owner(f"worker-{socket.gethostname()}-{os.getpid()}")
        desk = ServeDesk(opened.store, lambda each: opened.clients(each, note=False), opened.clock_us, owner, run.say)
        dispatcher = make_dispatcher(
            desk, opened.store, opened.home.database, owner, opened.clock_us, stop, run.say, at_once
        )
        try:
            await desk.beat()
            if run.json:
                run.emit({"ready": True, "worker": owner})
            else:
                run.page.line(f"Interlock is syncing as {owner}. Ctrl-C ends it.")
                # Whoever waits for this through a pipe must get it now, not when the buffer is full.
                sys.stdout.flush()
            async with delivering(
                opened.store, opened.post(opened.home.settings.browser_url), opened.clock_us, run.say
            ):
                await dispatcher.run()
        finally:
            await desk.close()
    run.say("Stopped. What was done is saved.")
    return Answer()


def register(app: typer.Typer) -> None:
    app.command("worker")(with_common("worker", worker))
