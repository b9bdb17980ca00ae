"""The mapping table of one object with 1,000 mappings, in Chromium: how long a keystroke in its search takes until the filtered
table is on the screen: `python benchmarks/mapping_editor.py` (as root the browser runs without its sandbox).

A keystroke is measured in the page, from the `input` event to the second animation frame after it, in which the browser has laid
out and painted what the first one changed. Also told: what the server takes to make the page, and the page's size.
"""

from __future__ import annotations

import asyncio
import os
import socket
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import msgspec
import uvicorn

sys.path.insert(0, str(Path(__file__).parent))

from playwright.sync_api import sync_playwright

from bars import Figure, tell
from interlock.app.people import manage, signing_in
from interlock.app.people.roles import Role
from interlock.app.people.visitor import BY_COMMAND
from interlock.app.schemas import NAME as SCHEMAS
from interlock.app.schemas import Schemas
from interlock.crm.hubspot.model import PropertyDef
from interlock.crm.salesforce.model import FieldDef
from interlock.store import connections, directory, mappings
from interlock.store.connections import Connection
from interlock.store.mappings import FieldMappingRow, ObjectMappingRow
from interlock.web.app import make_app
from interlock.wiring import open_interlock

MAPPINGS = 1_000
BAR_MS = 100.0
RUNS = 5
# Narrowing, widening, everything and nothing: each letter is a keystroke, and so is each that is taken back.
TYPED = ("region 7", "contact", "zzz", "label of 12")
CHROMIUM = os.environ.get("INTERLOCK_CHROMIUM", "/usr/bin/chromium")

_MEASURE = """
window.spent = [];
document.getElementById("q").addEventListener("input", (event) => {
  const began = performance.now();
  requestAnimationFrame(() => requestAnimationFrame(() => window.spent.push(performance.now() - began)));
}, {capture: true});
"""


@asynccontextmanager
async def _opened(home: Path) -> AsyncIterator[tuple[object, str]]:
    """The pages, and the session of an admin."""
    async with open_interlock(home) as interlock:
        person, _ = await manage.add(interlock.store, BY_COMMAND, "admin@example.com", "Admin", Role.ADMIN)
        async with interlock.store.write(None) as tx:
            session = await signing_in.begin_session(tx, person, "signed_in", "127.0.0.1", None)
        await _map(interlock.store)
        yield make_app(interlock, "http://127.0.0.1:1"), session


async def _map(store) -> None:  # type: ignore[no-untyped-def]
    """A connection whose contacts have many mappings of text, as an account with many custom fields has."""
    names = [f"custom_region_{number}" for number in range(MAPPINGS)]
    properties = [
        PropertyDef(name, f"Label of {name}", "string", "text", [], False, False, False, False, None) for name in names
    ]
    fields = [
        FieldDef(
            f"{name}__c", f"Field label of {name}", "string", 255, 0, 0, True, True, True, False, False, False, [],
            False, (), None, False,
        )
        for name in names
    ]  # fmt: skip
    schemas = Schemas({"contacts": properties}, {"Contact": fields, "Lead": fields}, [], [], [])
    async with store.write(None) as tx:
        id_ = await connections.create(
            tx,
            Connection(
                name="default", state="paused", state_since_us=0, hubspot_url="http://127.0.0.1:1", hubspot_account_id="1",
                hubspot_name="HubSpot", salesforce_url="http://127.0.0.1:1", salesforce_org_id="00D", salesforce_name="Org",
            ),
        )  # fmt: skip
    async with store.write(id_) as tx:
        await directory.put(tx, SCHEMAS, msgspec.to_builtins(schemas))
        for type_ in ("Contact", "Lead"):
            of = await mappings.save_object_mapping(tx, ObjectMappingRow("contacts", type_))
            for name in names:
                row = FieldMappingRow(of, name, f"{name}__c", "prefer_salesforce", kind="custom")
                await mappings.save_field_mapping(tx, row)


@contextmanager
def _served(home: Path) -> Iterator[tuple[str, str]]:
    """Address and session; the server runs in a thread of its own, as the browser needs this one."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    ready, sessions = threading.Event(), []
    server: list[uvicorn.Server] = []

    async def serve() -> None:
        async with _opened(home) as (app, session):
            sessions.append(session)
            server.append(uvicorn.Server(uvicorn.Config(app, "127.0.0.1", port, log_level="warning")))  # type: ignore[arg-type]
            ready.set()
            await server[0].serve()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    ready.wait(120)
    try:
        yield f"http://127.0.0.1:{port}", sessions[0]
    finally:
        server[0].should_exit = True
        thread.join()


def _measured(address: str, session: str) -> tuple[list[float], float, int]:
    """Milliseconds of every keystroke, seconds of the page, its bytes."""
    with sync_playwright() as playwright:
        sandbox = [] if os.geteuid() else ["--no-sandbox"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=sandbox)
        context = browser.new_context()
        context.add_cookies([{"name": "interlock_session", "value": session, "url": address}])
        page = context.new_page()
        began = time.monotonic()
        answer = None
        while answer is None:
            try:
                answer = page.goto(f"{address}/connections/1/contacts")
            except Exception:
                if time.monotonic() - began > 60:
                    raise
        began = time.monotonic()
        answer = page.goto(f"{address}/connections/1/contacts")
        assert answer is not None
        assert answer.status == 200, answer.text()
        size = len(answer.body())
        page_s = time.monotonic() - began
        shown = page.locator("#mapping-table tbody tr:visible")
        page.get_by_role("button", name="Show all that were found").click()
        assert shown.count() == MAPPINGS, shown.count()
        page.reload()
        page.evaluate(_MEASURE)
        search = page.get_by_label("Search mappings")
        for _ in range(RUNS):
            for text in TYPED:
                search.press_sequentially(text, delay=60)
                page.wait_for_timeout(150)
                for _letter in text:
                    search.press("Backspace", delay=60)
                page.wait_for_timeout(150)
        spent = page.evaluate("window.spent")
        search.press_sequentially("region_77")
        page.wait_for_timeout(300)
        assert shown.count() == 11, shown.count()  # 77 and 770 to 779
        browser.close()
    return spent, page_s, size


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="interlock-mapping-editor-") as folder, _served(Path(folder)) as served:
        spent, page_s, size = _measured(*served)
    note = f"{len(spent)} keystrokes"
    figures = [
        Figure("keystroke to painted table, median", statistics.median(spent), "ms", BAR_MS, note=note),
        Figure("keystroke to painted table, 99 of 100", statistics.quantiles(spent, n=100)[98], "ms", BAR_MS),
        Figure("page of 1,000 mappings, asked for and shown", page_s, "s"),
        Figure("page of 1,000 mappings", size / 1024, "KiB"),
    ]
    return tell("mapping_editor", figures, mappings=MAPPINGS, browser="Chromium")


if __name__ == "__main__":
    sys.exit(main())
