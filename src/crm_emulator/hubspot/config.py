"""Every choice a HubSpot account leaves open; the defaults are a Professional account of 2026 with a private app.

Nothing here changes what a documented answer looks like; it sets limits, delays, and the few behaviours that HubSpot
does not document or that differ between accounts (each says so).
"""

from __future__ import annotations

import msgspec


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    account_id: int = 24_681_012
    account_name: str = "Local HubSpot"
    account_type: str = "DEVELOPER_TEST"
    time_zone: str = "UTC"
    company_currency: str = "USD"
    # Other currencies of the account and what one unit is worth in the company currency: {"EUR": "1.1"}.
    currencies: dict[str, str] = {}
    app_id: int = 1_500_123
    app_name: str = "Local private app"
    app_host: str = "https://app.hubspot.com"
    # The app's redirect addresses, to the letter. None, which no real app has: any address of this machine.
    redirect_uris: tuple[str, ...] | None = None
    # `permittedUrls` of a project app: where its cards may send requests, by the beginning of the address.
    app_permitted_urls: tuple[str, ...] = ()
    # HubSpot takes PKCE from every app and demands it of some (OAuth 2.1, MCP auth apps).
    require_pkce: bool = False
    # Scopes that the account's products do not include: an app that requires one cannot be let in, an optional one is left out.
    scopes_unavailable: tuple[str, ...] = ()
    # E-mail subscription types that the account starts with (the first is the default one).
    subscription_types: tuple[str, ...] = ()
    # The account's privacy setting (GDPR): a legal basis must come with every change of a subscription.
    data_privacy: bool = False

    # Professional, private app: 190 calls / 10 s, 625,000 a day; search 5 / s per account (API usage guidelines).
    rate_limits: bool = True
    burst_limit: int = 190
    burst_window_ms: int = 10_000
    oauth_burst_limit: int = 110
    daily_limit: int = 625_000
    search_per_second: int = 5
    # Association batches and labels are outside that burst and have a budget of their own (same page).
    association_burst_limit: int = 150
    association_daily_limit: int = 500_000

    # Third parties measured about 16,200 characters of address before 414 (PostHog, pull request 31617). How large a
    # body may be is not known.
    url_max_characters: int = 16_000
    body_max_bytes: int = 10_000_000

    # "A few moments" is all that is documented; third parties measured up to 30 s (CRM search, object freshness).
    search_lag_ms: int = 0
    search_lag_jitter_ms: int = 0
    # "Lists are updated as soon as data changes" and in large accounts minutes later: nothing is documented.
    list_lag_ms: int = 0
    search_page_max: int = 200
    search_total_max: int = 10_000

    # Pipelines of an object type. That there is a limit by plan is documented (limits tracking); 15 in Professional is unverified.
    pipelines_max: int = 15
    # "0.1": HubSpot's clients say "in increments of 0.1" of a stage's probability; its guide says "between 0.0 and 1.0" only.
    stage_probability_step: str | None = None
    # A pipeline's `autoCloseDateEnabled`, seen in an audit: a deal that enters a closed stage gets its close date, unless the
    # write brings one. Whether it is so for writes of apps is not documented.
    closing_sets_close_date: bool = False
    # Professional and Enterprise: 1,000 custom properties an object (HubSpot products and services catalog).
    custom_properties_max: int = 1_000
    list_page_max: int = 100
    list_search_page_max: int = 500
    history_page_max: int = 50
    batch_max: int = 100
    history_batch_max: int = 50
    association_read_batch_max: int = 1_000
    association_write_batch_max: int = 2_000
    association_page_max: int = 500
    association_v3_page_max: int = 100
    history_versions_max: int = 45
    # How many records of another object type one record may be associated with: 50,000 contacts a company (associations guide,
    # high usage); other pairs differ by plan. "contacts/companies": 5 means five companies a contact.
    association_max: int = 50_000
    association_maxima: dict[str, int] = {}

    # Recorded: batch results come in another order than the inputs.
    shuffle_batch_results: bool = True
    # Whether a merge keeps the primary's id or makes a new record. HubSpot's changelog: deals have always become a new record, and
    # contacts and companies too since January 2025. False is the account of today; True with ("deals",) that of before.
    merge_keeps_primary_id: bool = True
    merge_makes_new_of: tuple[str, ...] = ()
    # The same changelog: property values of both records are merged onto the new one, as history.
    merge_unites_histories: bool = False
    # Companies cannot be merged while HubSpot's own Salesforce integration is on (reported by many).
    companies_can_be_merged: bool = True
    # Third parties saw 207 with OBJECT_NOT_FOUND for missing ids (hubspot-api-php, issue 619); otherwise a batch read
    # leaves them out without a word.
    batch_read_names_missing: bool = True
    # Documented for GET and PATCH by id; not stated for batch read.
    batch_read_resolves_merged_ids: bool = False
    # The first company of a record becomes its primary one (knowledge base, "primary company").
    first_company_becomes_primary: bool = True
    # An account's setting, on in new accounts: a contact is associated with the company of its e-mail domain, which is
    # made when there is none (knowledge base, "automatically create and associate companies with contacts").
    creates_companies_of_contacts: bool = False
    domains_not_associated: tuple[str, ...] = ()
    # "Sync lifecycle stages" of companies, and of deals: two settings (knowledge base, "Automatically sync lifecycle stages").
    company_stage_moves_contacts: bool = False
    deals_move_stages: bool = False
    # "Any hidden property moves it": counts such as num_associated_contacts are properties too.
    rollups_move_lastmodified: bool = True
    # What a cleared property reads as. Recorded: the answer to the clearing write holds "".
    cleared_reads_as: str | None = ""
    # Recorded in 2026: a contact or company created without a lifecycle stage becomes a lead.
    default_lifecycle_stage: str | None = "lead"
