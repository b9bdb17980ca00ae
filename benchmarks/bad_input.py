"""What bad input does, case by case: `python benchmarks/bad_input.py`.

Each case runs the installed command against a local HubSpot and a local Salesforce that are servers of their own, and is
judged from outside: the exit code, what the command says, and what stands in both CRMs after it. The other fields of a
record with a bad value, and the other records, must be written; what could not be written must be an issue that names it.
The table goes to standard error; exit 1 when a case did not end as it must.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.bars import Figure, tell

from crm_emulator.hubspot import HubSpotEmulator
from crm_emulator.kernel.server import served_in_thread
from crm_emulator.salesforce import SalesforceEmulator

COMMAND = str(Path(sys.executable).parent / "interlock")
API = "/services/data/v66.0"
PATIENCE_S = 120.0
NEEDS_A_PERSON, BAD_INPUT, CRM_REFUSED = 1, 2, 3

Json = dict[str, Any]


class Row(msgspec.Struct):
    """One case as it ended. `wrong`: what should have been otherwise; empty when it ended as it must."""

    case: str
    exit_code: int
    said: str
    kept: str
    wrong: str


class Ran(msgspec.Struct):
    code: int
    document: Json
    err: str

    @property
    def message(self) -> str:
        error = self.document.get("error") or {}
        return f"{error.get('message', '')} {error.get('fix') or ''}".strip()


class Crm:
    def __init__(self, told: Json) -> None:
        self.url: str = told["url"]
        self.token: str = told["token"]
        self.client_id: str = told["client_id"]
        self.client_secret: str = told["client_secret"]

    def call(self, method: str, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(
            self.url + path,
            None if body is None else json.dumps(body).encode(),
            {"Content-Type": "application/json", "Authorization": f"Bearer {self.token}"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def reset(self) -> None:
        self.call("POST", "/_emulator/reset", {"data": "empty"})

    def make(self, type_: str, *rows: Json) -> list[str]:
        ids: list[str] = self.call("POST", "/_emulator/seed", {"objects": {type_: list(rows)}})["ids"][type_]
        return ids


class Place:
    """Both CRMs, empty, and an installation that is new."""

    def __init__(self, hubspot: Crm, salesforce: Crm, home: Path) -> None:
        self.hubspot = hubspot
        self.salesforce = salesforce
        self.home = home
        self.after_seeding: Callable[[list[str]], object] = lambda ids: None

    def run(self, *arguments: str, **environment: str) -> Ran:
        ended = subprocess.run(
            [COMMAND, *arguments, "--home", str(self.home), "--json"],
            env=os.environ
            | {"INTERLOCK_HUBSPOT_TOKEN": self.hubspot.token, "INTERLOCK_SALESFORCE_TOKEN": self.salesforce.token}
            | environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )
        return Ran(ended.returncode, json.loads(ended.stdout) if ended.stdout else {}, ended.stderr)

    def connect(self, *arguments: str, hubspot_url: str | None = None, **environment: str) -> Ran:
        addresses = ("--hubspot-url", hubspot_url or self.hubspot.url, "--salesforce-url", self.salesforce.url)
        return self.run("connect", "--existing", "all", *addresses, *arguments, **environment)

    def sync(self) -> Ran:
        return self.run("sync", "--once")

    def make_tier_fields(self) -> None:
        """A restricted picklist in Salesforce (Gold, Silver), and its like in HubSpot with one value more."""
        values = [{"valueName": name, "label": name, "default": False} for name in ("Gold", "Silver")]
        metadata = {
            "type": "Picklist",
            "label": "Tier",
            "valueSet": {"restricted": True, "valueSetDefinition": {"sorted": False, "value": values}},
        }
        self.salesforce.call(
            "POST", f"{API}/tooling/sobjects/CustomField", {"FullName": "Contact.Tier__c", "Metadata": metadata}
        )
        soql = "SELECT Id FROM PermissionSet WHERE Name LIKE 'Interlock%'"
        found = self.salesforce.call("GET", f"{API}/query?q={quote(soql)}")["records"]
        access = {
            "SobjectType": "Contact",
            "Field": "Contact.Tier__c",
            "PermissionsRead": True,
            "PermissionsEdit": True,
        }
        self.salesforce.call("POST", f"{API}/sobjects/FieldPermissions", access | {"ParentId": found[0]["Id"]})
        options = [{"label": name, "value": name} for name in ("Gold", "Silver", "Platinum")]
        self.hubspot.call(
            "POST",
            "/crm/v3/properties/contacts",
            {
                "name": "tier",
                "label": "Tier",
                "type": "enumeration",
                "fieldType": "select",
                "groupName": "contactinformation",
                "options": options,
            },
        )

    def map_tier(self) -> None:
        file = self.home / "mappings.yaml"
        self.export(file)
        document = yaml.safe_load(file.read_text())
        pair = {"property": "tier", "field": "Tier__c", "rule": "two_way"}
        document["objects"]["contacts"]["Contact"]["fields"].append(pair)
        file.write_text(yaml.safe_dump(document, sort_keys=False))
        # Connecting again reads the schemas afresh, which now hold the two fields.
        connected = self.connect()
        applied = self.run("mappings", "apply", str(file))
        assert (connected.code, applied.code) == (0, 0), (connected, applied)

    def export(self, file: Path) -> None:
        command = [COMMAND, "mappings", "export", "--home", str(self.home), str(file)]
        exported = subprocess.run(command, capture_output=True, text=True)
        assert exported.returncode == 0, exported

    def issues(self) -> list[Json]:
        found: list[Json] = self.run("issues").document["issues"]
        return found

    def contact(self, id_: str, *names: str) -> Json:
        values: Json = self.hubspot.call("GET", f"/crm/v3/objects/contacts/{id_}?properties={','.join(names)}")
        return values["properties"]  # type: ignore[no-any-return]

    def person(self, email: str) -> Json | None:
        soql = f"SELECT Id, FirstName, LastName, Title, Phone, Description, LeadSource FROM Contact WHERE Email = '{email}'"
        records = self.salesforce.call("GET", f"{API}/query?q={quote(soql)}")["records"]
        return records[0] if records else None


# --- before anything is synced ---------------------------------------------------------------------------------------


def refused(case: str, ran: Ran, code: int, *said: str) -> Row:
    """A command that must end with this code and name these things, having changed nothing."""
    wrong = [] if ran.code == code else [f"exit {ran.code}, not {code}"]
    wrong += [f"does not say {part!r}" for part in said if part.lower() not in ran.message.lower()]
    return Row(case, ran.code, ran.message, "nothing was changed", "; ".join(wrong))


def unreachable_host(place: Place) -> Row:
    return refused(
        "unreachable host", place.connect(hubspot_url="http://127.0.0.1:9"), CRM_REFUSED, "HubSpot", "reached"
    )


def wrong_hubspot_token(place: Place) -> Row:
    ran = place.connect(INTERLOCK_HUBSPOT_TOKEN="pat-not-one-of-theirs")
    return refused("wrong HubSpot token", ran, CRM_REFUSED, "HubSpot", "token")


def wrong_salesforce_token(place: Place) -> Row:
    ran = place.connect(INTERLOCK_SALESFORCE_TOKEN="00D!notatoken")
    return refused("wrong Salesforce token", ran, CRM_REFUSED, "Salesforce", "token")


def expired_token(place: Place) -> Row:
    """A token that was good at connecting and is not any more: an edit made meanwhile waits, and is not lost."""
    (kept,) = place.hubspot.make("contacts", {"email": "kept@example.com", "lastname": "Kept"})
    # A session of its own: to revoke the one of all cases would end the others too.
    app = place.salesforce
    body = f"grant_type=client_credentials&client_id={app.client_id}&client_secret={app.client_secret}"
    request = urllib.request.Request(f"{place.salesforce.url}/services/oauth2/token", body.encode(), method="POST")
    with urllib.request.urlopen(request) as answer:
        token = json.load(answer)["access_token"]
    connected = place.connect(INTERLOCK_SALESFORCE_TOKEN=token)
    assert connected.code == 0, connected
    urllib.request.urlopen(f"{place.salesforce.url}/services/oauth2/revoke", f"token={token}".encode()).read()
    row = refused("expired token", place.sync(), CRM_REFUSED, "Salesforce", "token")
    again = place.connect()
    synced = place.sync()
    if again.code or synced.code or place.person("kept@example.com") is None:
        row.wrong += f"after signing in again the contact {kept} did not arrive: {again} {synced}"
    row.kept = "synced after signing in again"
    return row


def unknown_key(place: Place) -> Row:
    (place.home / "interlock.yaml").write_text("database: interlock.db\ncolour: green\n")
    row = refused("a YAML with an unknown key", place.run("connections"), BAD_INPUT, "colour", "line 2")
    (place.home / "interlock.yaml").unlink()
    return row


def missing_field(place: Place) -> Row:
    place.connect()
    file = place.home / "mappings.yaml"
    place.export(file)
    text = file.read_text()
    assert "field: Title" in text, text[:500]
    file.write_text(text.replace("field: Title", "field: Titel__c"))
    before = place.run("mappings", "list").document["mappings"]
    ran = place.run("mappings", "apply", str(file))
    row = refused("a mapping to a missing field", ran, BAD_INPUT, "Titel__c")
    if place.run("mappings", "list").document["mappings"] != before:
        row.wrong += " the mappings were changed"
    return row


# --- values ----------------------------------------------------------------------------------------------------------


def one_bad_value(
    place: Place,
    case: str,
    bad: Json,
    names: str | None,
    kept: Callable[[Json | None], bool],
    code: int = NEEDS_A_PERSON,
) -> Row:
    """A HubSpot contact with a bad value beside good ones, and a good contact beside it."""
    good = {"email": "good@example.com", "firstname": "Grace", "lastname": "Good"}
    row = {"email": "ada@example.com", "firstname": "Ada", "lastname": "Lovelace", "phone": "+44 20 7946 0000"} | bad
    try:
        place.after_seeding(place.hubspot.make("contacts", good, row))
    except urllib.error.HTTPError as error:
        return Row(case, 0, f"HubSpot itself: {error.read().decode()[:200]}", "no record could be made", "not tried")
    place.connect()
    ran = place.sync()
    issues = place.issues()
    wrong = [] if ran.code == code else [f"exit {ran.code}, not {code}: {ran.message}"]
    if place.person("good@example.com") is None:
        wrong.append("the other record was not written")
    made = place.person(row["email"]) if "'" not in row["email"] else None
    if not kept(made):
        wrong.append(f"the record's other fields: {made}")
    if names is not None and not any(names in (each["property"], each["code"]) for each in issues):
        wrong.append(f"no issue names {names}")
    if names is None and issues:
        wrong.append("issues although all could be written")
    return Row(case, ran.code, _said(issues), "the other fields and the other record", "; ".join(wrong))


def with_phone(made: Json | None) -> bool:
    return made is not None and made["Phone"] == "+44 20 7946 0000" and made["FirstName"] == "Ada"


def over_long_text(place: Place) -> Row:
    return one_bad_value(place, "over-long text", {"jobtitle": "x" * 500}, "jobtitle", with_phone)


def emoji(place: Place) -> Row:
    title = "Chief 🚀 Officer 👩‍👩‍👧‍👦"
    return one_bad_value(
        place, "emoji", {"jobtitle": title}, None, lambda made: with_phone(made) and made["Title"] == title, code=0
    )


def nul_byte(place: Place) -> Row:
    return one_bad_value(place, "NUL bytes", {"jobtitle": "be\x00fore"}, "jobtitle", with_phone)


def five_megabytes(place: Place) -> Row:
    """No property of either CRM takes that much (HubSpot: 65,536 characters), so it is put behind HubSpot's back into the
    record of a local account in this process, served like the others."""
    hubspot, salesforce = HubSpotEmulator(), SalesforceEmulator()
    with served_in_thread(hubspot.app) as hubspot_url, served_in_thread(salesforce.app) as salesforce_url:
        salesforce.instance_url = salesforce_url
        account = _told(hubspot_url, hubspot), _told(salesforce_url, salesforce)
        here = Place(Crm(account[0]), Crm(account[1]), place.home)
        here.after_seeding = lambda ids: _fill_behind(hubspot, ids[-1], "message", "m" * 5_000_000)
        return one_bad_value(here, "a 5 MB property", {}, "message", with_phone)


def _told(url: str, crm: HubSpotEmulator | SalesforceEmulator) -> Json:
    return {"url": url, "token": crm.token, "client_id": crm.client_id, "client_secret": crm.client_secret}


def _fill_behind(hubspot: HubSpotEmulator, id_: str, name: str, value: str) -> None:
    hubspot.portal.tables["contacts"].records[int(id_)].values[name] = value


def long_message(place: Place) -> Row:
    return one_bad_value(place, "a text as long as HubSpot takes", {"message": "m" * 65_000}, "message", with_phone)


def invalid_email(place: Place) -> Row:
    """Typed in Salesforce as it takes it and HubSpot does not, and in HubSpot as Salesforce does not."""
    place.hubspot.make("contacts", {"email": "good@example.com", "lastname": "Good"})
    place.salesforce.make(
        "Contact",
        {"LastName": "Odd", "Email": "odd@mail.b", "Phone": "1"},
        {"LastName": "Fine", "Email": "fine@example.com"},
    )
    place.connect()
    ran = place.sync()
    listed = place.hubspot.call("GET", "/crm/v3/objects/contacts?limit=100&properties=email,lastname,phone")["results"]
    found = {each["properties"]["lastname"]: each["properties"] for each in listed}
    issues = place.issues()
    wrong = []
    if "Fine" not in found or place.person("good@example.com") is None:
        wrong.append("the other records were not written")
    if "Odd" not in found or found["Odd"]["phone"] != "1":
        if not any(each["salesforce"] for each in issues):
            wrong.append("neither the record nor an issue for it")
    elif found["Odd"]["email"] != "odd@mail.b" and not any(each["property"] == "email" for each in issues):
        wrong.append("no issue names the address")
    if ran.code not in (0, NEEDS_A_PERSON) or (issues and ran.code != NEEDS_A_PERSON):
        wrong.append(f"exit {ran.code}: {ran.message}")
    return Row("invalid e-mails", ran.code, _said(issues), "the other records", "; ".join(wrong))


def unknown_choice(place: Place) -> Row:
    """A custom picklist of the org that takes its own values only, and a HubSpot property that has one more."""
    place.hubspot.make("contacts", {"email": "good@example.com", "lastname": "Good"})
    place.connect()
    place.make_tier_fields()
    place.map_tier()
    values = {"email": "ada@example.com", "firstname": "Ada", "lastname": "Lovelace", "phone": "+44 20 7946 0000"}
    place.hubspot.make("contacts", values | {"tier": "Platinum"}, {"email": "gold@example.com", "tier": "Gold"})
    ran = place.sync()
    issues = place.issues()
    made = place.person("ada@example.com")
    wrong = [] if with_phone(made) else [f"the record's other fields: {made}"]
    if place.person("gold@example.com") is None:
        wrong.append("the other record was not written")
    if not any(each["property"] == "tier" and each["value"] == "Platinum" for each in issues):
        wrong.append("no issue names the property and its value")
    if ran.code != NEEDS_A_PERSON:
        wrong.append(f"exit {ran.code}: {ran.message}")
    return Row(
        "a picklist value that the org does not have",
        ran.code,
        _said(issues),
        "the other fields and the other record",
        "; ".join(wrong),
    )


def _said(issues: list[Json]) -> str:
    return "; ".join(f"{each['property'] or each['code']}: {each['cause']}" for each in issues) or "nothing to say"


CASES: tuple[Callable[[Place], Row], ...] = (
    unreachable_host,
    wrong_hubspot_token,
    wrong_salesforce_token,
    expired_token,
    unknown_key,
    missing_field,
    invalid_email,
    over_long_text,
    emoji,
    unknown_choice,
    nul_byte,
    long_message,
    five_megabytes,
)


@contextmanager
def local_crms() -> Iterator[tuple[Crm, Crm]]:
    process = subprocess.Popen(
        [COMMAND, "emulate", "--data", "empty", "--hubspot-port", "0", "--salesforce-port", "0", "--json"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        told = json.loads(process.stdout.readline())
        yield Crm(told["hubspot"]), Crm(told["salesforce"])
    finally:
        process.terminate()
        process.wait()


def main() -> int:
    rows: list[Row] = []
    with local_crms() as (hubspot, salesforce):
        for case in CASES:
            hubspot.reset()
            salesforce.reset()
            with tempfile.TemporaryDirectory(prefix="interlock-benchmark-") as home:
                row = case(Place(hubspot, salesforce, Path(home)))
            rows.append(row)
            verdict = "as it must" if not row.wrong else f"WRONG: {row.wrong}"
            print(f"{row.case:<45} exit {row.exit_code}  {verdict}", file=sys.stderr)
            print(f"    {_short(row.said)}", file=sys.stderr)
            print(f"    kept: {row.kept}", file=sys.stderr)
    failed = [row for row in rows if row.wrong]
    figures = [Figure("cases that did not end as they must", len(failed), f"of {len(rows)}", bar=0)]
    return tell("bad_input", figures, cases=[msgspec.to_builtins(row) for row in rows])


def _short(text: str) -> str:
    return text if len(text) <= 240 else text[:237] + "..."


if __name__ == "__main__":
    sys.exit(main())
