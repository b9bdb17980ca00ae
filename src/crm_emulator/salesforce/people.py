"""A person at work in the org: what the web pages do, what tests and the demo do, without HTTP and without limits.

Edits are validated and stamped as any save is, run as that user (LastModifiedById), and are journalled under the
person's
e-mail with the client "ui". A person sees the duplicate warning and saves anyway; assignment rules run only when
asked for.
Refusals are ApiError, with the message the API would give.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from crm_emulator.salesforce.errors import RecordError, not_found
from crm_emulator.salesforce.ids import to_18
from crm_emulator.salesforce.leads import Conversion, Wish, convert_lead
from crm_emulator.salesforce.org import Org
from crm_emulator.salesforce.removal import Remover
from crm_emulator.salesforce.save import Saver
from crm_emulator.salesforce.setup import OrgUser
from crm_emulator.salesforce.store import Record, Table
from crm_emulator.salesforce.transaction import Caller, Transaction


class UserHandle:
    def __init__(self, org: Org, saver: Saver, remover: Remover, user: OrgUser) -> None:
        self.user = user
        self._org = org
        self._saver = saver
        self._remover = remover

    @property
    def id(self) -> str:
        return self.user.id

    def create(self, sobject: str, fields: Mapping[str, Any], *, assign: bool = False) -> str:
        table = self._table(sobject)
        caller = self._caller(assign)
        changes = self._saver.read(caller, table, dict(fields), create=True)
        made: list[Record] = []
        self._do(caller, lambda tx: made.append(self._saver.create(tx, table, changes)))
        return made[0].id

    def update(self, sobject: str, id: str, fields: Mapping[str, Any], *, assign: bool = False) -> None:
        table, record = self._table(sobject), self._record(sobject, id)
        caller = self._caller(assign)
        changes = self._saver.read(caller, table, dict(fields), create=False)
        self._do(caller, lambda tx: self._saver.update(tx, record, changes))

    def delete(self, sobject: str, id: str) -> None:
        record = self._record(sobject, id)
        self._do(self._caller(), lambda tx: self._remover.delete(tx, record))

    def undelete(self, sobject: str, id: str) -> None:
        """Out of the recycle bin; only a person can."""
        record = self._record(sobject, id)
        self._do(self._caller(), lambda tx: self._remover.undelete(tx, record))

    def merge(self, sobject: str, winner: str, *losers: str, fields: Mapping[str, Any] | None = None) -> str:
        """Keep `winner`, with `fields` set on it; the losers go to the bin. Returns the id that survives."""
        table, record = self._table(sobject), self._record(sobject, winner)
        caller = self._caller()
        changes = self._saver.read(caller, table, dict(fields or {}), create=False)
        others = [self._record(sobject, loser) for loser in losers]
        self._do(caller, lambda tx: self._remover.merge(tx, record, others, changes))
        return record.id

    def convert_lead(
        self,
        lead: str,
        *,
        account: str | None = None,
        contact: str | None = None,
        opportunity: str | None = None,
        status: str | None = None,
        owner: str | None = None,
        custom: Mapping[str, str] | None = None,
    ) -> Conversion:
        """`account` and `contact` are existing rows to convert into (a contact brings its account); `opportunity` is the
        name of one to make; `custom` maps custom fields of the lead to the contact's; `owner` is a user's id."""
        done: list[Conversion] = []
        chosen = self._record("Contact", contact) if contact else None
        if chosen is not None and account is None:
            account = str(chosen.values.get("AccountId", "")) or None
        wish = Wish(
            account=self._record("Account", account) if account else None,
            contact=chosen,
            opportunity_name=opportunity,
            status=status,
            owner_id=owner,
            custom=dict(custom or {}),
        )
        row = self._record("Lead", lead)
        self._do(self._caller(), lambda tx: done.append(convert_lead(self._org, self._saver, tx, row, wish)))
        return done[0]

    def get(self, sobject: str, id: str) -> dict[str, Any]:
        """Every field that this user may see, as the API would show it; a deleted row too (IsDeleted)."""
        table, record = self._table(sobject), self._record(sobject, id)
        view = self._org.access.view(self.user.id, table.sobject)
        getter = self._org.getters.getter
        return {name: getter(table.sobject.name, field)(record) for name, field in view.fields.items()}

    def ids(self, sobject: str) -> list[str]:
        """Live rows, oldest id first."""
        return [record.id for record in self._table(sobject).from_id("") if record.deleted_s is None]

    def _caller(self, assign: bool = False) -> Caller:
        return Caller(self.user.id, "ui", person=self.user.email, assign=assign, allow_duplicates=True)

    def _do(self, caller: Caller, work: Callable[[Transaction], object]) -> None:
        """One transaction: all of it or nothing."""
        tx = self._org.begin(caller, can_roll_back=True)
        try:
            work(tx)
        except RecordError:
            tx.roll_back()
            raise
        tx.commit()

    def _table(self, sobject: str) -> Table:
        self._org.settle()
        found = self._org.sobject(sobject)
        if found is None:
            raise not_found()
        return self._org.tables[found.name]

    def _record(self, sobject: str, id: str) -> Record:
        record = self._table(sobject).rows.get(to_18(id) or "")
        if record is None:
            raise not_found()
        return record
