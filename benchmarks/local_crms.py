"""Both local CRMs as processes of their own, filled with people, so that a benchmark counts the client's CPU and memory alone.

`with local_crms(10_000) as crms:` gives their addresses and tokens. Each process serves until its standard input closes:
a benchmark that dies leaves nothing behind.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import msgspec

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))


class LocalCrms(msgspec.Struct, frozen=True):
    hubspot_url: str
    hubspot_token: str
    salesforce_url: str
    salesforce_token: str

    def stats(self) -> dict[str, Any]:
        """Calls as the local CRMs counted them."""
        found = {}
        for name, url in (("hubspot", self.hubspot_url), ("salesforce", self.salesforce_url)):
            with urllib.request.urlopen(f"{url}/_emulator/stats") as answer:
                found[name] = json.load(answer)
        return found


@contextmanager
def local_crms(records: int) -> Iterator[LocalCrms]:
    with ExitStack() as stack:
        told = [stack.enter_context(_process(crm, records)) for crm in ("hubspot", "salesforce")]
        yield LocalCrms(told[0]["url"], told[0]["token"], told[1]["url"], told[1]["token"])


@contextmanager
def _process(crm: str, records: int) -> Iterator[dict[str, str]]:
    process = subprocess.Popen(
        [sys.executable, __file__, crm, str(records)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())
    finally:
        process.communicate()


async def _serve(crm: str, records: int) -> None:
    from benchmarks.people import fill_hubspot, fill_salesforce

    from crm_emulator.hubspot import HubSpotEmulator
    from crm_emulator.kernel.server import LocalServer
    from crm_emulator.salesforce import SalesforceEmulator

    emulator: HubSpotEmulator | SalesforceEmulator
    if crm == "hubspot":
        emulator = HubSpotEmulator()
        fill_hubspot(emulator, records)
        server = LocalServer(emulator.app)
    else:
        emulator = SalesforceEmulator()
        fill_salesforce(emulator, records)
        server = LocalServer(emulator.app)
        emulator.instance_url = server.url
    await server.start()
    print(json.dumps({"url": server.url, "token": emulator.token}), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await server.stop()


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1], int(sys.argv[2])))
