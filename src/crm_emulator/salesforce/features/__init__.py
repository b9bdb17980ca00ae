"""What an org has only where it is switched on: several currencies, person accounts, picklists of states and countries.

Each module adds to a bare org what real orgs get with the feature; none can be taken back, as in real orgs, but a reset
gives an org without them. Nothing here is on unless it is asked for.
"""

from __future__ import annotations

from collections.abc import Collection

from crm_emulator.salesforce.features import currencies, persons, places
from crm_emulator.salesforce.org import Org

NAMES = ("multi_currency", "person_accounts", "state_and_country_picklists")


def check_names(names: Collection[str]) -> None:
    """Raises ValueError for a name that is none."""
    for name in names:
        if name not in NAMES:
            raise ValueError(f"features: there is no {name}; there are {', '.join(NAMES)}")


def switch_on(org: Org, names: Collection[str]) -> None:
    check_names(names)
    if "multi_currency" in names:
        currencies.switch_on(org)
    if "person_accounts" in names:
        persons.switch_on(org)
    if "state_and_country_picklists" in names:
        places.switch_on(org)  # after person accounts, whose addresses have them too
