"""The command line is a contract: every document against its schema, every exit code, nothing secret, one document a run.

The story of cli_story.py is told once through the installed command. A command without a schema, a schema without a
document in the story, or an exit code that the story never met fails here.
"""

from __future__ import annotations

import fcntl
import json
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
import typer
from tests import cli_reference
from tests.contract.cli_story import COMMAND, Step, told

from interlock.app import json_schemas
from interlock.cli.main import app
from interlock.web.front_end import NEEDED

ROOT = Path(__file__).parents[2]

Json = dict[str, Any]

# What every step must end with, by the table of the interface; `schema` is that of its document.
EXPECTED: dict[str, tuple[int, str]] = {
    "status of nothing": (0, "status"),
    "connections of nothing": (0, "connections"),
    "issues of nothing": (2, "error"),
    "an unknown option": (2, "error"),
    "an unknown command": (2, "error"),
    "schema": (0, "schema"),
    "schema of nothing": (5, "error"),
    "a misspelt setting": (2, "error"),
    "connect to nowhere": (3, "error"),
    "connect with a wrong token": (3, "error"),
    "connect": (0, "connect"),
    "connections": (0, "connections"),
    "an unknown connection": (5, "error"),
    "mappings list": (0, "mappings-list"),
    "mappings export": (0, "mappings-export"),
    "mappings diff of the same": (0, "mappings-diff"),
    "mappings diff": (1, "mappings-diff"),
    "mappings apply planned": (0, "mappings-apply"),
    "mappings apply": (0, "mappings-apply"),
    "mappings apply of a missing property": (2, "error"),
    "mappings with an unknown key": (2, "error"),
    "mappings without a file": (2, "error"),
    "plan": (0, "plan"),
    "sync": (1, "sync"),
    "import planned": (0, "plan"),
    "import": (1, "import"),
    "import of nothing": (2, "error"),
    "backfill planned": (0, "plan"),
    "backfill": (1, "backfill"),
    "backfill of nothing": (2, "error"),
    "doctor": (0, "doctor"),
    "status": (1, "status"),
    "status too late": (1, "status"),
    "an unknown object": (2, "error"),
    "issues": (1, "issues"),
    "issues of one page": (1, "issues"),
    "issues of a category": (1, "issues"),
    "issues of no category": (2, "error"),
    "issues show": (0, "issues-show"),
    "issues show nothing": (5, "error"),
    "issues resync": (0, "issues-resync"),
    "issues resync nothing chosen": (2, "error"),
    "issues ignore without asking": (2, "error"),
    "issues ignore": (0, "issues-ignore"),
    "issues export": (0, "issues-export"),
    "issues export to a picture": (2, "error"),
    "find by name": (0, "find"),
    "sync of a conflict": (1, "sync"),
    "conflicts": (0, "conflicts"),
    "conflicts of no kind": (2, "error"),
    "conflicts resolve planned": (0, "conflicts-resolve"),
    "conflicts resolve": (0, "conflicts-resolve"),
    "conflicts resolve nothing": (5, "error"),
    "conflicts resolve for nobody": (2, "error"),
    "explain a choice": (0, "explain"),
    "sync of the choice": (1, "sync"),
    "conflicts afterwards": (0, "conflicts"),
    "sync of what may be one": (1, "sync"),
    "duplicates": (0, "duplicates"),
    "duplicates of nobody": (2, "error"),
    "suggestions look": (0, "suggestions-look"),
    "suggestions": (0, "suggestions"),
    "suggestions of no state": (2, "error"),
    "suggestions decide nothing": (5, "error"),
    "suggestions decide": (0, "suggestions-decide"),
    "find by e-mail": (0, "find"),
    "find offline": (0, "find"),
    "find nothing": (5, "error"),
    "explain": (0, "explain"),
    "explain offline": (0, "explain"),
    "explain nothing": (5, "error"),
    "explain a bad key": (2, "error"),
    "pause planned": (0, "pause"),
    "pause of an object": (0, "pause"),
    "pause": (0, "pause"),
    "sync while paused": (4, "error"),
    "status while paused": (1, "status"),
    "resume": (0, "resume"),
    "serve": (0, "serve"),
    "serve on a taken port": (2, "error"),
    "serve twice": (6, "error"),
    "users list of nobody": (0, "users-list"),
    "setup-link": (0, "setup-link"),
    "setup-link to nowhere": (2, "error"),
    "users add without an e-mail": (2, "error"),
    "users add": (0, "users-add"),
    "users add by a link": (0, "users-add"),
    "users add twice": (2, "error"),
    "users add with no role": (2, "error"),
    "setup-link with people": (2, "error"),
    "users reset-password": (0, "users-reset-password"),
    "users reset-password of nobody": (5, "error"),
    "users list": (0, "users-list"),
    "sync of what will be undone": (1, "sync"),
    "undo planned": (0, "undo"),
    "undo without asking": (2, "error"),
    "undo with another count": (2, "error"),
    "undo": (1, "undo"),
    "explain what was undone": (0, "explain"),
    "undo of no time": (2, "error"),
    "erase planned": (0, "erase"),
    "erase without asking": (2, "error"),
    "erase of a company": (2, "error"),
    "erase": (0, "erase"),
    "backup": (0, "backup"),
    "backup over another": (2, "error"),
    "restore planned": (0, "restore"),
    "restore of no backup": (2, "error"),
    "a pause after the backup": (0, "pause"),
    "restore over what has gone on": (2, "error"),
    "restore": (0, "restore"),
    "connections after the restore": (0, "connections"),
    "resume after the restore": (0, "resume"),
    "after-restore planned": (0, "after-restore"),
    "after-restore": (0, "after-restore"),
    "rotate-key planned": (0, "rotate-key"),
    "rotate-key": (0, "rotate-key"),
    "revoke-all planned": (0, "revoke-all"),
    "sbom": (0, "sbom"),
    "disconnect planned": (0, "disconnect"),
    "sync handed to serve": (1, "sync"),
    "status beside serve": (1, "status"),
    "a resync that is asked for": (0, "issues-resync"),
    "sync until ended": (130, "sync"),
    "sync while another process syncs": (6, "error"),
    "a defect": (70, "error"),
    "which of several connections": (2, "error"),
    "status of several connections": (1, "status"),
    "one of several connections": (1, "issues"),
    "sync while signed out": (3, "error"),
    "resume after that": (0, "resume"),
    "status while both CRMs are down": (1, "status"),
    "sync while both CRMs are down": (3, "error"),
    "explain while both CRMs are down": (0, "explain"),
    "find while both CRMs are down": (0, "find"),
    "status afterwards": (1, "status"),
    "emulate": (0, "emulate"),
}
# Driven by tests of their own.
ELSEWHERE = {
    "demo": "tests/contract/test_demo.py",
    "worker": "tests/contract/test_workers.py",
    **{f"package-{name}": "tests/contract/test_cli_package.py" for name in ("plan", "install", "status", "remove")},
}


