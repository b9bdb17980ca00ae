"""RemoteSiteSetting and CspTrustedSite in a deployment."""

from __future__ import annotations

from typing import Any

import pytest
from tests.emulator.salesforce.calls import Caller
from tests.emulator.salesforce.deploying import deployed, manifest, refused, removal, xml

REMOTE = {"disableProtocolSecurity": False, "isActive": True, "url": "https://sync.example.com"}
TRUSTED = {
    "context": "All",
    "endpointUrl": "https://sync.example.com",
    "isActive": True,
    "isApplicableToConnectSrc": False,
    "isApplicableToFrameSrc": True,
}
PLACES = {
    "RemoteSiteSetting": ("remoteSiteSettings", "remoteSite"),
    "CspTrustedSite": ("cspTrustedSites", "cspTrustedSite"),
}


def package(kind: str, elements: dict[str, Any], name: str = "Sync") -> dict[str, str]:
    folder, suffix = PLACES[kind]
    shown = {key: value for key, value in elements.items() if value is not None}
    return {"package.xml": manifest({kind: [name]}), f"{folder}/{name}.{suffix}": xml(kind, shown)}


def tooling(org: Caller, soql: str) -> list[dict[str, Any]]:
    answer = org.call("GET", "/tooling/query", query={"q": soql})
    assert answer.status == 200, answer.json
    return [{key: value for key, value in row.items() if key != "attributes"} for row in answer.json["records"]]


def test_a_remote_site_is_made_changed_and_removed(org: Caller) -> None:
    """RemoteProxy is the Tooling API's name for it (Tooling API reference)."""
    row = deployed(org, package("RemoteSiteSetting", REMOTE))["Sync"]
    assert (row["componentType"], row["created"], row["id"][:3]) == ("RemoteSiteSetting", True, "0rp")
    soql = "SELECT Id, SiteName, EndpointUrl, IsActive, ProtocolMismatch FROM RemoteProxy WHERE SiteName = 'Sync'"
    assert tooling(org, soql) == [
        {"Id": row["id"], "SiteName": "Sync", "EndpointUrl": REMOTE["url"], "IsActive": True, "ProtocolMismatch": False}
    ]
    assert deployed(org, package("RemoteSiteSetting", REMOTE))["Sync"]["changed"] is False
    moved = deployed(org, package("RemoteSiteSetting", {**REMOTE, "url": "https://other.example.com"}))["Sync"]
    assert (moved["created"], moved["changed"], moved["id"]) == (False, True, row["id"])
    assert deployed(org, removal(RemoteSiteSetting=["Sync"]))["Sync"]["deleted"] is True
    assert tooling(org, "SELECT Id FROM RemoteProxy") == []


def test_a_trusted_url_is_made_changed_and_removed(org: Caller) -> None:
    """CspTrustedSite (Tooling API reference). The other directives are false by default."""
    row = deployed(org, package("CspTrustedSite", TRUSTED))["Sync"]
    soql = "SELECT Id, DeveloperName, Context, IsApplicableToFrameSrc, IsApplicableToImgSrc FROM CspTrustedSite"
    assert tooling(org, soql) == [
        {
            "Id": row["id"],
            "DeveloperName": "Sync",
            "Context": "All",
            "IsApplicableToFrameSrc": True,
            "IsApplicableToImgSrc": False,
        }
    ]
    assert deployed(org, package("CspTrustedSite", TRUSTED))["Sync"]["changed"] is False
    assert deployed(org, package("CspTrustedSite", {**TRUSTED, "context": "LEX"}))["Sync"]["changed"] is True
    deployed(org, removal(CspTrustedSite=["Sync"]))
    assert tooling(org, "SELECT Id FROM CspTrustedSite") == []


