"""The rules of fields as pages name them, in the order of a choice."""

from __future__ import annotations

from interlock.core.model import SyncRule
from interlock.web.texts import _


def rule_names() -> dict[SyncRule, str]:
    return {
        SyncRule.PREFER_SALESFORCE: _("Prefer Salesforce unless blank"),
        SyncRule.ALWAYS_SALESFORCE: _("Always use Salesforce"),
        SyncRule.TWO_WAY: _("Two-way"),
        SyncRule.PREFER_HUBSPOT: _("Prefer HubSpot unless blank"),
        SyncRule.ALWAYS_HUBSPOT: _("Always use HubSpot"),
        SyncRule.DONT_SYNC: _("Don't sync"),
    }


def rule_choices(allowed: tuple[SyncRule, ...] = tuple(SyncRule)) -> list[tuple[str, str]]:
    return [(rule.value, name) for rule, name in rule_names().items() if rule in allowed]