@pytest.fixture(scope="session")
def story(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> dict[str, Step]:
    """Told by the first worker that asks; the others read what it kept."""
    base = tmp_path_factory.getbasetemp()
    shared = base if worker_id == "master" else base.parent
    file = shared / "cli-story.json"
    with (shared / "cli-story.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not file.exists():
            steps = told(tmp_path_factory.mktemp("cli")).steps
            file.write_bytes(msgspec.json.encode(steps))
    return msgspec.json.decode(file.read_bytes(), type=dict[str, Step])


def validate(document: Json, schema: str) -> None:
    jsonschema.Draft202012Validator(json_schemas.load(schema)).validate(document)


@pytest.mark.parametrize("name", EXPECTED)
def test_it_ends_with_the_promised_exit_code_and_one_document_of_its_schema(story: dict[str, Step], name: str) -> None:
    step, (exit_code, schema) = story[name], EXPECTED[name]
    assert step.exit_code == exit_code, step.out + step.err
    documents = [json.loads(line) for line in step.out.splitlines()]
    if name != "sync until ended":
        assert len(documents) == 1, step.out
    for document in documents:
        validate(document, schema)
        assert document["schema"] == f"interlock.{schema}/1"


@pytest.mark.parametrize("name", [name for name, (_, schema) in EXPECTED.items() if schema == "error"])
def test_every_failure_says_what_to_do(story: dict[str, Step], name: str) -> None:
    error = story[name].document["error"]
    assert error["message"].endswith((".", "!")), error
    assert error["fix"]
    assert "Traceback" not in story[name].err


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        ("issues of nothing", "not_connected", "Nothing is connected yet."),
        ("setup-link to nowhere", "bad_address", "it must be like https://sync.example.com, without a path"),
        ("users add twice", "email_taken", "ADA@example.com is somebody's already."),
        ("a misspelt setting", "unknown_key", "line 2: the key 'prot' is not known"),
        ("connect to nowhere", "unreachable", "HubSpot"),
        ("connect with a wrong token", "sign_in_refused", "Salesforce"),
        ("mappings with an unknown key", "unknown_key", "mappings.yaml, line 3: the key 'rules' is not known"),
        ("mappings apply of a missing property", "mapping_refused", "HubSpot has no property job_titel on contacts"),
        ("issues ignore without asking", "confirmation_needed", "There is no terminal to answer on."),
        ("serve on a taken port", "port_taken", "is taken by another program"),
        ("serve twice", "already_serving", "Another `interlock serve`"),
        ("sync while paused", "paused", "A person has paused it."),
        ("sync while another process syncs", "held_by_other", "somebody else"),
        ("which of several connections", "which_connection", "default, other"),
        ("sync while both CRMs are down", "unreachable", ""),
    ],
)
def test_a_failure_is_named_by_code_and_in_words(story: dict[str, Step], name: str, code: str, said: str) -> None:
    error = story[name].document["error"]
    assert error["code"] == code
    assert said in error["message"]


