"""The settings of a local org: every limit, delay and habit of the API that differs between real orgs, with its
default."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

# Daily API requests by edition, without licences' share (Salesforce limits quick reference).
DAILY_API_REQUESTS = {
    "Developer Edition": 15_000,
    "Professional Edition": 100_000,
    "Enterprise Edition": 100_000,
    "Unlimited Edition": 100_000,
}
EARLIEST_VERSION, LATEST_VERSION = 58, 67


@dataclass(slots=True)
class Config:
    edition: str = "Developer Edition"
    org_name: str = "Local Salesforce"
    instance_url: str = "https://local.my.salesforce.com"
    daily_api_requests: int | None = None  # None: what the edition has
    enforce_daily_limit: bool = True
    # A transaction's stamp is this much older than the moment its rows appear: one figure, or a range to draw from.
    commit_delay_ms: int | tuple[int, int] = 0
    page_size_rows: int = 2_000
    # Whether a custom field made through the Tooling API can be seen at once. In a real org nobody can see it.
    custom_fields_visible: bool = False
    # A field that does not exist, or JSON of the wrong type, refuses the whole collections call ("request", as the JSON
    # reader of a real org does, which meets it before any record) or only its record ("record").
    malformed_records: Literal["request", "record"] = "request"
    # How long a deployment waits, then works on each component, then commits. With 0 it is over at the next call.
    deploy_pending_s: float = 0
    deploy_component_s: float = 0
    deploy_finalize_s: float = 0
    recycle_bin_days: int = 15
    features: tuple[str, ...] = ()  # what the org has on top of a bare one: names of `features/`
    session_s: int | None = None  # life of an access token; None: until it is revoked
    sandbox: bool = False
    # The app's settings and policies. Callback addresses count to the letter; None, which no real app has: any of this machine.
    callback_urls: tuple[str, ...] | None = None
    require_pkce: bool = True  # external client apps: always, since 2026
    rotate_refresh_tokens: bool = False
    app_scopes: tuple[str, ...] = ("api", "refresh_token", "offline_access", "openid", "id", "web", "full")
    app_certificate: str | None = None  # JWT bearer: the certificate, or its public key, uploaded to the app (PEM)
    app_policy: Literal["allowed", "not_installed", "blocked", "admin_approved"] = "allowed"
    max_cursors: int = 10
    cursor_life_s: int = 2 * 86_400
    uri_bytes: int = 16_384
    soql_chars: int = 100_000

    @property
    def daily_limit(self) -> int:
        if self.daily_api_requests is not None:
            return self.daily_api_requests
        return DAILY_API_REQUESTS.get(self.edition, 100_000)
