"""One story told through the installed command, as a script would use it: both local CRMs, a person's day, every command.

Told once a session and kept as a file, so that several test workers share it. What must hold of it stands in test_cli_json.py.
Every step is a process of its own; nothing here waits for time to pass, only for lines and exits.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from interlock.store import Store, connections, deeds, directory, lease, links
from interlock.wiring import wall_clock_us

COMMAND = Path(sys.executable).parent / "interlock"
# For a machine on which other tests run at the same time.
PATIENCE_S = 120

Json = dict[str, Any]


class Step(msgspec.Struct):
    """One command that was run, with --json unless it says otherwise."""

    arguments: list[str]
    exit_code: int
    out: str
    err: str

    @property
    def document(self) -> Json:
        (line,) = self.out.splitlines()
        found: Json = json.loads(line)
        return found


class Story:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.steps: dict[str, Step] = {}
        self.crms: Json = {}
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("INTERLOCK")}
        self.environment |= {"INTERLOCK_HOME": str(self.home), "NO_COLOR": "1", "COLUMNS": "100"}

    def run(self, name: str, *arguments: str, plain: bool = False, **environment: str) -> Step:
        """Run it to its end and keep what it said under `name`."""
        words = [*arguments] if plain else [*arguments, "--json"]
        done = subprocess.run(
            [str(COMMAND), *words],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            env={**self.environment, **environment},
            timeout=PATIENCE_S,
            check=False,
            cwd=self.folder,
        )
        step = self.steps[name] = Step(words, done.returncode, done.stdout, done.stderr)
        return step

    def must(self, name: str, *arguments: str, **environment: str) -> Step:
        """A step without which the story cannot go on: what it said is in the failure."""
        step = self.run(name, *arguments, **environment)
        assert step.exit_code in (0, 1), f"{name}: {step.exit_code}\n{step.out}\n{step.err}"
        return step

    @contextmanager
    def running(self, name: str, *arguments: str, end: signal.Signals = signal.SIGTERM) -> Iterator[Json]:
        """Start it, hand out its first document, and keep its end under `name`."""
        err = (self.folder / f"{name}.err").open("w+")
        process = subprocess.Popen(
            [str(COMMAND), *arguments, "--json"],
            stdout=subprocess.PIPE,
            stderr=err,
            text=True,
            env=self.environment,
            cwd=self.folder,
        )
        try:
            assert process.stdout is not None
            first = process.stdout.readline()
            assert first, f"{name} said nothing: {(self.folder / f'{name}.err').read_text()}"
            yield json.loads(first)
        finally:
            process.send_signal(end)
            rest, _ = process.communicate(timeout=PATIENCE_S)
            err.seek(0)
            self.steps[name] = Step([*arguments, "--json"], process.returncode, first + rest, err.read())
            err.close()

    # --- the world outside ---------------------------------------------------------------------------------------------

    def create(self, side: str, type_: str, **values: str) -> None:
        """A person's new record, made through the CRM's own API."""
        crm = self.crms[side]
        if side == "hubspot":
            url, body = f"{crm['url']}/crm/v3/objects/{type_}", {"properties": values}
        else:
            url, body = f"{crm['url']}/services/data/v62.0/sobjects/{type_}", dict(values)
        self._send("POST", url, crm["token"], body)

    def edit(self, side: str, id_: str, **values: str) -> None:
        """A person's edit of a contact, made through the CRM's own API."""
        crm = self.crms[side]
        if side == "hubspot":
            url, body = f"{crm['url']}/crm/v3/objects/contacts/{id_}", {"properties": values}
        else:
            url, body = f"{crm['url']}/services/data/v62.0/sobjects/Contact/{id_}", dict(values)
        self._send("PATCH", url, crm["token"], body)

    def _send(self, method: str, url: str, token: str, body: Json) -> None:
        request = urllib.request.Request(url, json.dumps(body).encode(), method=method)
        request.add_header("Authorization", f"Bearer {token}")
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request) as answer:
            assert answer.status in (200, 201, 204)

    def in_store(self, work: Any) -> Any:
        """Do something to the installation's database, as another process would."""

        async def main() -> Any:
            store = await Store.open(str(self.home / "interlock.db"), clock_us=wall_clock_us)
            try:
                async with store.read(None) as tx:
                    (connection,) = await connections.list_(tx)
                return await work(store, connection)
            finally:
                await store.close()

        return asyncio.run(main())

    def urls(self) -> list[str]:
        return ["--hubspot-url", self.crms["hubspot"]["url"], "--salesforce-url", self.crms["salesforce"]["url"]]


