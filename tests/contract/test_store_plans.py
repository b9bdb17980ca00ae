"""The hot questions are answered by the index they were written for, on both databases, right after a bulk load.

PostgreSQL without statistics walks all rows of a connection; SQLite could choose the wrong of two indexes. Both cost
nothing that a test of results would see.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from tests.contract.conftest import Clock

from interlock.core.model import (
    AuditKind,
    AuditRow,
    Intent,
    IntentKind,
    IntentState,
    Issue,
    IssueCategory,
    LinkedBy,
    LinkState,
    Reason,
    RecordKey,
    RecordLink,
    Side,
)
from interlock.store import (
    Store,
    WriteTx,
    audit,
    census,
    dirty,
    identity,
    intents,
    issues,
    links,
    suggestions,
    undos,
    unlinked,
)
from interlock.store.driver import Row
from interlock.store.sql import Bulk, Dialect
from interlock.store.suggestions import Suggestion
from interlock.store.undos import UndoRow
from interlock.store.unlinked import Unlinked

pytestmark = pytest.mark.anyio

N = 3000
BATCH = 200


class Asked:
    """A driver that remembers what was asked of it."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.questions: list[tuple[str, Sequence[Any]]] = []

    @property
    def dialect(self) -> Dialect:
        dialect: Dialect = self.inner.dialect
        return dialect

    async def rows(self, sql: str, parameters: Sequence[Any]) -> list[Row]:
        self.questions.append((sql, parameters))
        found: list[Row] = await self.inner.rows(sql, parameters)
        return found

    async def run(self, sql: str, parameters: Sequence[Any]) -> int:
        self.questions.append((sql, parameters))
        changed: int = await self.inner.run(sql, parameters)
        return changed

    async def many(self, bulk: Bulk, rows: Sequence[Row]) -> None:
        await self.inner.many(bulk, rows)

    async def plans(self) -> list[str]:
        explain = "EXPLAIN QUERY PLAN " if self.dialect is Dialect.SQLITE else "EXPLAIN "
        texts = []
        for sql, parameters in self.questions:
            plan = await self.inner.rows(explain + sql, parameters)
            texts.append("\n".join(" ".join(map(str, row)) for row in plan))
        return texts


def hubspot(n: int) -> RecordKey:
    return RecordKey(Side.HUBSPOT, "contacts", f"{n:06}")


def salesforce(n: int) -> RecordKey:
    return RecordKey(Side.SALESFORCE, "Contact", f"003{n:06}")


