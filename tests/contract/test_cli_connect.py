"""`interlock connect`: joining two CRMs from a script, and every way in which it may be refused."""

from __future__ import annotations

import socket
import sqlite3
from pathlib import Path

import pytest
from tests.contract.cli_world import Interlock, LocalCrms, ended, started

from crm_emulator.hubspot import HubSpotEmulator
from crm_emulator.kernel.server import served_in_thread
from crm_emulator.salesforce import SalesforceEmulator
from interlock.app.errors import BadInput
from interlock.cli.connect import check_address
from interlock.core.model import Side


def connections(interlock: Interlock) -> int:
    """How many are remembered. Read from the file: to ask the command each time would take most of these tests' time."""
    file = interlock.home / "interlock.db"
    if not file.exists():
        return 0
    with sqlite3.connect(file) as database:
        (number,) = database.execute("SELECT COUNT(*) FROM connection").fetchone()
    return int(number)


def test_it_joins_both_makes_the_key_fields_and_changes_no_record(interlock: Interlock, crms: LocalCrms) -> None:
    crms.hubspot.seed("contacts", {"email": "ada@example.com"})
    crms.salesforce.seed("Contact", {"Email": "bob@example.com", "LastName": "Bob"})
    before = (crms.hubspot.all("contacts"), crms.salesforce.query("SELECT Id, SystemModstamp FROM Contact"))
    document = interlock.connect().sound().document
    assert document["created"] is True
    assert document["connection"]["state"] == "setting_up"
    assert document["connection"]["hubspot"]["account_id"] == crms.hubspot.described["account_id"]
    assert document["connection"]["salesforce"]["org_id"] == crms.salesforce.described["org_id"]
    assert document["connection"]["salesforce"]["reachable"] is True
    assert "contacts.interlock_salesforce_id" in document["made"]["hubspot"]
    assert "Lead.Interlock_Creation_Key__c" in document["made"]["salesforce"]
    assert {each["salesforce_object"] for each in document["mappings"]} == {"Account", "Contact", "Lead", "Opportunity"}
    assert (crms.hubspot.all("contacts"), crms.salesforce.query("SELECT Id, SystemModstamp FROM Contact")) == before
    fields = crms.salesforce.call("GET", "/services/data/v67.0/sobjects/Contact/describe")["fields"]
    (key,) = [field for field in fields if field["name"] == "Interlock_Creation_Key__c"]
    assert key["unique"]
    assert key["externalId"]
    assert key["createable"]


def test_connecting_again_makes_nothing_and_keeps_what_a_person_chose(interlock: Interlock) -> None:
    first = interlock.connect(existing="link").sound().document
    again = interlock(
        "connect",
        "--hubspot-url",
        interlock.crms.hubspot.url,
        "--salesforce-url",
        interlock.crms.salesforce.url,
        "--json",
    )
    second = again.sound().document
    assert second["created"] is False
    assert second["made"] == {"hubspot": [], "salesforce": []}
    assert second["existing"] == "link"
    assert second["mappings"] == first["mappings"]
    assert connections(interlock) == 1


def test_plan_says_what_would_be_made_and_makes_nothing(interlock: Interlock, crms: LocalCrms) -> None:
    document = interlock.connect("--plan").sound().document
    assert document["planned"] is True
    assert document["connection"]["id"] is None
    assert "deals.interlock_salesforce_id" in document["made"]["hubspot"]
    names = [each["name"] for each in crms.hubspot.call("GET", "/crm/v3/properties/deals")["results"]]
    assert "interlock_salesforce_id" not in names
    assert connections(interlock) == 0


def test_start_lets_a_server_begin(interlock: Interlock) -> None:
    document = interlock.connect("--start").sound().document
    assert document["started"] is True
    assert document["connection"]["state"] == "idle"


def test_a_host_that_nobody_serves_is_named_with_its_side_and_leaves_nothing_behind(interlock: Interlock) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{unused.getsockname()[1]}"
        ran = interlock(
            "connect", "--hubspot-url", address, "--salesforce-url", interlock.crms.salesforce.url, "--json"
        )
    error = ran.sound(3).error
    assert error["code"] == "unreachable"
    assert error["side"] == "hubspot"
    assert address in error["message"]
    assert error["cause"]
    assert error["fix"]
    assert connections(interlock) == 0


