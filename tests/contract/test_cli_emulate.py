"""`interlock emulate`: both local CRMs as a process, as a script meets it."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import urllib.request

import pytest
from tests.contract.cli_world import COMMAND, PATIENCE_S, Json, LocalCrms, ended, started, validated


def get(url: str, token: str, ca_file: str | None = None) -> Json:
    context = ssl.create_default_context(cafile=ca_file) if ca_file else None
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, context=context, timeout=PATIENCE_S) as answer:
        found: Json = json.load(answer)
    return found


def test_ready_means_that_both_crms_answer_and_sigterm_ends_it_with_zero() -> None:
    process, ready = started("--data", "empty")
    validated(ready)
    hubspot, salesforce = ready["hubspot"], ready["salesforce"]
    assert str(get(f"{hubspot['url']}/account-info/v3/details", hubspot["token"])["portalId"]) == hubspot["account_id"]
    who = get(f"{salesforce['url']}/services/oauth2/userinfo", salesforce["token"])
    assert who["organization_id"] == salesforce["org_id"]
    assert ready["ca_file"] is None
    assert ended(process) == 0


def test_it_holds_sample_records_unless_told_otherwise() -> None:
    process, ready = started()
    hubspot, salesforce = ready["hubspot"], ready["salesforce"]
    contacts = get(f"{hubspot['url']}/crm/v3/objects/contacts", hubspot["token"])["results"]
    accounts = get(f"{salesforce['url']}/services/data/v67.0/query?q=SELECT+Id+FROM+Account", salesforce["token"])
    ended(process)
    assert contacts
    assert accounts["totalSize"] > 0


def test_data_empty_holds_nothing(crms: LocalCrms) -> None:
    assert crms.hubspot.all("contacts") == []
    assert crms.salesforce.query("SELECT Id FROM Account") == []


def test_tls_serves_both_with_a_certificate_that_its_ca_file_vouches_for() -> None:
    process, ready = started("--tls", "--data", "empty")
    hubspot = ready["hubspot"]
    assert hubspot["url"].startswith("https://")
    assert ready["salesforce"]["login_url"].startswith("https://")
    assert get(f"{hubspot['url']}/account-info/v3/details", hubspot["token"], ready["ca_file"])["portalId"]
    with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
        get(f"{hubspot['url']}/account-info/v3/details", hubspot["token"])
    assert ended(process) == 0


def test_a_port_that_another_program_has_is_a_clear_error() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ran = subprocess.run(
            [COMMAND, "emulate", "--hubspot-port", str(port), "--json"],
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )
    error = validated(json.loads(ran.stdout))["error"]
    assert ran.returncode == 2
    assert error["code"] == "port_taken"
    assert str(port) in error["message"]
    assert "--hubspot-port 0" in error["fix"]


def test_a_person_reads_where_to_sign_in_and_what_to_type_next() -> None:
    process = subprocess.Popen(
        [COMMAND, "emulate", "--hubspot-port", "0", "--salesforce-port", "0", "--data", "empty"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith("Ctrl-C"):
            break
    ended(process)
    text = "".join(lines)
    assert "admin@example.com with password" in text
    assert "export INTERLOCK_HUBSPOT_TOKEN=" in text
    assert "interlock connect --hubspot-url http://127.0.0.1:" in text
