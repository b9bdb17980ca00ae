"""The sample records of an account: HubSpot's own, as recorded in a new portal.

Source: dlt-hub/verified-sources, tests/hubspot/mock_data.py, Apache-2.0,
commit 3957506893a7da821dbcc6acd51c7ca4475d1f53.
"""

from __future__ import annotations

SAMPLE: dict[str, list[dict[str, str]]] = {
    "companies": [
        {"name": "Hubspot, Inc.", "domain": "hubspot.com"},
        {"name": "U.S. Food and Drug Administration", "domain": "fda.gov"},
    ],
    "contacts": [
        {
            "firstname": "Maria",
            "lastname": "Johnson (Sample Contact)",
            "email": "emailmaria@hubspot.com",
            "company": "HubSpot",
            "city": "Brisbane",
        },
        {"firstname": "Brian", "lastname": "Halligan (Sample Contact)", "email": "bh@hubspot.com"},
    ],
    "deals": [
        {"dealname": "With Atul", "amount": "500", "dealstage": "qualifiedtobuy", "pipeline": "default"},
        {"dealname": "Yodoo Deal (2021-11-25)", "amount": "3233", "dealstage": "qualifiedtobuy", "pipeline": "default"},
    ],
}