def told(folder: Path) -> Story:
    story = Story(folder)
    _before_anything_is_connected(story)
    with story.running("emulate", "emulate", "--hubspot-port", "0", "--salesforce-port", "0") as ready:
        story.crms = ready
        _connect(story)
        _mappings(story)
        _first_sync(story)
        _issues(story)
        pair = _conflict(story)
        _suggestions(story)
        _records(story, pair)
        _stopping(story)
        _serve(story)
        _people(story)
        _undoing(story, pair)
        _what_goes_wrong(story)
        _keeping(story)
    _when_both_crms_are_down(story)
    return story


def _before_anything_is_connected(story: Story) -> None:
    story.run("status of nothing", "status")
    story.run("connections of nothing", "connections")
    story.run("issues of nothing", "issues")
    story.run("an unknown option", "status", "--no-such-option")
    story.run("an unknown command", "sing")
    story.run("schema", "schema", "status")
    story.run("schema of nothing", "schema", "sing")
    (story.home / "interlock.yaml").write_text("database: interlock.db\nprot: 8090\n")
    story.run("a misspelt setting", "status")
    (story.home / "interlock.yaml").unlink()


def _connect(story: Story) -> None:
    good = {
        "INTERLOCK_HUBSPOT_TOKEN": story.crms["hubspot"]["token"],
        "INTERLOCK_SALESFORCE_TOKEN": story.crms["salesforce"]["token"],
    }
    # Port 9 is the discard service, which nobody runs: the connection is refused at once.
    nowhere = ["--hubspot-url", "http://127.0.0.1:9", *story.urls()[2:]]
    story.run("connect to nowhere", "connect", *nowhere, **good)
    wrong = {**good, "INTERLOCK_SALESFORCE_TOKEN": "wrong"}
    story.run("connect with a wrong token", "connect", *story.urls(), **wrong)
    story.must("connect", "connect", *story.urls(), "--existing", "all", **good)
    story.run("connections", "connections")
    story.run("an unknown connection", "status", "--connection", "nobody")


def _mappings(story: Story) -> None:
    file = story.folder / "mappings.yaml"
    story.run("mappings list", "mappings", "list")
    story.must("mappings export", "mappings", "export", str(file))
    story.run("mappings export to a pipe", "mappings", "export", plain=True)
    story.run("mappings diff of the same", "mappings", "diff", str(file))
    text = file.read_text()
    changed = re.sub(r"(field: Title\s+rule: )prefer_salesforce", r"\1two_way", text)
    assert changed != text
    file.write_text(changed)
    story.run("mappings diff", "mappings", "diff", str(file))
    story.run("mappings apply planned", "mappings", "apply", str(file), "--plan")
    story.run("mappings apply", "mappings", "apply", str(file))
    file.write_text(changed.replace("property: jobtitle", "property: job_titel", 1))
    story.run("mappings apply of a missing property", "mappings", "apply", str(file))
    file.write_text("version: 1\nobjects: {}\nrules: {}\n")
    story.run("mappings with an unknown key", "mappings", "diff", str(file))
    story.run("mappings without a file", "mappings", "apply", "no-such-file.yaml")


def _first_sync(story: Story) -> None:
    story.run("plan", "plan")
    story.must("sync", "sync", "--once")
    story.run("import planned", "import", "--object", "companies", "--plan")
    story.run("import", "import", "--object", "companies", "--since", "3d")
    story.run("import of nothing", "import")
    story.run("backfill planned", "backfill", "--object", "companies", "--plan")
    story.run("backfill", "backfill", "--object", "companies")
    story.run("backfill of nothing", "backfill")
    story.run("doctor", "doctor")
    story.run("status", "status")
    story.run("status too late", "status", "--max-lag", "0")
    story.run("an unknown object", "sync", "--once", "--object", "people")


