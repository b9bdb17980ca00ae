"""The step of objects, and of the rule of each pair of property and field. In *Advanced* only.

Kept is what differs from the Recommended configuration: the objects that are off, and rules by `object/property`.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from interlock.app import sign_in
from interlock.app.errors import BadInput
from interlock.app.setup import configuration, migrate, same_values, state
from interlock.app.setup.connecting import Found
from interlock.app.setup.draft import Choices, Draft, check_rule
from interlock.objects.registry import SPECS
from interlock.store.setups import Setup

slug = "properties"
(ALWAYS_ON,) = sign_in.ALWAYS_ON


class Values(msgspec.Struct, frozen=True):
    objects: tuple[str, ...] = tuple(SPECS)
    rules: dict[str, str] = {}
    saved: bool = False


def values_of(setup: Setup) -> Values:
    """As recommended while the step is not in the path, whatever was chosen in it before."""
    return state.kept(setup, slug, Values) if applies(setup) else Values()


def applies(setup: Setup) -> bool:
    return configuration.advanced(setup)


def done(setup: Setup) -> bool:
    return values_of(setup).saved


def choices_of(setup: Setup) -> Choices:
    values = values_of(setup)
    missing, imported = configuration.values_of(setup).missing, migrate.lists_of(setup)
    return Choices(values.objects, values.rules, missing, imported, same_values.values_of(setup).joined)


def draft_of(setup: Setup, found: Found) -> Draft:
    return found.draft(choices_of(setup))


def with_rules(values: Values, found: Draft, chosen: dict[str, str]) -> Values:
    """`chosen` by row key. Raises BadInput for a row that there is not, or a rule that its row is locked against."""
    known = {row.key: row for listed in found.rows.values() for row in listed}
    rules = dict(values.rules)
    for key, rule in chosen.items():
        if key not in known:
            raise BadInput(f"There is no row {key}.", code="unknown_row", fix="Load the page again.")
        if check_rule(known[key], rule) is not known[key].rule:
            rules[key] = rule
    return msgspec.structs.replace(values, rules=rules)


def with_object(values: Values, object_: str, on: bool) -> Values:
    """Raises BadInput: contacts are what all else hangs on."""
    if object_ not in SPECS or (object_ == ALWAYS_ON and not on):
        raise BadInput(
            f"{object_} cannot be switched.",
            code="object_always_on",
            fix="Contacts always sync; switch companies or deals.",
        )
    wanted: Sequence[str] = [*values.objects, object_] if on else [each for each in values.objects if each != object_]
    return msgspec.structs.replace(values, objects=tuple(each for each in SPECS if each in wanted))
