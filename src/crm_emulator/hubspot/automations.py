"""What an account's settings do behind the back of whoever writes: companies for contacts, lifecycle stages that follow.

Every one is off unless `Config` turns it on. They act as HubSpot itself, so that neither an app nor a person shows as who did it.
"""

from __future__ import annotations

from collections.abc import Mapping

from crm_emulator.hubspot import prepare
from crm_emulator.hubspot.account import Actor
from crm_emulator.hubspot.associations import Associations
from crm_emulator.hubspot.kinds import COMPANIES, CONTACTS, DEALS
from crm_emulator.hubspot.portal import Portal
from crm_emulator.hubspot.records import Record, Source

# Knowledge base: a contact with such an address is matched by its website instead.
FREE_MAIL = frozenset({"gmail.com", "yahoo.com", "hotmail.com", "outlook.com", "icloud.com", "aol.com"})
_HUBSPOT = Actor(client="hubspot", user=None, source=Source("COMPANIES", None), is_api=False)
_DEALS = Actor(client="hubspot", user=None, source=Source("DEALS", None), is_api=False)


class Automations:
    def __init__(self, portal: Portal, associations: Associations) -> None:
        self._portal = portal
        self._associations = associations

    def created(self, record: Record, *, with_company: bool) -> None:
        """`with_company`: it came with one of its own."""
        if record.kind is CONTACTS and not with_company:
            self._find_company(record)
        elif record.kind is DEALS:
            self._follow_deal(record, None)

    def updated(self, record: Record, values: Mapping[str, str], before: Mapping[str, str]) -> None:
        if record.kind is CONTACTS and values.get("email"):
            if self._associations.primary_company(record) is None:
                self._find_company(record)
        elif record.kind is COMPANIES and values.get("lifecyclestage"):
            self._pass_stage_on(record)
        elif record.kind is DEALS and "dealstage" in values:
            self._follow_deal(record, before)

    # Companies of contacts

    def _find_company(self, contact: Record) -> None:
        """The company of its domain, which is made when there is none."""
        config = self._portal.config
        domain = _domain_of(contact)
        if not config.creates_companies_of_contacts or not domain or domain in config.domains_not_associated:
            return
        companies = self._portal.tables[COMPANIES.key]
        company = next((one for one in companies.after(-1, archived=False) if domain in _domains(one)), None)
        if company is None:
            values = prepare.for_create(self._portal, companies, {"domain": domain, "name": domain}, _HUBSPOT)
            company = self._portal.create(companies, values, _HUBSPOT)
        if self._associations.has_room(contact, company):
            self._associations.add(contact, company, None, _HUBSPOT)

    # Lifecycle stages

    def _pass_stage_on(self, company: Record) -> None:
        """Knowledge base: to the contacts whose primary company it is, never backwards, and never from a contact to it."""
        if not self._portal.config.company_stage_moves_contacts:
            return
        for contact in self._of(company, CONTACTS.key):
            if self._associations.primary_company(contact) == company.id:
                self._move_forward(contact, company.values["lifecyclestage"], _HUBSPOT)

    def _follow_deal(self, deal: Record, before: Mapping[str, str] | None) -> None:
        """Knowledge base: contacts and companies of a deal move when it is created and when it is won."""
        if not self._portal.config.deals_move_stages:
            return
        stage = self._portal.deal_stage(deal)
        if stage is not None and stage.is_won:
            to = "customer"
        elif before is None:
            to = "opportunity"
        else:
            return
        for key in (CONTACTS.key, COMPANIES.key):
            for other in self._of(deal, key):
                self._move_forward(other, to, _DEALS)

    def _of(self, record: Record, key: str) -> list[Record]:
        records = self._portal.tables[key].records
        return [records[id] for id, _ in self._associations.of(record, key)]

    def _move_forward(self, record: Record, to: str, actor: Actor) -> None:
        table = self._portal.tables[record.kind.key]
        order = [str(option["value"]) for option in table.schema.properties["lifecyclestage"].options]
        held = record.values.get("lifecyclestage") or ""
        if to in order and (held not in order or order.index(held) < order.index(to)):
            self._portal.write(table, record, {"lifecyclestage": to}, actor)


def _domain_of(contact: Record) -> str:
    domain = (contact.values.get("email") or "").rpartition("@")[2]
    if domain not in FREE_MAIL:
        return domain
    website = (contact.values.get("website") or "").lower().removeprefix("https://").removeprefix("http://")
    return website.removeprefix("www.").partition("/")[0]


def _domains(company: Record) -> list[str]:
    return [company.values.get("domain") or "", *(company.values.get("hs_additional_domains") or "").split(";")]
