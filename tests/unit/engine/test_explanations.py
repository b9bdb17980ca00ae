"""What a refusal is said to be, and what to do about it: one meaning for each code, wherever it is asked for."""

from __future__ import annotations

import pytest

from interlock.core.model import IssueCategory
from interlock.crm.hubspot.classify import CATEGORY_BY_CODE
from interlock.crm.salesforce.classify import BY_CODE
from interlock.engine.explanations import fix_for, known


@pytest.mark.parametrize("code", BY_CODE)
def test_a_refusal_by_salesforce_is_shown_as_what_it_means(code: str) -> None:
    assert fix_for(code)[0] is BY_CODE[code].category


@pytest.mark.parametrize("code", CATEGORY_BY_CODE)
def test_a_refusal_by_hubspot_is_shown_as_what_it_means(code: str) -> None:
    assert fix_for(code)[0] is CATEGORY_BY_CODE[code]


@pytest.mark.parametrize(
    ("code", "category", "words"),
    [
        ("INSUFFICIENT_ACCESS", IssueCategory.PERMISSIONS, "access"),
        ("API_DISABLED_FOR_ORG", IssueCategory.PERMISSIONS, "access"),
        ("DUPLICATE_EXTERNAL_ID", IssueCategory.DUPLICATES, "merge"),
        ("STORAGE_LIMIT_EXCEEDED", IssueCategory.LIMITS, "storage is full"),
        ("INVALID_OPERATION", IssueCategory.CUSTOM_CODE, "Salesforce admin"),
        ("READ_ONLY_PROPERTY", IssueCategory.FIELD_MAPPING, "only reads"),
        ("FORBIDDEN", IssueCategory.PERMISSIONS, "access"),
        ("CONFLICTING_UNIQUE_VALUE", IssueCategory.DUPLICATES, "merge"),
        ("SOMETHING_NEW", IssueCategory.PROPERTY_VALUES, "as the message says"),
    ],
)
def test_a_code_without_words_of_its_own_has_those_of_its_category(
    code: str, category: IssueCategory, words: str
) -> None:
    found, fix = fix_for(code)
    assert found is category
    assert words in fix


def test_every_known_code_is_listed_once() -> None:
    codes = [code for code, _, _ in known()]
    assert len(codes) == len(set(codes))
    assert {*BY_CODE, *CATEGORY_BY_CODE} <= set(codes)