def _issues(story: Story) -> None:
    listed = story.must("issues", "issues").document
    first, second = (str(issue["id"]) for issue in listed["issues"][:2])
    story.run("issues of one page", "issues", "--limit", "1")
    story.run("issues of a category", "issues", "--category", "property_values", "--object", "contacts")
    story.run("issues of no category", "issues", "--category", "weather")
    story.run("issues show", "issues", "show", first)
    story.run("issues show nothing", "issues", "show", "999999")
    story.run("issues resync", "issues", "resync", first)
    story.run("issues resync nothing chosen", "issues", "resync")
    story.run("issues ignore without asking", "issues", "ignore", "--all")
    story.run("issues ignore", "issues", "ignore", second)
    story.run("issues export", "issues", "export", "issues.csv")
    story.run("issues export to a picture", "issues", "export", "issues.png")


class Pair(msgspec.Struct):
    hubspot: str
    salesforce: str
    email: str

    @property
    def ids(self) -> tuple[str, str]:
        return self.hubspot.rpartition(":")[2], self.salesforce.rpartition(":")[2]


def _conflict(story: Story) -> Pair:
    found = story.must("find by name", "find", "Gonzalez").document["records"]
    (contact,) = [each for each in found if each["object"] == "contacts" and each["link"]]
    pair = Pair(contact["hubspot"], contact["salesforce"], contact["label"].rpartition("<")[2].rstrip(">"))
    hubspot_id, salesforce_id = pair.ids
    story.edit("hubspot", hubspot_id, jobtitle="Countess")
    story.edit("salesforce", salesforce_id, Title="Analyst")
    story.run("sync of a conflict", "sync", "--once", "--record", pair.hubspot)
    conflict = str(story.must("conflicts", "conflicts").document["conflicts"][0]["id"])
    story.run("conflicts of no kind", "conflicts", "--status", "closed")
    losing = "hubspot" if story.steps["conflicts"].document["conflicts"][0]["kept"] == "salesforce" else "salesforce"
    story.run("conflicts resolve planned", "conflicts", "resolve", conflict, "--keep", losing, "--plan")
    story.run("conflicts resolve", "conflicts", "resolve", conflict, "--keep", losing)
    story.run("conflicts resolve nothing", "conflicts", "resolve", "999999", "--keep", losing)
    story.run("conflicts resolve for nobody", "conflicts", "resolve", conflict, "--keep", "both")
    story.run("explain a choice", "explain", pair.hubspot)
    story.run("sync of the choice", "sync", "--once")
    story.run("conflicts afterwards", "conflicts", "--status", "all")
    return pair


def _suggestions(story: Story) -> None:
    """A contact without an address, and a lead that is left to the contact whose address it has: they may be one."""
    phone = "+44 20 7946 0018"
    story.create("hubspot", "contacts", firstname="Ada", lastname="Lovelace", phone=phone)
    there = {"FirstName": "Ada", "LastName": "Lovelace", "Email": "ada@suggested.example"}
    story.create("salesforce", "Contact", **there)
    story.create("salesforce", "Lead", Company="Engines", Phone=phone, **there)
    story.run("sync of what may be one", "sync", "--once")
    story.run("duplicates", "duplicates", "--object", "contacts", "--side", "salesforce")
    story.run("duplicates of nobody", "duplicates", "--side", "both")
    story.must("suggestions look", "suggestions", "look", "--object", "contacts")
    (suggested,) = story.must("suggestions", "suggestions").document["suggestions"]
    story.run("suggestions of no state", "suggestions", "--state", "done")
    story.run("suggestions decide nothing", "suggestions", "decide", "a|b", "accept")
    story.run("suggestions decide", "suggestions", "decide", suggested["suggestion"], "refuse")


