"""Additional addresses of a contact, by the legacy calls that are the only ones to change them (contacts v1, until September
2027): hs_additional_emails itself is read-only in the objects API (recorded definition)."""

from __future__ import annotations

from crm_emulator.hubspot import errors, shapes
from crm_emulator.hubspot.api import Api, body_of
from crm_emulator.hubspot.records import Record
from crm_emulator.kernel.http import Request, Response, json_response

_BASE = "/contacts/v1/secondary-email/{id}"


class EmailRoutes:
    def __init__(self, api: Api) -> None:
        self._api = api
        self._table = api.portal.tables["contacts"]
        api.add("GET", _BASE, self.read)
        api.add("PATCH", _BASE, self.change)
        api.add("PUT", f"{_BASE}/email/{{email}}", self.add)
        api.add("DELETE", f"{_BASE}/email/{{email}}", self.remove)

    def read(self, request: Request) -> Response:
        return self._told(self._contact(request))

    def add(self, request: Request) -> Response:
        contact = self._contact(request)
        return self._set(request, contact, [*_additional(contact), _plain(request.params["email"])])

    def remove(self, request: Request) -> Response:
        contact, gone = self._contact(request), _plain(request.params["email"])
        return self._set(request, contact, [email for email in _additional(contact) if email != gone])

    def change(self, request: Request) -> Response:
        contact, body = self._contact(request), body_of(request, shapes.EmailChange)
        old, new = _plain(body.get("targetSecondaryEmail") or ""), _plain(body.get("updatedSecondaryEmail") or "")
        if old not in _additional(contact):
            raise errors.invalid(f"{old} is no additional address of contact {contact.id}")
        return self._set(request, contact, [new if email == old else email for email in _additional(contact)])

    def _contact(self, request: Request) -> Record:
        return self._api.portal.resolve(self._table, request.params["id"], None)

    def _set(self, request: Request, contact: Record, emails: list[str]) -> Response:
        self._api.operations.set_additional_emails(contact, emails, self._api.actor(request))
        return self._told(contact)

    def _told(self, contact: Record) -> Response:
        account_id = self._api.config.account_id
        return json_response({"portalId": account_id, "vid": contact.id, "secondaryEmails": _additional(contact)})


def _additional(contact: Record) -> list[str]:
    return [email for email in (contact.values.get("hs_additional_emails") or "").split(";") if email]


def _plain(email: str) -> str:
    return email.strip().lower()
