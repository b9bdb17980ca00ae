"""A person at work in the account: what the web pages do, what tests and the demo do, without HTTP and without limits.

Edits are validated as HubSpot validates them, are journalled under the person's e-mail, and show as CRM_UI in history.
Refusals are ApiError, with the message the API would give.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from crm_emulator.hubspot import errors
from crm_emulator.hubspot.account import Account, User
from crm_emulator.hubspot.app_card import CardRequest, card_request
from crm_emulator.hubspot.associations import target
from crm_emulator.hubspot.operations import Operations
from crm_emulator.hubspot.records import Record, Table
from crm_emulator.hubspot.subscriptions import BY_PERSON, Choice


class UserHandle:
    def __init__(self, account: Account, operations: Operations, user: User) -> None:
        self.user = user
        self._operations = operations
        self._portal = operations.portal
        self._actor = account.user_actor(user)

    @property
    def owner_id(self) -> str:
        return str(self.user.owner_id)

    def create(self, type: str, properties: Mapping[str, Any]) -> str:
        table = self._portal.table(type)
        draft = self._operations.draft_create(table, properties, self._actor)
        return str(self._operations.carry_out(table, draft, self._actor).id)

    def update(self, type: str, id: str, properties: Mapping[str, Any]) -> None:
        table, record = self._record(type, id)
        draft = self._operations.draft_update(table, record, properties, self._actor)
        self._operations.carry_out(table, draft, self._actor)

    def archive(self, type: str, id: str) -> None:
        table, record = self._record(type, id)
        self._operations.archive(table, record, self._actor)

    def erase(self, id: str) -> None:
        """*Permanently delete contact (GDPR)*: it is in no archive afterwards."""
        table, record = self._record("contacts", id)
        self._operations.erase(table, record, self._actor)

    def restore(self, type: str, id: str) -> None:
        """Out of the recycle bin; only a person can."""
        table = self._portal.table(type)
        record = table.records.get(int(id))
        if record is None or record.archived_ms is None:
            raise errors.not_found()
        self._operations.restore(table, record, self._actor)

    def merge(self, type: str, primary: str, other: str) -> str:
        """Returns the id that survives."""
        table, first = self._record(type, primary)
        return str(self._operations.merge(table, first, self._record(type, other)[1], self._actor).id)

    def associate(
        self, from_type: str, from_id: str, to_type: str, to_id: str, *type_ids: int, primary: bool = False
    ) -> None:
        """With the default type, with labels by id, or as the primary company."""
        table, record = self._record(from_type, from_id)
        other = self._record(to_type, to_id)[1]
        ids: Iterable[int] | None = type_ids or None
        if primary:
            found = self._operations.associations.types.primary(table.kind.key, other.kind.key)
            if found is None:
                raise errors.invalid(f"{from_type} have no primary {to_type}")
            ids = (*type_ids, found.id)
        self._operations.associations.add(record, other, ids, self._actor)

    def disassociate(self, from_type: str, from_id: str, to_type: str, to_id: str) -> None:
        record = self._record(from_type, from_id)[1]
        self._operations.associations.remove(record, self._record(to_type, to_id)[1], self._actor)

    def associated(self, from_type: str, from_id: str, to_type: str) -> dict[str, tuple[int, ...]]:
        """{id: type ids} of what a record is associated with."""
        record = self._record(from_type, from_id)[1]
        to_key = self._portal.table(to_type).kind.key
        return {str(id): types for id, types in self._operations.associations.of(record, to_key)}

    def add_email(self, id: str, email: str) -> None:
        """*Add another email address* of a contact."""
        record = self._record("contacts", id)[1]
        self._operations.set_additional_emails(record, [*_additional(record), email.strip().lower()], self._actor)

    def remove_email(self, id: str, email: str) -> None:
        """An additional one; it can be taken by another contact then."""
        record = self._record("contacts", id)[1]
        kept = [held for held in _additional(record) if held != email.strip().lower()]
        self._operations.set_additional_emails(record, kept, self._actor)

    def opt_out(self, email: str) -> None:
        """The person behind the address unsubscribes from all e-mail."""
        self._operations.opt_out(email, self._actor)

    def opt_in(self, email: str) -> None:
        self._operations.opt_in(email, self._actor)

    def choose_subscription(self, email: str, type_id: int, state: str) -> None:
        """The person behind the address chooses on the page that e-mails link to: SUBSCRIBED or UNSUBSCRIBED."""
        choice = Choice(state=state, at_ms=self._portal.now_ms(), source=BY_PERSON)
        self._operations.choose(email, type_id, choice, self._actor)

    def create_list(
        self, type: str, name: str, members: Iterable[str] = (), filters: Mapping[str, Any] | None = None
    ) -> str:
        """A manual list of these records; with `filters` (a filterBranch) a dynamic one. Returns its id."""
        lists, table = self._portal.lists, self._portal.table(type)
        made = lists.create(table, name, "MANUAL" if filters is None else "DYNAMIC", filters, self.user.user_id)
        if filters is None:
            lists.change(made, list(members), ())
        return made.id

    def change_list(self, list_id: str, add: Iterable[str] = (), remove: Iterable[str] = ()) -> None:
        lists = self._portal.lists
        lists.change(lists.find(list_id), list(add), list(remove))

    def delete_list(self, list_id: str) -> None:
        self._portal.lists.delete(self._portal.lists.find(list_id))

    def restore_list(self, list_id: str) -> None:
        self._portal.lists.restore(list_id)

    def list_members(self, list_id: str) -> list[str]:
        """In order of record id."""
        lists = self._portal.lists
        return [str(id) for id in sorted(lists.members(lists.find(list_id)))]

    def archive_property(self, type: str, name: str) -> None:
        self._portal.archive_property(self._portal.table(type), name)

    def restore_property(self, type: str, name: str) -> None:
        """With the values that its records had, within 90 days; only a person can."""
        self._portal.restore_property(self._portal.table(type), name)

    def look_at_card(self, url: str, method: str = "GET", body: Mapping[str, Any] | None = None) -> CardRequest:
        """The request that the app's backend gets when its card, on whatever record, asks it for something."""
        config = self._portal.config
        return card_request(
            secret=self._portal.account.client_secret,
            app_id=config.app_id,
            account_id=config.account_id,
            user=self.user,
            permitted=config.app_permitted_urls,
            now_ms=self._portal.now_ms(),
            url=url,
            method=method,
            body=body,
        )

    def get(self, type: str, id: str) -> dict[str, str | None]:
        """Every property that has a value, computed ones included."""
        table, record = self._record(type, id)
        names = {*record.values, *self._portal.computed[table.kind.key]}
        found = {name: self._portal.value(record, name) for name in sorted(names) if name in table.schema.properties}
        return {name: value for name, value in found.items() if value}

    def ids(self, type: str) -> list[str]:
        """Live records, oldest id first."""
        return [str(record.id) for record in self._portal.table(type).after(-1, archived=False)]

    def history(self, type: str, id: str, name: str) -> list[tuple[str, int, str]]:
        """(value, when in ms, source type) of a property, newest first."""
        record = self._record(type, id)[1]
        return [(version.value, version.at_ms, version.source.type) for version in record.versions(name)]

    def _record(self, type: str, id: str) -> tuple[Table, Record]:
        table = self._portal.table(type)
        return table, target(self._portal, table, id)


def _additional(record: Record) -> list[str]:
    return [email for email in (record.values.get("hs_additional_emails") or "").split(";") if email]