def test_every_exit_code_of_the_table_is_met(story: dict[str, Step]) -> None:
    assert {step.exit_code for step in story.values()} == {0, 1, 2, 3, 4, 5, 6, 70, 130}


def test_a_defect_leaves_a_report_and_no_traceback(story: dict[str, Step]) -> None:
    error = story["a defect"].document["error"]
    report = Path(error["message"].rpartition(" is in ")[2].rstrip("."))
    assert "Traceback" in report.read_text()
    report.unlink()


def test_no_secret_is_ever_printed(story: dict[str, Step]) -> None:
    ready = json.loads(story["emulate"].out.splitlines()[0])
    secrets = [ready[side][name] for side in ("hubspot", "salesforce") for name in ("token", "client_secret")]
    secrets.append("violet kettle on the moor")  # the password of a person who was added
    for name, step in story.items():
        if name != "emulate":
            assert not [secret for secret in secrets if secret in step.out + step.err], name


def test_every_command_has_a_schema_and_a_document_in_the_story() -> None:
    driven = {schema for _, schema in EXPECTED.values()} | set(ELSEWHERE)
    assert set(commands()) | {"error"} == set(json_schemas.names())
    assert driven == set(json_schemas.names())


def commands() -> Iterator[str]:
    root = typer.main.get_command(app)
    for name, command in root.commands.items():  # type: ignore[attr-defined]
        children = getattr(command, "commands", {})
        if not children or command.invoke_without_command:
            yield name
        yield from (f"{name}-{child}" for child in children)


def test_every_schema_is_strict_about_what_it_requires() -> None:
    for name in json_schemas.names():
        schema = json_schemas.load(name)
        jsonschema.Draft202012Validator.check_schema(schema)
        for place, part in objects_in(schema, name):
            required, known = set(part.get("required", ())), set(part["properties"])
            assert required | left_out(place) == known, f"{place}: {known ^ required}"


def left_out(place: str) -> set[str]:
    """A file of mappings says of values only what is called the same: where it says nothing, all stays as it is."""
    return {"values"} if place.startswith("mappings-export.") and place.endswith(".fields.items") else set()


def objects_in(schema: Any, place: str) -> Iterator[tuple[str, Json]]:
    if isinstance(schema, dict):
        if "properties" in schema and isinstance(schema["properties"], dict):
            yield place, schema
        for name, value in schema.items():
            yield from objects_in(value, f"{place}.{name}")
    elif isinstance(schema, list):
        for value in schema:
            yield from objects_in(value, place)


