"""What can be done to records, by an app or by a person alike: one method per verb, each whole or not at all.

Between the doors (API routes, a user's handle, the web pages) and the state (`portal.py`, `associations.py`). Raises
ApiError; knows no HTTP beyond that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from crm_emulator.hubspot import errors, prepare, values
from crm_emulator.hubspot.account import Actor
from crm_emulator.hubspot.associations import Associations, target
from crm_emulator.hubspot.automations import Automations
from crm_emulator.hubspot.kinds import COMPANIES, CONTACTS
from crm_emulator.hubspot.merge import merge
from crm_emulator.hubspot.portal import Portal
from crm_emulator.hubspot.records import Record, Source, Table
from crm_emulator.hubspot.subscriptions import UNSUBSCRIBED, Choice

_OPT_OUT = Source("SUBSCRIPTIONS", None)


class Link(msgspec.Struct, frozen=True):
    """An association that comes with a create."""

    other: Record
    type_ids: tuple[int, ...]


class Draft(msgspec.Struct, frozen=True):
    """A write that was checked and is ready to be carried out. `record` None: a create."""

    values: dict[str, str]
    record: Record | None = None
    links: tuple[Link, ...] = ()
    company: Record | None = None
    sets_company: bool = False


class Operations:
    def __init__(self, portal: Portal, associations: Associations) -> None:
        self.portal = portal
        self.associations = associations
        self._automations = Automations(portal, associations)

    def draft_create(
        self, table: Table, properties: Mapping[str, Any], actor: Actor, associations: Any = None
    ) -> Draft:
        cleaned = prepare.for_create(self.portal, table, properties, actor)
        links = tuple(self._link(table, one) for one in associations or ())
        for link in links:
            self.associations.require_room(table.kind.key, None, link.other, link.type_ids)
        return self._draft(table, cleaned, None, links)

    def draft_update(self, table: Table, record: Record, properties: Mapping[str, Any], actor: Actor) -> Draft:
        return self._draft(table, prepare.for_update(self.portal, table, properties, record, actor), record, ())

    def carry_out(self, table: Table, draft: Draft, actor: Actor) -> Record:
        record = draft.record
        made = record is None
        before = {} if record is None else {name: record.values.get(name) or "" for name in draft.values}
        if record is None:
            record = self.portal.create(table, draft.values, actor)
            for link in draft.links:
                self.associations.add(record, link.other, link.type_ids or None, actor)
        else:
            self.portal.write(table, record, draft.values, actor)
        if table.kind is CONTACTS and (made or "email" in draft.values):
            self._follow_opt_out(table, record)
        if made:
            own = draft.sets_company or any(link.other.kind is COMPANIES for link in draft.links)
            self._automations.created(record, with_company=own)
        if draft.sets_company:
            self.associations.set_primary_company(record, draft.company, actor)
        if not made:
            changed = {name: value for name, value in draft.values.items() if before[name] != value}
            self._automations.updated(record, changed, before)
        return record

    def archive(self, table: Table, record: Record, actor: Actor) -> None:
        self.portal.archive(table, record, actor)
        self.associations.follow_all(record)

    def restore(self, table: Table, record: Record, actor: Actor) -> None:
        self.portal.restore(table, record, actor)
        if table.kind is CONTACTS:
            self._follow_opt_out(table, record)
        self.associations.follow_all(record)

    def merge(self, table: Table, primary: Record, other: Record, actor: Actor) -> Record:
        return merge(self.portal, self.associations, table, primary, other, actor)

    def erase(self, table: Table, record: Record, actor: Actor) -> None:
        """GDPR delete: nothing stays."""
        partners = self.associations.forget(record)
        self.portal.forget(table, record)
        self.portal.note(actor, record, "erase")
        for partner in partners:
            self.associations.follow_all(partner)

    def set_additional_emails(self, record: Record, emails: Iterable[str], actor: Actor) -> None:
        """Addresses by which a contact is found beside its own one. Raises ApiError when another contact has one."""
        table = self.portal.tables[CONTACTS.key]
        kept = [email for email in dict.fromkeys(emails) if email != record.values.get("email")]
        for email in kept:
            if not values.is_email(email):
                raise errors.invalid(f"Email address {email} is invalid")
            holder = table.owner_of("email", email)
            if holder not in (None, record.id):
                raise errors.duplicate_email(int(holder or 0))
        self.portal.write(table, record, {"hs_additional_emails": ";".join(kept)}, actor)

    def opt_out(self, email: str, actor: Actor) -> bool:
        """Unsubscribe an address from all e-mail. False when it already was."""
        address = email.strip().lower()
        opted_out = self.portal.subscriptions.opted_out
        if address in opted_out:
            return False
        opted_out[address] = self.portal.now_ms()
        self._tell_contact(address, actor, "opt_out")
        return True

    def opt_in(self, email: str, actor: Actor) -> None:
        """The person's own act; no app can do it."""
        address = email.strip().lower()
        if self.portal.subscriptions.opted_out.pop(address, None) is not None:
            self._tell_contact(address, actor, "opt_in")

    def choose(self, email: str, type_id: int, choice: Choice, actor: Actor) -> str:
        """Subscribe an address to one type, or unsubscribe it. Returns HubSpot's reason. Raises ApiError."""
        address = email.strip().lower()
        reason = self.portal.subscriptions.choose(address, type_id, choice)
        self._tell_contact(address, actor, "unsubscribe" if choice.state == UNSUBSCRIBED else "subscribe")
        return reason

    def _draft(self, table: Table, cleaned: dict[str, str], record: Record | None, links: tuple[Link, ...]) -> Draft:
        if table.kind is not CONTACTS or "associatedcompanyid" not in cleaned:
            return Draft(cleaned, record, links)
        company_id = cleaned.pop("associatedcompanyid")
        company = target(self.portal, self.portal.tables["companies"], company_id) if company_id else None
        if company is not None:
            self.associations.require_room(table.kind.key, record, company, ())
        return Draft(cleaned, record, links, company, sets_company=True)

    def _link(self, table: Table, given: Any) -> Link:
        """`{"to": {"id": "1"}, "types": [{"associationCategory", "associationTypeId"}]}`: the type tells the object."""
        types = given.get("types") or ()
        ids = tuple(int(one["associationTypeId"]) for one in types)
        if not ids:
            raise errors.invalid("Invalid input JSON: an association needs types")
        for key in self.portal.tables:
            known = self.associations.types.of(table.kind.key, key)
            if all(id in known for id in ids):
                return Link(target(self.portal, self.portal.tables[key], given["to"]["id"]), ids)
        raise errors.invalid(f"Association type ids {list(ids)} do not exist for {table.kind.singular}")

    def _follow_opt_out(self, table: Table, record: Record) -> None:
        """hs_email_optout and its like tell of the current address."""
        self.portal.derive(table, record, self.portal.subscriptions.flags(record.values.get("email")))

    def _tell_contact(self, address: str, actor: Actor, action: str) -> None:
        """The contact whose current address it is, if there is one, shows what the address chose."""
        table = self.portal.tables[CONTACTS.key]
        id = table.owner_of("email", address)
        record = None if id is None else table.live(id)
        if record is not None and record.values.get("email") == address:
            flags = self.portal.subscriptions.flags(address)
            self.portal.write(table, record, flags, actor, source=_OPT_OUT, action=action)