async def load(tx: WriteTx) -> None:
    pairs = [(hubspot(n), salesforce(n)) for n in range(N)]
    await links.insert(
        tx,
        [
            RecordLink("contacts", h.id, "Contact", s.id, LinkState.LINKED, LinkedBy.EMAIL, 1, {1: (n, n)}, {})
            for n, (h, s) in enumerate(pairs)
        ],
    )
    await dirty.mark(tx, "contacts", [h for h, _ in pairs], Reason.CHANGED, 1)
    await intents.open_(
        tx, [Intent("contacts", IntentKind.UPDATE, IntentState.SENT, h, s, "", {}, 1, 1, 1) for h, s in pairs]
    )
    await audit.append(tx, [AuditRow(n, AuditKind.UPDATE, "contacts", h.id, s.id) for n, (h, s) in enumerate(pairs)])
    await issues.raise_(
        tx,
        [Issue(IssueCategory.LIMITS, "c", "error", "contacts", h.id, s.id, "Contact", "", "") for h, s in pairs],
    )
    resolved = [
        Issue(IssueCategory.LIMITS, "c", "error", "contacts", f"{N + n}", None, None, "", "", status="resolved")
        for n in range(N)
    ]
    await issues.raise_(tx, resolved)
    for status in audit.CONFLICT_STATUSES:
        conflict: dict[str, Any] = {"side": Side.HUBSPOT, "property": "jobtitle", "status": status}
        await audit.append(
            tx, [AuditRow(n, AuditKind.CONFLICT, "contacts", f"{n}", None, **conflict) for n in range(N // 3)]
        )
    await undos.put(tx, [UndoRow(n, Side.HUBSPOT, "jobtitle", "Title", None, "x", 1) for n in range(N)])
    await identity.put(tx, "contacts", Side.SALESFORCE, [("email", f"{s.id}@x.com", s.id) for _, s in pairs])
    await unlinked.put(tx, [Unlinked(h, "contacts", 1, "excluded", "", 1) for h, _ in pairs])
    suggested = [Suggestion("contacts", h, s, "open", False, n, (), 0, 1) for n, (h, s) in enumerate(pairs)]
    await suggestions.replace_open(tx, "contacts", suggested)


QUESTIONS: dict[str, tuple[Any, list[str]]] = {
    "links by HubSpot id": (
        lambda tx: links.by_hubspot(tx, "contacts", [hubspot(n).id for n in range(BATCH)]),
        ["uq_record_link_hubspot"],
    ),
    "links by Salesforce id": (
        lambda tx: links.by_salesforce(tx, "contacts", [salesforce(n).id for n in range(BATCH)]),
        ["uq_record_link_salesforce"],
    ),
    "a page of links": (lambda tx: links.page(tx, "contacts", N // 2, 10), ["ix_record_link_page", "pk_record_link"]),
    "a page of links in one state": (
        lambda tx: links.page_of_state(tx, "contacts", LinkState.EXCLUDED, N // 2, 10),
        ["ix_record_link_page", "pk_record_link"],
    ),
    "claim": (lambda tx: dirty.claim(tx, "contacts", 5, 10), ["ix_dirty_due"]),
    "clear": (
        lambda tx: dirty.clear(tx, [hubspot(n) for n in range(BATCH)], 10**9),
        ["pk_dirty", "pk_awaited", "PRIMARY KEY"],
    ),
    "no longer awaited": (
        lambda tx: dirty.await_(tx, [hubspot(n) for n in range(BATCH)], []),
        ["pk_awaited", "PRIMARY KEY"],
    ),
    "open intents": (
        lambda tx: intents.for_keys(tx, [hubspot(n) for n in range(BATCH)]),
        ["ix_intent_source", "ix_intent_target"],
    ),
    "history from HubSpot": (lambda tx: audit.history(tx, hubspot(7)), ["ix_audit_hubspot"]),
    "history from Salesforce": (lambda tx: audit.history(tx, salesforce(7)), ["ix_audit_salesforce"]),
    "audit since": (lambda tx: anext(audit.since(tx, N - 5)), ["ix_audit_at"]),
    "audit rows by id": (lambda tx: audit.by_ids(tx, [1, 2]), ["pk_audit", "PRIMARY KEY"]),
    "open conflicts": (lambda tx: audit.conflicts(tx, "open", 10, str(2 * N)), ["ix_audit_conflict"]),
    "all conflicts": (lambda tx: audit.conflicts(tx, None, 10, str(2 * N)), ["ix_audit_conflict"]),
    "how many conflicts": (lambda tx: audit.conflicts_in_all(tx, None, None, None), ["ix_audit_conflict"]),
    "issues that need a person": (lambda tx: issues.list_(tx, cursor="7", limit=10), ["ix_issue_unresolved"]),
    "issues of a record": (lambda tx: issues.list_(tx, record=hubspot(7), limit=10), ["ix_issue_hubspot"]),
    "issues that are over": (
        lambda tx: issues.list_(tx, status=("resolved",), cursor="7", limit=10),
        ["ix_issue_over", "pk_issue"],  # one walk or the other, in order of id; only PostgreSQL takes the second
    ),
    "not synced for a reason": (
        lambda tx: unlinked.page(tx, "contacts", "excluded", hubspot(7), 10),
        ["ix_unlinked_why", "pk_unlinked", "PRIMARY KEY"],
    ),
    "what was undone of pairs": (lambda tx: undos.of_run(tx, 1, [1, 2]), ["ix_undo_link"]),
    "resolve": (
        lambda tx: issues.resolve(tx, [hubspot(N + 1), salesforce(N + 1)]),
        ["ix_issue_hubspot", "ix_issue_salesforce"],
    ),
    "find identities": (
        lambda tx: identity.find(tx, "contacts", Side.SALESFORCE, "email", [f"{salesforce(7).id}@x.com"]),
        ["pk_identity", "PRIMARY KEY"],
    ),
    "drop identities": (
        lambda tx: identity.drop(tx, "contacts", Side.SALESFORCE, [salesforce(N + n).id for n in range(BATCH)]),
        ["ix_identity_record"],
    ),
    "forget a part of a census": (lambda tx: census.forget_page(tx, "contacts"), ["ix_identity_record"]),
    "a page of suggestions": (lambda tx: suggestions.page(tx, "open", "contacts", 0, 10), ["ix_suggestion_state"]),
    "whether a person has decided about any": (
        lambda tx: suggestions.any_decided(tx, "contacts"),
        ["ix_suggestion_state"],
    ),
    "what a person has said of records": (
        lambda tx: suggestions.decided_of(tx, "contacts", [hubspot(7), salesforce(8)]),
        ["ix_suggestion_hubspot", "ix_suggestion_salesforce"],
    ),
    "what is suggested of linked records": (
        lambda tx: suggestions.settle(tx, "contacts", [hubspot(N + 1), salesforce(N + 1)]),
        ["ix_suggestion_hubspot", "ix_suggestion_salesforce"],
    ),
    "why not synced": (
        lambda tx: unlinked.by_keys(tx, [hubspot(n) for n in range(BATCH)]),
        ["pk_unlinked", "PRIMARY KEY"],
    ),
}


@pytest.fixture
def postgres_url(empty_postgres_url: str) -> str:
    """Of its own: what other tests deleted, of which nothing is left but the room, misleads PostgreSQL's planner."""
    return empty_postgres_url


async def test_hot_questions_are_answered_by_their_index(store: Store, connection_id: int, clock: Clock) -> None:
    async with store.write(connection_id) as tx:
        await load(tx)
    wrong: list[str] = []
    for name, (question, indexes) in QUESTIONS.items():
        async with store.write(connection_id) as tx:
            asked = Asked(tx._driver)
            tx._driver = asked
            await question(tx)
            for plan in await asked.plans():
                if not any(index in plan for index in indexes) or "Seq Scan" in plan:
                    wrong.append(f"{name}:\n{plan}")
    assert wrong == []
