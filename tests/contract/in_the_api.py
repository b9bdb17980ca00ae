"""What each page changes, or gives as a file, and the address of the JSON API that does the same. Written down here so that a page
which can do more than the API is noticed; why some are not in it, docs/api.md says under *Not in the API*."""

from __future__ import annotations

# Why not, by words of docs/api.md.
BROWSER = "which need somebody in a browser"
OWN = "which are that person's"

C = "/api/v1/connections/{connection}"
PAGE = "/connections/{id:int}"

IN_THE_API = {
    "POST /sign-in": OWN,
    "POST /sign-out": OWN,
    "POST /welcome/{token}": OWN,
    "POST /account/language": OWN,
    "POST /account/password": OWN,
    "POST /account/sign-out-elsewhere": OWN,
    "POST /notifications/mine": OWN,
    "POST /notifications/mine/test": OWN,
    "POST /notices/read": OWN,
    "POST /people": "POST /api/v1/people",
    "POST /people/{id:int}/role": "POST /api/v1/people/{id:int}/role",
    "POST /people/{id:int}/disable": "POST /api/v1/people/{id:int}/disable",
    "POST /people/{id:int}/enable": "POST /api/v1/people/{id:int}/enable",
    "POST /people/{id:int}/reset-password": "POST /api/v1/people/{id:int}/reset-password",
    "POST /api-tokens": "POST /api/v1/api-tokens",
    "POST /api-tokens/{id:int}/revoke": "POST /api/v1/api-tokens/{id:int}/revoke",
    "POST /notifications": "POST /api/v1/notifications",
    "POST /notifications/{id:int}/events": "POST /api/v1/notifications/{id:int}/events",
    "POST /notifications/{id:int}/remove": "POST /api/v1/notifications/{id:int}/remove",
    "POST /notifications/{id:int}/test": "POST /api/v1/notifications/{id:int}/test",
    "POST /notifications/threshold/{id:int}": f"POST {C}/notification-threshold",
    f"POST {PAGE}/health/allocation": f"POST {C}/allocation",
    f"POST {PAGE}/health/clear": f"POST {C}/resume",
    f"POST {PAGE}/issues/resync": f"POST {C}/issues/resync",
    f"POST {PAGE}/issues/ignore": f"POST {C}/issues/ignore",
    f"POST {PAGE}/issues/merge": f"POST {C}/issues/merge",
    f"GET {PAGE}/issues/export": f"GET {C}/issues/export",
    f"GET {PAGE}/not-synced/export": f"GET {C}/not-synced/export",
    f"POST {PAGE}/{{object}}/turn": f"POST {C}/objects/{{object}}/plan",
    f"POST {PAGE}/{{object}}/rules": f"POST {C}/objects/{{object}}/plan",
    f"POST {PAGE}/{{object}}/list": f"POST {C}/objects/{{object}}/plan",
    f"POST {PAGE}/{{object}}/lead-or-contact": f"POST {C}/objects/{{object}}/plan",
    f"POST {PAGE}/{{object}}/filters": f"POST {C}/objects/{{object}}/filter-count",
    f"POST {PAGE}/{{object}}/pipelines": f"POST {C}/objects/{{object}}/plan",
    f"POST {PAGE}/{{object}}/pipelines/make": f"POST {C}/pipelines",
    f"POST {PAGE}/{{object}}/role-labels": f"POST {C}/role-labels",
    f"POST {PAGE}/{{object}}/change/{{job}}/save": f"PUT {C}/objects/{{object}}",
    f"POST {PAGE}/{{object}}/import": f"POST {C}/import",
    f"POST {PAGE}/{{object}}/backfill": f"POST {C}/objects/{{object}}/backfill",
    f"POST {PAGE}/{{object}}/add/property": f"POST {C}/objects/{{object}}/properties",
    f"POST {PAGE}/{{object}}/options/{{property}}": f"POST {C}/objects/{{object}}/options/{{property}}",
    f"POST {PAGE}/{{object}}/resync": f"POST {C}/sync",  # with `all` or `list_id`
    f"POST {PAGE}/owners/pair": f"POST {C}/owners/pair",
    f"POST {PAGE}/owners/part": f"POST {C}/owners/pair",  # with null
    f"POST {PAGE}/connection/package": f"POST {C}/package/install",
    f"POST {PAGE}/org-work/{{run}}/again": f"POST {C}/package/install",
    f"POST {PAGE}/{{object}}/add": f"GET {C}/doctor",  # which reads both schemas again
    f"POST {PAGE}/{{object}}/mappings/preview": f"PUT {C}/mappings",  # with `plan`
    f"POST {PAGE}/{{object}}/mappings/save": f"PUT {C}/mappings",
    f"POST {PAGE}/mappings/upload": f"POST {C}/mappings/diff",
    f"POST {PAGE}/mappings/apply": f"PUT {C}/mappings",
    f"GET {PAGE}/mappings.yaml": f"GET {C}/mappings/export",
    f"GET {PAGE}/links.csv": f"GET {C}/links",
    "POST /hubspot/card": f"POST {C}/sync",
    f"POST {PAGE}/records/{{key}}/sync": f"POST {C}/sync",
    f"POST {PAGE}/undo/look": f"POST {C}/undo",
    f"POST {PAGE}/undo/{{job}}/run": f"POST {C}/undo",
    f"GET {PAGE}/undo/{{job}}/export": "GET /api/v1/jobs/{job}/export",
    f"POST {PAGE}/conflicts/resolve": f"POST {C}/conflicts/resolve",
    f"POST {PAGE}/conflicts/{{conflict:int}}/resolve": f"POST {C}/conflicts/{{id:int}}/resolve",
    f"POST {PAGE}/duplicates/look": f"POST {C}/duplicates",
    f"POST {PAGE}/suggestions/look": f"POST {C}/suggestions/look",
    f"POST {PAGE}/suggestions/decide": f"POST {C}/suggestions/decide",
    f"POST {PAGE}/connection/pause": f"POST {C}/pause",
    f"POST {PAGE}/connection/resume": f"POST {C}/resume",
    f"POST {PAGE}/connection/{{object}}/pause": f"POST {C}/pause",
    f"POST {PAGE}/connection/{{object}}/resume": f"POST {C}/resume",
    f"POST {PAGE}/disconnect": f"POST {C}/disconnect",
    f"POST {PAGE}/connection/{{side}}/sign-in": BROWSER,
    f"POST {PAGE}/new-sandbox/sign-in": BROWSER,
    f"POST {PAGE}/new-sandbox/connect": f"POST {C}/new-sandbox/connect",
    f"POST {PAGE}/new-sandbox/give-up": f"POST {C}/new-sandbox/give-up",
    f"POST {PAGE}/new-sandbox/again": f"POST {C}/new-sandbox/prepare",
    f"POST {PAGE}/new-sandbox/begin": f"POST {C}/new-sandbox/begin",
}