@pytest.mark.parametrize(
    ("kind", "elements", "text"),
    [
        ("RemoteSiteSetting", {**REMOTE, "url": None}, "Required field is missing: url"),
        ("RemoteSiteSetting", {**REMOTE, "isActive": None}, "Required field is missing: isActive"),
        ("RemoteSiteSetting", {**REMOTE, "disableProtocolSecurity": None}, "missing: disableProtocolSecurity"),
        ("RemoteSiteSetting", {**REMOTE, "url": "sync.example.com"}, "Remote Site URL: Invalid URL"),
        ("RemoteSiteSetting", {**REMOTE, "url": "ftp://sync.example.com"}, "Remote Site URL: Invalid URL"),
        ("RemoteSiteSetting", {**REMOTE, "url": "https://"}, "Remote Site URL: Invalid URL"),
        ("RemoteSiteSetting", {**REMOTE, "url": "https://*.example.com"}, "Remote Site URL: Invalid URL"),
        ("RemoteSiteSetting", {**REMOTE, "url": "https://a.example.com:99999"}, "Remote Site URL: Invalid URL"),
        ("RemoteSiteSetting", {**REMOTE, "url": "https://me@a.example.com"}, "Remote Site URL: Invalid URL"),
        ("RemoteSiteSetting", {**REMOTE, "url": "https://a.example.com/b c"}, "Remote Site URL: Invalid URL"),
        ("RemoteSiteSetting", {**REMOTE, "url": "https://[1"}, "Remote Site URL: Invalid URL"),
        ("RemoteSiteSetting", {**REMOTE, "url": "https://a.example.com/" + "p" * 250}, "data value too large"),
        (
            "RemoteSiteSetting",
            {**REMOTE, "context": "All"},
            "context invalid at this location in type RemoteSiteSetting",
        ),
        ("CspTrustedSite", {**TRUSTED, "endpointUrl": None}, "Required field is missing: endpointUrl"),
        ("CspTrustedSite", {**TRUSTED, "isActive": None}, "Required field is missing: isActive"),
        (
            "CspTrustedSite",
            {**TRUSTED, "context": "Everywhere"},
            "not a valid value for the enum 'CspTrustedSiteContext'",
        ),
        ("CspTrustedSite", {**TRUSTED, "endpointUrl": "javascript:alert(1)"}, "Trusted URL: Invalid URL"),
        ("CspTrustedSite", {**TRUSTED, "endpointUrl": "https://a b.example.com"}, "Trusted URL: Invalid URL"),
        ("CspTrustedSite", {**TRUSTED, "isApplicableToFrameSrc": False}, "Select at least one CSP directive."),
    ],
)
def test_what_is_missing_or_no_address_is_refused(org: Caller, kind: str, elements: dict[str, Any], text: str) -> None:
    """Fields marked "Required." in the Metadata API developer guide; an address is a URL with a host."""
    [said] = refused(org, package(kind, elements)).values()
    assert text in said


@pytest.mark.parametrize(
    "url",
    ["https://*.example.com", "wss://sync.example.com", "http://localhost:8080", "https://10.0.0.1", "*.example.com"],
)
def test_a_trusted_url_may_be_a_wildcard_or_a_web_socket(org: Caller, url: str) -> None:
    """Salesforce help, manage trusted URLs."""
    deployed(org, package("CspTrustedSite", {**TRUSTED, "endpointUrl": url}))


@pytest.mark.parametrize("name", ["1Sync", "Sync_", "My__Sync", "My Sync", "S" * 81])
def test_the_name_is_a_developer_name(org: Caller, name: str) -> None:
    """ "The name can only contain characters, letters, and the underscore (_) character ..." (RemoteSiteSetting)."""
    [said] = refused(org, package("RemoteSiteSetting", REMOTE, name)).values()
    assert said.startswith("Remote Site Name: ")


def test_a_site_that_is_not_there_is_a_warning(org: Caller) -> None:
    files = removal(CspTrustedSite=["Sync"])
    assert refused(org, files) == {"destructiveChanges.xml": "No CspTrustedSite named: Sync found"}
    deployed(org, files, ignoreWarnings=True)


def test_a_site_can_be_removed_and_made_again_in_one_deployment(org: Caller) -> None:
    first = deployed(org, package("RemoteSiteSetting", REMOTE))["Sync"]["id"]
    files = {
        **package("RemoteSiteSetting", REMOTE),
        "destructiveChangesPre.xml": manifest({"RemoteSiteSetting": ["Sync"]}),
    }
    row = deployed(org, files)["Sync"]
    assert (row["created"], row["id"] != first) == (True, True)