def _records(story: Story, pair: Pair) -> None:
    story.run("find by e-mail", "find", pair.email)
    story.run("find offline", "find", pair.email, "--offline")
    story.run("find nothing", "find", "nobody@nowhere.example")
    story.run("explain", "explain", pair.email)
    story.run("explain offline", "explain", pair.salesforce.rpartition(":")[2], "--offline")
    story.run("explain nothing", "explain", "nobody@nowhere.example")
    story.run("explain a bad key", "explain", "hubspot:contacts")


def _stopping(story: Story) -> None:
    story.run("pause planned", "pause", "--plan")
    story.run("pause of an object", "pause", "--object", "deals")
    story.run("pause", "pause")
    story.run("sync while paused", "sync", "--once")
    story.run("status while paused", "status")
    story.run("resume", "resume")


def _serve(story: Story) -> None:
    with story.running("serve", "serve", "--port", "0") as ready:
        port = ready["url"].rpartition(":")[2]
        story.run("serve on a taken port", "serve", "--port", port)
        story.run("serve twice", "serve", "--port", "0")
        story.run("sync handed to serve", "sync", "--once")
        story.run("status beside serve", "status")
        with urllib.request.urlopen(ready["health"]) as answer:
            health = answer.read().decode()
        with urllib.request.urlopen(ready["url"]) as answer:
            page = answer.read().decode()
        with urllib.request.urlopen(ready["setup_link"]) as answer:
            welcome = answer.read().decode()
    story.steps["the health check"] = Step([], 0, health, "")
    story.steps["the status page"] = Step([], 0, page, "")
    story.steps["the page for the first person"] = Step([], 0, welcome, "")
    with story.running("sync until ended", "sync", end=signal.SIGINT):
        pass


def _people(story: Story) -> None:
    password = story.folder / "password"
    password.write_text("violet kettle on the moor\n")
    story.run("users list of nobody", "users", "list")
    story.run("setup-link", "setup-link", "--public-url", "https://sync.example.com/")
    story.run("setup-link to nowhere", "setup-link", "--public-url", "sync.example.com")
    story.run("users add without an e-mail", "users", "add", "ada")
    story.run("users add", "users", "add", "ada@example.com", "--role", "admin", "--password-file", str(password))
    story.run("users add by a link", "users", "add", "bob@example.com", "--name", "Bob")
    story.run("users add twice", "users", "add", "ADA@example.com")
    story.run("users add with no role", "users", "add", "cy@example.com", "--role", "owner")
    story.run("setup-link with people", "setup-link")
    story.run("users reset-password", "users", "reset-password", "ada@example.com")
    story.run("users reset-password of nobody", "users", "reset-password", "eve@example.com")
    story.run("users list", "users", "list")
    story.steps["the log of deeds"] = Step([], 0, json.dumps(story.in_store(_deeds)), "")


def _undoing(story: Story, pair: Pair) -> None:
    hubspot_id, _ = pair.ids
    story.edit("hubspot", hubspot_id, jobtitle="Analyst of engines")
    story.run("sync of what will be undone", "sync", "--once", "--record", pair.hubspot)
    story.run("undo planned", "undo", "--since", "2h", "--record", pair.hubspot, "--plan")
    story.run("undo without asking", "undo", "--since", "2h", "--record", pair.hubspot)
    story.run("undo with another count", "undo", "--since", "2h", "--record", pair.hubspot, "--yes", "--delete", "7")
    story.run("undo", "undo", "--since", "2h", "--record", pair.hubspot, "--yes")
    story.run("explain what was undone", "explain", pair.hubspot)
    story.run("undo of no time", "undo", "--since", "yesterday")
    person = f"hubspot:contacts:{story.in_store(_somebody)}"
    story.run("erase planned", "erase", person, "--plan")
    story.run("erase without asking", "erase", person)
    story.run("erase of a company", "erase", "hubspot:companies:1", "--yes")
    story.run("erase", "erase", person, "--yes")


async def _somebody(store: Store, connection: connections.Connection) -> str:
    async with store.read(connection.id) as tx:
        return (await links.page(tx, "contacts"))[-1].hubspot_id


