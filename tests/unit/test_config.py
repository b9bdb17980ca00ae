"""Settings of the process: what is refused, and the address that links are made from."""

from __future__ import annotations

from pathlib import Path

import pytest

from interlock import config
from interlock.app.errors import BadInput


def settings(folder: Path, text: str) -> config.ProcessSettings:
    (folder / config.CONFIG_NAME).write_text(text)
    return config.load(folder).settings


@pytest.mark.parametrize(
    "url", ["sync.example.com", "ftp://x", "https://", "https://x/y", "https://x?y", "javascript:alert(1)"]
)
def test_a_public_url_that_no_browser_could_open_is_refused_with_its_line(tmp_path: Path, url: str) -> None:
    with pytest.raises(BadInput, match=r"line 2: public_url: .*like https://sync\.example\.com") as caught:
        settings(tmp_path, f"port: 1\npublic_url: {url}\n")
    assert caught.value.failure.field == "public_url"


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("", "http://localhost:8090"),
        ("port: 1", "http://localhost:1"),
        ("host: 0.0.0.0", "http://localhost:8090"),
        ("host: '::1'", "http://localhost:8090"),
        ("host: '::'", "http://localhost:8090"),
        ("host: 192.0.2.7", "http://192.0.2.7:8090"),
        ("host: '2001:db8::7'", "http://[2001:db8::7]:8090"),
        ("public_url: https://sync.example.com/", "https://sync.example.com"),
        ("public_url: https://sync.example.com:8443", "https://sync.example.com:8443"),
    ],
)
def test_links_are_made_from_the_address_that_browsers_can_reach(tmp_path: Path, text: str, url: str) -> None:
    assert settings(tmp_path, text).browser_url == url


@pytest.mark.parametrize("listed", ["sync.example.com", "10.0.0.0/40", "10.0.0", "*"])
@pytest.mark.parametrize("name", ["allowed_addresses", "api_addresses", "trusted_proxies"])
def test_what_is_no_network_is_refused_by_name_instead_of_letting_everybody_or_nobody_in(
    tmp_path: Path, name: str, listed: str
) -> None:
    with pytest.raises(BadInput, match=f"line 2: {name}: .*no address or network"):
        settings(tmp_path, f"port: 1\n{name}: ['{listed}']\n")
    assert settings(tmp_path, f"{name}: ['10.0.5.3/8', '2001:db8::1']").model_dump()[name] == (
        "10.0.0.0/8",
        "2001:db8::1/128",
    )


@pytest.mark.parametrize("everybody", ["0.0.0.0/0", "::/0", "::ffff:0:0/96"])
def test_a_proxy_that_would_be_everybody_is_not_trusted(tmp_path: Path, everybody: str) -> None:
    with pytest.raises(BadInput, match=r"trusted_proxies: .* everybody, .*X-Forwarded-For"):
        settings(tmp_path, f"trusted_proxies: ['{everybody}']")


@pytest.mark.parametrize("listed", ["0.0.0.0/1", "128.0.0.0/1", "64.0.0.0/7", "2000::/3", "::/8", "::/64"])
def test_a_network_larger_than_a_proxy_has_is_not_trusted(tmp_path: Path, listed: str) -> None:
    with pytest.raises(BadInput, match=r"line 1: trusted_proxies: .* more addresses than a proxy has, .*10\.0\.0\.0/8"):
        settings(tmp_path, f"trusted_proxies: ['{listed}']")
    largest = ["10.0.0.0/8", "fc00::/7", "127.0.0.1", "::1"]
    assert len(settings(tmp_path, f"trusted_proxies: {largest}").trusted_proxies) == 4


@pytest.mark.parametrize("name", ["allowed_addresses", "api_addresses", "trusted_proxies"])
def test_an_address_of_version_4_written_as_one_of_version_6_is_taken_as_what_it_is(tmp_path: Path, name: str) -> None:
    listed = settings(tmp_path, f"{name}: ['::ffff:203.0.113.7', '::ffff:10.0.0.0/104', '2001:db8::/32']")
    assert listed.model_dump()[name] == ("203.0.113.7/32", "10.0.0.0/8", "2001:db8::/32")


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("allowed_addresses: ['10.0.0.0/8']", "http://localhost:8090"),
        ("allowed_addresses: ['10.0.0.0/8']", None),
        ("allowed_addresses: ['10.0.0.0/8']\ntrusted_proxies: ['127.0.0.1']", "https://sync.example.com"),
        ("host: 0.0.0.0", "https://sync.example.com"),
    ],
)
def test_a_list_of_addresses_is_served_where_it_can_tell_who_asks(
    tmp_path: Path, text: str, address: str | None
) -> None:
    settings(tmp_path, text)
    config.load(tmp_path).check_reach(address)