# --- what the documents say -------------------------------------------------------------------------------------------


def test_work_that_is_handed_to_serve_is_done_by_it(story: dict[str, Step]) -> None:
    worker = story["status beside serve"].document["worker"]
    assert worker["running"] is True
    assert story["sync handed to serve"].document["outcome"] == "done"
    assert json.loads(story["the health check"].out)["status"] == "ok"
    # Not even from the machine itself without signing in.
    assert ">Sign in</h1>" in story["the status page"].out
    assert story["status afterwards"].document["worker"]["running"] is False


def test_people_come_by_links_that_lead_to_the_address_of_the_pages(story: dict[str, Step]) -> None:
    serve = json.loads(story["serve"].out.splitlines()[0])
    assert serve["setup_link"].startswith(f"{serve['url']}/welcome/")
    assert "You are the first person here" in story["the page for the first person"].out
    assert story["users list of nobody"].document["users"] == []
    assert story["setup-link"].document["link"].startswith("https://sync.example.com/welcome/")
    added = story["users add"].document
    assert (added["link"], added["user"]["role"], added["user"]["state"]) == (None, "admin", "active")
    invited = story["users add by a link"].document
    assert invited["link"].startswith("http://localhost:8090/welcome/")
    assert (invited["user"]["name"], invited["user"]["role"], invited["user"]["state"]) == (
        "Bob",
        "viewer",
        "no_password",
    )
    assert story["setup-link with people"].document["error"]["code"] == "people_exist"
    reset = story["users reset-password"].document
    assert (reset["user"]["state"], reset["user"]["signed_in_at"]) == ("no_password", None)
    assert [user["email"] for user in story["users list"].document["users"]] == ["ada@example.com", "bob@example.com"]


def test_what_commands_changed_is_in_the_log_and_what_they_only_planned_or_looked_at_is_not(
    story: dict[str, Step],
) -> None:
    broken, *deeds = json.loads(story["the log of deeds"].out)
    assert broken is None
    assert {deed["actor"] for deed in deeds} == {"command"}
    # Syncs of whatever changed are written once an hour, and these take some minutes.
    asked = [(deed["action"], deed["detail"].get("records")) for deed in deeds if deed["action"].endswith("_asked")]
    assert [action for action, _ in asked] == ["sync_asked", "import_asked", "backfill_asked", "sync_asked"]
    assert [bool(records) for _, records in asked] == [False, False, False, True]
    assert [deed["action"] for deed in deeds if not deed["action"].endswith("_asked")] == [
        "connected",
        "mappings_changed",
        "issues_resynced",
        "issues_ignored",
        "conflict_resolved",
        "suggestions_looked_for",
        "suggestion_refused",
        "paused",
        "paused",
        "resumed",
        "setup_link_made",
        "setup_link_made",
        "person_added",
        "person_added",
        "password_reset",
    ]
    (mappings,) = [deed for deed in deeds if deed["action"] == "mappings_changed"]
    assert mappings["subject"] == "connection:1"
    assert len(mappings["detail"]["changes"]) == len(story["mappings apply"].document["changes"])
    secrets = json.loads(story["emulate"].out.splitlines()[0])
    assert not [deed for deed in deeds if secrets["hubspot"]["token"] in str(deed) or "example.com" in str(deed)]


def test_what_was_undone_is_told_and_stands(story: dict[str, Step]) -> None:
    planned, done = story["undo planned"].document, story["undo"].document
    (field,) = [each for each in planned["fields"] if each["property"] == "jobtitle"]
    assert (field["side"], field["now"]) == ("salesforce", "Analyst of engines")
    assert (planned["planned"], done["planned"]) == (True, False)
    assert done["fields_undone"] == planned["fields_undone"] == len(planned["fields"])
    assert done["objects"]["contacts"]["updated_in_salesforce"] == 1
    explained = story["explain what was undone"].document
    (title,) = [each for each in explained["fields"] if each["property"] == "jobtitle"]
    assert (title["decision"], title["code"]) == ("none", "person_undid")
    assert (title["hubspot"], title["salesforce"]) == ("Analyst of engines", field["back_to"])


