"""Lead or contact: what every condition says of every situation, and what a table of rules makes of a person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from interlock.core.model import Raw
from interlock.objects.lead_or_contact import PersonRule, Undecided, When, create_as

HELD: dict[str, Mapping[str, Raw]] = {
    "not answered": {},
    "null": {"stage": None},
    "blank": {"stage": " "},
    "customer": {"stage": "customer"},
    "Customer": {"stage": "Customer"},
    "lead": {"stage": "lead"},
    "lead;customer": {"stage": "lead;customer"},
}
ACCOUNT = {None: "nobody can say", False: "no account", True: "an account"}
RULES = {
    "property is customer": PersonRule(When.PROPERTY_IS, "Contact", "stage", ("customer", "evangelist")),
    "property is not customer": PersonRule(When.PROPERTY_IS_NOT, "Contact", "stage", ("customer", "evangelist")),
    "property is known": PersonRule(When.PROPERTY_IS_KNOWN, "Contact", "stage"),
    "property is unknown": PersonRule(When.PROPERTY_IS_UNKNOWN, "Contact", "stage"),
}
ACCOUNT_RULE = PersonRule(When.ACCOUNT_EXISTS, "Contact")
NOBODY = PersonRule(When.PROPERTY_IS, "", "stage", ("lead",))
TABLES = {
    "no rules": (),
    "contact where there is an account": (ACCOUNT_RULE,),
    "nothing of leads, then contact where there is an account": (NOBODY, ACCOUNT_RULE),
    "contact where there is an account, then nothing of leads": (ACCOUNT_RULE, NOBODY),
}


def _said(found: str | Undecided) -> str:
    return f"undecided ({found.rule.when})" if isinstance(found, Undecided) else found or "nothing"


def _lines() -> Iterator[str]:
    yield "One rule that makes a contact, otherwise a lead."
    for called, rule in RULES.items():
        yield f"\n{called}"
        for held, values in HELD.items():
            yield f"  {held:<15} -> {_said(create_as((rule,), 'Lead', values, None))}"
    yield "\nTables, otherwise a lead."
    for called, rules in TABLES.items():
        yield f"\n{called}"
        for held in ("not answered", "customer", "lead"):
            for there, account in ACCOUNT.items():
                yield f"  {held:<15} {account:<15} -> {_said(create_as(rules, 'Lead', HELD[held], there))}"


def render() -> str:
    return "\n".join(_lines()) + "\n"