def _keeping(story: Story) -> None:
    file = str(story.folder / "interlock.backup")
    story.run("backup", "backup", file)
    story.run("backup over another", "backup", file)
    story.run("restore planned", "restore", file, "--plan")
    story.run("restore of no backup", "restore", str(story.folder / "mappings.yaml"), "--yes")
    story.run("a pause after the backup", "pause")
    story.run("restore over what has gone on", "restore", file, "--yes")
    story.run("restore", "restore", file, "--yes", "--over-newer")
    story.run("connections after the restore", "connections")
    story.run("resume after the restore", "resume")
    story.run("after-restore planned", "after-restore", "--plan")
    story.run("after-restore", "after-restore", "--yes")
    story.run("rotate-key planned", "rotate-key", "--plan")
    story.run("rotate-key", "rotate-key", "--yes")
    story.run("revoke-all planned", "revoke-all", "--plan")
    story.run("sbom", "sbom", str(story.folder / "interlock.cdx.json"))
    story.run("disconnect planned", "disconnect", "--connection", "default", "--plan")


async def _deeds(store: Store, connection: connections.Connection) -> list[Json]:
    """What is broken in the chain, then its rows, oldest first."""
    async with store.read(None) as tx:
        broken = (await deeds.verify(tx)).broken
        found = await deeds.list_(tx, None, 10_000)
    return [msgspec.to_builtins(broken), *(msgspec.to_builtins(deed) for deed in reversed(found))]


def _what_goes_wrong(story: Story) -> None:
    story.run("a resync that is asked for", "issues", "resync", "--all")
    _held(story)
    _a_defect(story)
    _several_connections(story)
    story.in_store(_sign_out)
    story.run("sync while signed out", "sync", "--once")
    story.run("resume after that", "resume")


async def _sign_out(store: Store, connection: Any) -> None:
    async with store.write(connection.id) as tx:
        await connections.update(tx, connection.id, state="signed_out", state_reason="The token is wrong.")


def _held(story: Story) -> None:
    async def hold(store: Store, connection: Any) -> lease.Lease:
        return await lease.take(store, connection.salesforce_org_id, "somebody else", wall_clock_us(), term_s=600)

    async def give_back(store: Store, connection: Any) -> None:
        await lease.release(store, taken)

    taken = story.in_store(hold)
    story.run("sync while another process syncs", "sync", "--once")
    story.in_store(give_back)


def _a_defect(story: Story) -> None:
    """What cannot be: the schemas that Interlock wrote itself are not schemas."""

    async def spoil(store: Store, connection: Any) -> Any:
        async with store.write(connection.id) as tx:
            kept = await directory.get(tx, "schemas")
            await directory.put(tx, "schemas", {"nonsense": 1})
        return kept

    async def mend(store: Store, connection: Any) -> None:
        async with store.write(connection.id) as tx:
            await directory.put(tx, "schemas", kept)

    kept = story.in_store(spoil)
    story.run("a defect", "mappings", "list")
    story.in_store(mend)


def _several_connections(story: Story) -> None:
    async def second(store: Store, connection: Any) -> int:
        async with store.write(None) as tx:
            other = msgspec.structs.replace(connection, id=None, name="other", hubspot_account_id="1")
            return await connections.create(tx, other)

    async def forget() -> None:
        store = await Store.open(str(story.home / "interlock.db"), clock_us=wall_clock_us)
        async with store.write(id_) as tx:
            await connections.delete(tx, tx.connection_id)
        await store.close()

    id_ = story.in_store(second)
    story.run("which of several connections", "issues")
    story.run("status of several connections", "status")
    story.run("one of several connections", "issues", "--connection", "default")
    asyncio.run(forget())


def _when_both_crms_are_down(story: Story) -> None:
    story.run("status while both CRMs are down", "status")
    story.run("sync while both CRMs are down", "sync", "--once")
    story.run("explain while both CRMs are down", "explain", "hubspot:contacts:101")
    story.run("find while both CRMs are down", "find", "Gonzalez")
    story.run("status afterwards", "status")
