"""A condition that a person wrote stands in a query of ours and says whether a record fits, and nothing else, whatever its text."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from crm_emulator.salesforce.errors import RequestError
from crm_emulator.salesforce.soql import ast
from crm_emulator.salesforce.soql.parser import parse
from interlock.crm.salesforce.condition import CHARS_MAX, NotACondition, among, condition, count

ID = "003000000000001AAA"
PARTS = (
    *(
        "Name",
        "Account.Type",
        "IsDeleted",
        "=",
        "!=",
        "<",
        "LIKE",
        "IN",
        "NOT",
        "AND",
        "OR",
        "(",
        ")",
        ",",
        "'",
        "\\",
        "''",
    ),
    *(
        "'x'",
        "'it\\'s'",
        "')'",
        "1",
        "-1.5",
        "true",
        "null",
        "2026-01-31",
        "2026-01-31T10:00:00Z",
        "LAST_N_DAYS:30",
        "TODAY",
    ),
    *(
        "SELECT",
        "Id",
        "FROM",
        "Contact",
        "WHERE",
        "ORDER BY",
        "LIMIT 1",
        "OFFSET 2",
        "FOR UPDATE",
        "ALL ROWS",
        ";",
        "--",
        "/*",
    ),
    *(
        "INCLUDES",
        "('a;b')",
        "\n",
        "\0",
        "\u201c",
        "ż",
        "WITH SECURITY_ENFORCED",
        "USING SCOPE mine",
        "GROUP BY Name",
        ":x",
    ),
)
texts = st.lists(st.sampled_from(PARTS), min_size=1, max_size=12).map(" ".join) | st.text(max_size=40)


@given(texts)
@example("Name = 'x') OR (Name != 'x'")
@example("Name = 'x') AND (Name != 'x'")
@example("Name = 'x' OR Name = 'y'")
@example("Name = 'x\\') OR (IsDeleted = false'")
@example("Name = 'x') ORDER BY Name LIMIT 1")
def test_what_is_taken_only_narrows_our_query(text: str) -> None:
    try:
        query = parse(among("Contact", [ID], text))
    except (NotACondition, RequestError):
        return
    assert isinstance(query.where, ast.And)
    ours, theirs = query.where.parts
    assert isinstance(ours, ast.InList)
    # By itself it is the very same condition: our parentheses are where they were put.
    assert _shape(theirs) == _shape(parse(count("Contact", text)).where)
    assert (query.order_by, query.group_by, query.having, query.limit, query.options, query.scope) == (
        *((), (), None, None, ()),
        None,
    )
    assert "InQuery" not in repr(theirs)


def _shape(found: object) -> str:
    """Without the places in the text."""
    return re.sub(r"at=\d+", "", repr(found))


@pytest.mark.parametrize(
    "text",
    [
        "Type = 'Customer'",
        "(Type = 'Customer' OR Type = 'Partner') AND Name != null",
        "Account.Owner.Name LIKE 'A%'",
        "CreatedDate = LAST_N_DAYS:30 AND LastActivityDate > 2026-01-31",
        "CreatedDate > 2026-01-31T10:00:00+01:00",
        "Interests__c INCLUDES ('a;b', 'c')",
        "NOT Name IN ('SELECT', 'x) OR (y', 'it\\'s')",
        "AnnualRevenue > -1.5",
        "CALENDAR_YEAR(CreatedDate) = 2026",
        "Name = 'ż'\r\nAND Title != ''",
    ],
)
def test_conditions_that_people_write_are_taken(text: str) -> None:
    parse(count("Contact", condition(text)))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no condition"),
        ("WHERE Name = 'x'", "WHERE is of a query"),
        ("Id IN (SELECT ContactId FROM Case)", "SELECT is of a query"),
        ("Name = 'x' ORDER BY Name", "ORDER is of a query"),
        ("Name = 'x' limit 5", "LIMIT is of a query"),
        ("Name = 'x') OR (Name != 'x'", "closed at character 11"),
        ("(Name = 'x'", "not closed"),
        ("Name = 'x", "begins at character 8 has no end"),
        ("Name = 'x\\'", "begins at character 8 has no end"),
        ('Name = "x"', "belongs in no condition"),
        ("Name = 'x'; DELETE", "belongs in no condition"),
        ("Name = 'a\0b'", "has no end"),
        ("Name = '" + "x" * CHARS_MAX + "'", "too long"),
        ("Name = '" + "ż" * 1_500 + "'", "too long"),
    ],
)
def test_what_is_no_condition_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(NotACondition) as refused:
        condition(text)
    assert why in refused.value.message
    assert refused.value.fix