@pytest.mark.parametrize(
    ("variable", "side"), [("INTERLOCK_HUBSPOT_TOKEN", "hubspot"), ("INTERLOCK_SALESFORCE_TOKEN", "salesforce")]
)
def test_a_wrong_token_names_the_side_the_cause_and_the_fix(interlock: Interlock, variable: str, side: str) -> None:
    ran = interlock.connect(**{variable: "not-a-token-of-this-crm"})
    error = ran.sound(3).error
    assert error["code"] == "sign_in_refused"
    assert error["side"] == side
    assert error["cause"]
    assert "interlock connect" in error["fix"]
    assert "not-a-token-of-this-crm" not in ran.out + ran.err
    assert connections(interlock) == 0


def test_an_expired_token_is_said_to_have_expired(interlock: Interlock) -> None:
    hubspot = HubSpotEmulator()
    expired = hubspot.issue_token("oauth", expires_in_s=60)
    hubspot.clock.advance_seconds(67)
    with served_in_thread(hubspot.app) as url:
        ran = interlock(
            "connect",
            "--hubspot-url",
            url,
            "--salesforce-url",
            interlock.crms.salesforce.url,
            "--json",
            INTERLOCK_HUBSPOT_TOKEN=expired,
        )
    error = ran.sound(3).error
    assert error["side"] == "hubspot"
    assert error["cause"] == "EXPIRED_AUTHENTICATION"
    assert "expired" in error["message"]


def test_an_ended_session_is_said_to_have_ended(interlock: Interlock) -> None:
    salesforce = SalesforceEmulator(session_s=60)
    ended = salesforce.issue_token()
    salesforce.clock.advance_seconds(67)
    with served_in_thread(salesforce.app) as url:
        ran = interlock(
            "connect",
            "--hubspot-url",
            interlock.crms.hubspot.url,
            "--salesforce-url",
            url,
            "--json",
            INTERLOCK_SALESFORCE_TOKEN=ended,
        )
    error = ran.sound(3).error
    assert error["side"] == "salesforce"
    assert error["cause"] == "INVALID_SESSION_ID"
    assert "expired" in error["message"]