def test_a_restore_brings_back_what_was_there(story: dict[str, Step]) -> None:
    assert story["restore over what has gone on"].document["error"]["code"] == "newer_installation"
    restored = story["restore"].document
    assert (restored["connections"], restored["sign_ins_readable"]) == (1, True)
    (connection,) = story["connections after the restore"].document["connections"]
    # Somebody has paused it since the backup, and it does not begin again by itself.
    assert connection["state"] == "paused"
    assert story["rotate-key"].document["sealed"] > 0


def test_a_choice_is_waiting_until_a_sync_and_then_carried_out(story: dict[str, Step]) -> None:
    (conflict,) = story["conflicts"].document["conflicts"]
    losing = {"hubspot": "salesforce", "salesforce": "hubspot"}[conflict["kept"]]
    assert story["conflicts resolve planned"].document["conflict"]["choice"] is None
    assert story["conflicts resolve"].document["conflict"]["choice"]["state"] == "waiting"
    explained = story["explain a choice"].document
    (title,) = [field for field in explained["fields"] if field["property"] == "jobtitle"]
    assert (title["decision"], title["code"]) == ("to_both", "person_chose")
    (after,) = story["conflicts afterwards"].document["conflicts"]
    assert (after["status"], after["choice"]) == ("resolved", None)
    (now,) = [field for field in story["explain"].document["fields"] if field["property"] == "jobtitle"]
    assert now["hubspot"] == now["salesforce"] == conflict[f"{losing}_value"]


def test_what_is_unknown_while_both_crms_are_down_is_null_and_the_rest_is_told(story: dict[str, Step]) -> None:
    explained = story["explain while both CRMs are down"].document
    assert explained["read"] == {"hubspot": "failed", "salesforce": "failed"}
    assert all(field["hubspot"] is None and field["decision"] == "unknown" for field in explained["fields"])
    assert story["find while both CRMs are down"].document["records"]
    reachable = story["status afterwards"].document["connections"][0]["connection"]
    assert False in (reachable["hubspot"]["reachable"], reachable["salesforce"]["reachable"])


def test_an_export_on_a_pipe_is_yaml_and_nothing_else(story: dict[str, Step]) -> None:
    import yaml

    step = story["mappings export to a pipe"]
    assert step.exit_code == 0
    assert set(yaml.safe_load(step.out)["objects"]) == {"contacts", "companies", "deals"}


def test_times_durations_and_unknowns_are_written_as_promised(story: dict[str, Step]) -> None:
    for name, (_, schema) in EXPECTED.items():
        for line in story[name].out.splitlines():
            document = json.loads(line)
            assert document["generated_at"].endswith("Z")
            assert document["interlock_version"]
            assert list(document)[:3] == ["schema", "interlock_version", "generated_at"], schema


# --- the schemas in an installed package ------------------------------------------------------------------------------


def test_an_installed_wheel_prints_the_schemas_without_the_repository(tmp_path: Path) -> None:
    import sys

    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        names = packed.namelist()
        assert "interlock/salesforce_package/package/package.xml" in names
        assert {f"interlock/web/static/{each}" for each in NEEDED} < set(names)
        assert "interlock/web/locale/pl/LC_MESSAGES/interlock.po" in names
        packed.extractall(tmp_path / "installed")
    script = "from interlock.cli.main import main; import sys; sys.exit(main(['schema', 'issues', 'show']))"
    printed = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path / "installed"), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        check=True,
        capture_output=True,
        text=True,
    )
    assert json.loads(printed.stdout) == json_schemas.load("issues-show")
    assert COMMAND.exists()


# --- the reference ----------------------------------------------------------------------------------------------------


def test_the_reference_says_what_the_commands_say_of_themselves() -> None:
    text = cli_reference.FILE.read_text(encoding="utf-8")
    assert cli_reference.renewed(text) == text, "python -m tests.cli_reference writes it anew"


def test_every_option_says_what_it_is_for() -> None:
    for name, command in cli_reference.commands():
        for parameter in command.params:
            hidden = getattr(parameter, "hidden", False)
            assert parameter.help or hidden or parameter.name == "help", f"{name} {parameter.name}"
        assert command.help.strip().endswith("."), name
