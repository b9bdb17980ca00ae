"""What two records have in common: for each trait of a person or company, how alike the two are in it."""

from __future__ import annotations

import enum
from collections.abc import Mapping


class Trait(enum.StrEnum):
    EMAIL = "email"
    PHONE = "phone"
    BORN = "born"
    GIVEN = "given"  # a person's first name
    FAMILY = "family"
    NAME = "name"  # a company's
    DOMAIN = "domain"
    STREET = "street"
    CITY = "city"
    POSTCODE = "postcode"
    EMPLOYER = "employer"


class Likeness(enum.StrEnum):
    SAME = "same"  # equal once both are normalised
    CLOSE = "close"  # differ as a slip of the pen, a short form or a missing word would make them
    CROSSED = "crossed"  # each stands where the other has its other name
    SHARED = "shared"  # equal, but many people or companies have it (`info@`, a site anybody gets a page on)
    UNLIKE = "unlike"
    UNKNOWN = "unknown"  # one of the two has none, which says nothing


# A trait that is missing is unknown.
Evidence = Mapping[Trait, Likeness]