def test_secrets_come_from_files_and_standard_input_too(interlock: Interlock, crms: LocalCrms, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(crms.salesforce.described["client_secret"] + "\n")
    ran = interlock(
        "connect",
        "--hubspot-url",
        crms.hubspot.url,
        "--salesforce-url",
        crms.salesforce.url,
        "--hubspot-token-file",
        "-",
        "--salesforce-client-id",
        crms.salesforce.described["client_id"],
        "--salesforce-client-secret-file",
        str(secret),
        "--json",
        typed=crms.hubspot.token + "\n",
        INTERLOCK_HUBSPOT_TOKEN=None,
        INTERLOCK_SALESFORCE_TOKEN=None,
    )
    assert ran.sound().document["created"] is True


def test_without_a_secret_it_says_where_to_put_one(interlock: Interlock) -> None:
    error = interlock.connect(INTERLOCK_HUBSPOT_TOKEN=None).sound(2).error
    assert error["code"] == "sign_in_incomplete"
    assert error["side"] == "hubspot"
    assert "INTERLOCK_HUBSPOT_TOKEN" in error["fix"]
    error = interlock.connect(INTERLOCK_SALESFORCE_TOKEN=None).sound(2).error
    assert error["side"] == "salesforce"


def test_a_file_that_holds_something_else_is_not_sent_as_a_token(interlock: Interlock, tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("the token is\non the other page\n")
    error = interlock.connect("--hubspot-token-file", str(file)).sound(2).error
    assert error["code"] == "secret_unusable"
    assert error["field"] == "--hubspot-token-file"


def test_a_sandbox_that_was_asked_for_is_not_a_production_org(interlock: Interlock) -> None:
    error = interlock.connect("--sandbox").sound(2).error
    assert error["code"] == "wrong_kind_of_org"
    assert "Local Salesforce" in error["message"]
    assert connections(interlock) == 0


def test_what_is_no_address_is_refused_before_anybody_is_called(interlock: Interlock) -> None:
    ran = interlock("connect", "--hubspot-url", "hubspot", "--salesforce-url", "http://127.0.0.1:1", "--json")
    assert ran.sound(2).error["code"] == "bad_address"


@pytest.mark.parametrize("address", ["ftp://127.0.0.1", "https://", "http://127.0.0.1:99999", "https://u:p@host"])
def test_an_address_has_a_scheme_a_host_and_nothing_secret(address: str) -> None:
    with pytest.raises(BadInput):
        check_address(address, Side.HUBSPOT)


MAPPINGS = """\
version: 1
objects:
  contacts:
    Contact:
      fields:
        - {property: email, field: Email}
        - {property: firstname, field: FirstName}
        - {property: lastname, field: LastName, rule: two_way}
"""


def test_a_configuration_file_is_the_whole_truth_of_what_it_names(interlock: Interlock, tmp_path: Path) -> None:
    file = tmp_path / "mappings.yaml"
    file.write_text(MAPPINGS)
    document = interlock.connect("--config", str(file)).sound().document
    counts = {each["salesforce_object"]: each["ok"] for each in document["mappings"]}
    assert counts["Contact"] == 3
    assert counts["Account"] > 10


def test_an_unknown_key_is_refused_with_file_line_and_key(interlock: Interlock, tmp_path: Path) -> None:
    file = tmp_path / "mappings.yaml"
    file.write_text(MAPPINGS + "        - {property: fax, feild: Fax}\n")
    error = interlock.connect("--config", str(file)).sound(2).error
    assert error["code"] == "unknown_key"
    assert f"{file}, line 9" in error["message"]
    assert "feild" in error["message"]
    assert connections(interlock) == 0


def test_a_mapping_to_a_missing_field_leaves_no_connection_behind(interlock: Interlock, tmp_path: Path) -> None:
    file = tmp_path / "mappings.yaml"
    file.write_text(MAPPINGS + "        - {property: fax, field: Telefax__c}\n")
    error = interlock.connect("--config", str(file)).sound(2).error
    assert f"{file}, line 9" in error["message"]
    assert "Telefax__c" in error["message"]
    assert connections(interlock) == 0


def test_a_second_name_for_the_same_account_is_refused(interlock: Interlock) -> None:
    interlock.connect().sound()
    error = interlock.connect("--connection", "other").sound(2).error
    assert error["code"] == "account_already_joined"
    assert "'default'" in error["message"]


def test_no_secret_is_readable_in_the_home_folder(interlock: Interlock, crms: LocalCrms) -> None:
    interlock.connect().sound()
    for file in interlock.home.iterdir():
        assert crms.hubspot.token.encode() not in file.read_bytes()
        assert crms.salesforce.token.encode() not in file.read_bytes()
        assert file.stat().st_mode & 0o077 == 0, f"{file.name} can be read by others"


def test_crms_behind_a_certificate_authority_of_their_own_are_reached_with_its_file(
    interlock: Interlock, tmp_path: Path
) -> None:
    process, ready = started("--tls", "--data", "empty")
    hubspot, salesforce = ready["hubspot"], ready["salesforce"]
    arguments = ("connect", "--hubspot-url", hubspot["url"], "--salesforce-url", salesforce["url"], "--json")
    tokens = {"INTERLOCK_HUBSPOT_TOKEN": hubspot["token"], "INTERLOCK_SALESFORCE_TOKEN": salesforce["token"]}
    try:
        assert interlock(*arguments, **tokens, SSL_CERT_FILE=ready["ca_file"]).sound().document["created"]
        configured = tmp_path / "configured"
        configured.mkdir()
        (configured / "interlock.yaml").write_text(f"ca_file: {ready['ca_file']}\n")
        assert interlock(*arguments, "--home", str(configured), **tokens).sound().document["created"]
        (configured / "interlock.yaml").write_text("ca_file: nowhere.pem\n")
        error = interlock(*arguments, "--home", str(configured), **tokens).sound(2).error
        assert "nowhere.pem" in error["message"]
    finally:
        ended(process)
