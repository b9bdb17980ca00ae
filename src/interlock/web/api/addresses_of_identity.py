"""The addresses of the JSON API for records that may be one; see addresses.py."""

from __future__ import annotations

from interlock.app.people.roles import Action
from interlock.web.address import Operation
from interlock.web.api import suggestions

_HERE = "/api/v1/connections/{connection}/suggestions"

IDENTITY = (
    Operation(
        "GET",
        _HERE,
        Action.SEE,
        suggestions.list_,
        name="list_suggestions",
        summary="Records without counterpart that may be one, with the reasons, the likeliest first.",
        answers="suggestions",
        query=suggestions.Listing,
        tag="suggestions",
    ),
    Operation(
        "POST",
        f"{_HERE}/look",
        Action.OPERATE,
        suggestions.look,
        name="look_for_suggestions",
        summary="Compare the records that have no counterpart, and suggest which may be one. A job; links nothing.",
        answers="job",
        status=202,
        body=suggestions.Looking,
        again="While it runs, the answer is the same job; afterwards a new one is begun.",
        tag="suggestions",
    ),
    Operation(
        "POST",
        f"{_HERE}/decide",
        Action.OPERATE,
        suggestions.decide,
        name="decide_suggestion",
        summary="Accept one, so that the next sync links the two, or refuse it: it is not suggested again.",
        answers="suggestions-decide",
        body=suggestions.Decision,
        again="Nothing more changes.",
        tag="suggestions",
    ),
)
