"""The calls that only SOAP has: convertLead, merge, undelete (SOAP API developer guide), for clients that hold an access
token, which SessionHeader carries.

    POST /services/Soap/u/XX.0[/org id]   partner: a record is <type>Contact</type><Id>...</Id>
    POST /services/Soap/c/XX.0[/org id]   enterprise: a record is xsi:type="urn1:Contact"

A call that cannot be read, or may not be made, is a fault with status 500; a record that is refused is a result with
success false and the same codes as elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from crm_emulator.kernel.http import Request, Response
from crm_emulator.salesforce.api import envelope
from crm_emulator.salesforce.api.context import Api
from crm_emulator.salesforce.api.envelope import BadEnvelope, Element
from crm_emulator.salesforce.errors import ApiError, RecordError, RequestError
from crm_emulator.salesforce.ids import to_18
from crm_emulator.salesforce.leads import Wish, convert_lead
from crm_emulator.salesforce.schema import Field
from crm_emulator.salesforce.store import Record, Table
from crm_emulator.salesforce.transaction import Caller, Transaction

PATHS = ("/services/Soap/{kind}/{version}", "/services/Soap/{kind}/{version}/{org}")
_NAMESPACES = {"u": "partner", "c": "enterprise"}
_XML = "text/xml;charset=UTF-8"
# "You can convert up to 100 leads", "up to 200 merge requests", "up to 200 ids" (the three calls' pages).
_MOST = {"convertLead": 100, "merge": 200, "undelete": 200}

Result = dict[str, Any]


class Soap:
    def __init__(self, api: Api) -> None:
        self._api = api
        self._calls: dict[str, Callable[[Caller, Element, bool], list[Result]]] = {
            "convertLead": self._convert_leads,
            "merge": self._merges,
            "undelete": self._undeletes,
        }
        for path in PATHS:
            api.router.add("POST", path, self.call)

    def call(self, request: Request) -> Response:
        kind = _NAMESPACES.get(request.params["kind"])
        if kind is None or not self._api.knows_version(f"v{request.params['version']}"):
            return self._fault("UNSUPPORTED_API_VERSION", "Invalid Api version specified on URL", kind or "partner")
        # Seen by users of clients that leave it out.
        if "soapaction" not in request.headers:
            return Response(500, envelope.client_fault("SOAPAction HTTP header missing"), content_type=_XML)
        try:
            header, body = envelope.parse(request.body)
            caller = self._caller(request, header)
            if body.tag not in self._calls:
                # The sentence is that of recorded faults for misspelt calls.
                raise BadEnvelope(f"No operation available for request {{urn:{kind}.soap.sforce.com}}{body.tag}")
            atomic = any(each.flag("allOrNone") for each in header.all("AllOrNoneHeader"))
            results = self._calls[body.tag](caller, body, atomic)
        except BadEnvelope as broken:
            return Response(500, envelope.client_fault(str(broken)), content_type=_XML)
        except ApiError as refused:
            return self._fault(refused.code, refused.message, kind)
        usage, limit = self._api.usage.used, self._api.org.config.daily_limit
        shown = envelope.answer(body.tag, f"urn:{kind}.soap.sforce.com", results, usage, limit)
        return Response(200, shown, content_type=_XML)

    def _fault(self, code: str, message: str, kind: str) -> Response:
        return Response(500, envelope.fault(code, message, f"urn:fault.{kind}.soap.sforce.com"), content_type=_XML)

    def _caller(self, request: Request, header: Element) -> Caller:
        session_header = header.child("SessionHeader") or Element("SessionHeader")
        session = self._api.sessions.find(session_header.value("sessionId") or "")
        try:
            user_id = self._api.admit(session)
        except RequestError as refused:
            if refused.code != "INVALID_SESSION_ID":
                raise
            message = "Invalid Session ID found in SessionHeader: Illegal Session"
            raise RequestError(refused.code, message, status=500) from refused
        options = header.child("CallOptions") or Element("CallOptions")
        duplicates = header.child("DuplicateRuleHeader") or Element("DuplicateRuleHeader")
        assign = header.child("AssignmentRuleHeader")
        rule = to_18(assign.value("assignmentRuleId") or "") if assign is not None else None
        agent = request.headers.get("user-agent", "").split("/", 1)[0]
        return Caller(
            user_id,
            options.value("client") or agent or "unknown",
            # Unlike REST, SOAP runs assignment rules only where the header asks (SOAP API, AssignmentRuleHeader).
            assign=rule is not None or (assign is not None and assign.flag("useDefaultRule")),
            assignment_rule=rule,
            allow_duplicates=duplicates.flag("allowSave"),
            base=f"/services/data/v{request.params['version']}",
        )

    # The calls

    def _convert_leads(self, caller: Caller, body: Element, atomic: bool) -> list[Result]:
        asked = self._asked(body, "leadConverts")
        return [self._one(caller, self._convert, one, self._unconverted(one)) for one in asked]

    def _unconverted(self, one: Element) -> Result:
        return {
            "accountId": None,
            "contactId": None,
            "errors": [],
            "leadId": one.value("leadId"),
            "opportunityId": None,
        }

    def _convert(self, tx: Transaction, one: Element) -> Result:
        if one.value("convertedStatus") is None:
            raise RecordError("REQUIRED_FIELD_MISSING", "Required fields are missing: [convertedStatus]", ["Status"])
        lead = self._row(one.value("leadId"), "Lead", "LeadId")
        silent = one.flag("doNotCreateOpportunity")
        opportunity = self._row_or_none(one.value("opportunityId"), "Opportunity", "OpportunityId")
        # "If you don't specify a value, the opportunity's name is the company's" (SOAP API, opportunityName).
        name = one.value("opportunityName") or str(lead.values.get("Company") or lead.values.get("LastName"))
        wish = Wish(
            account=self._row_or_none(one.value("accountId"), "Account", "AccountId"),
            contact=self._row_or_none(one.value("contactId"), "Contact", "ContactId"),
            opportunity=opportunity,
            opportunity_name=None if silent or opportunity is not None else name,
            status=one.value("convertedStatus"),
            owner_id=self._owner(one.value("ownerId")),
            overwrite_lead_source=one.flag("overwriteLeadSource"),
        )
        done = convert_lead(self._api.org, self._api.saver, tx, lead, wish)
        return {
            "accountId": done.account_id,
            "contactId": done.contact_id,
            "leadId": lead.id,
            "opportunityId": done.opportunity_id,
            "success": True,
        }

    def _owner(self, given: str | None) -> str | None:
        return self._row(given, "User", "OwnerId").id if given is not None else None

    def _merges(self, caller: Caller, body: Element, atomic: bool) -> list[Result]:
        """ "Each merge operation is within one transaction": one that is refused leaves the others."""
        return [self._one(caller, self._merge, one, {"errors": [], "id": None}) for one in self._asked(body, "request")]

    def _merge(self, tx: Transaction, one: Element) -> Result:
        given = one.child("masterRecord") or Element("masterRecord")
        table = self._table(given.value("type") or given.type)
        winner = self._row(given.value("Id"), table.sobject.name, "Id")
        losers = [self._row(each.text.strip(), table.sobject.name, "Id") for each in one.all("recordToMergeIds")]
        changes = self._api.saver.read(tx.caller, table, self._raw(table, given), create=False)
        moved = self._api.remover.merge(tx, winner, losers, changes)
        merged: Result = {"id": winner.id, "mergedRecordIds": [loser.id for loser in losers], "success": True}
        return merged | ({"updatedRelatedIds": moved} if moved else {})

    def _raw(self, table: Table, given: Element) -> dict[str, Any]:
        raw: dict[str, Any] = {}
        for child in given.children:
            if child.tag in ("type", "Id"):
                continue
            if child.tag == "fieldsToNull":
                raw[child.text.strip()] = None
                continue
            field = table.sobject.field(child.tag)
            raw[child.tag] = child.text if field is None else _typed(field, child)
        return raw

    def _undeletes(self, caller: Caller, body: Element, atomic: bool) -> list[Result]:
        ids = self._asked(body, "ids")
        if not atomic:
            return [self._one(caller, self._undelete, one, self._not_undeleted(one)) for one in ids]
        return self._all_or_none(caller, ids)

    def _not_undeleted(self, one: Element) -> Result:
        return {"errors": [], "id": to_18(one.text.strip())}

    def _undelete(self, tx: Transaction, one: Element) -> Result:
        record = self._row(one.text.strip(), None, "Id")
        if not record.table.sobject.flags["undeletable"]:
            # Recorded from a real org (salesforce.stackexchange.com/questions/138077).
            raise RecordError("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "Entity type is not undeletable", [])
        self._api.remover.undelete(tx, record)
        return {"id": record.id, "success": True}

    def _all_or_none(self, caller: Caller, ids: list[Element]) -> list[Result]:
        tx = self._api.org.begin(caller, can_roll_back=True)
        results: list[Result] = []
        failed = False
        for one in ids:
            try:
                results.append(self._undelete(tx, one))
            except RecordError as refused:
                failed = True
                results.append(_failed(self._not_undeleted(one), refused))
        if not failed:
            tx.commit()
            return results
        tx.roll_back()
        rolled_back = RecordError(
            "ALL_OR_NONE_OPERATION_ROLLED_BACK",
            "Record rolled back because not all records were valid and the request was using AllOrNone header",
            [],
        )
        return [
            _failed(self._not_undeleted(one), rolled_back) if result["success"] else result
            for one, result in zip(ids, results, strict=True)
        ]

    # Inside

    def _one(
        self, caller: Caller, work: Callable[[Transaction, Element], Result], one: Element, failed: Result
    ) -> Result:
        """Do what one element asks for, in a transaction of its own; `failed` is the result of a refusal."""
        tx = self._api.org.begin(caller, can_roll_back=True)
        try:
            result = work(tx, one)
        except RecordError as refused:
            tx.roll_back()
            return _failed(failed, refused)
        except ApiError:
            tx.roll_back()
            raise
        tx.commit()
        return result

    def _asked(self, body: Element, tag: str) -> list[Element]:
        asked, most = body.all(tag), _MOST[body.tag]
        if len(asked) > most:
            raise RequestError("EXCEEDED_ID_LIMIT", f"{body.tag}: {len(asked)} given, at most {most} in a call")
        return asked

    def _table(self, name: str) -> Table:
        sobject = self._api.org.sobject(name)
        if sobject is None:
            raise RequestError("INVALID_TYPE", f"sObject type '{name}' is not supported.")
        return self._api.org.tables[sobject.name]

    def _row_or_none(self, given: str | None, sobject: str, field: str) -> Record | None:
        return self._row(given, sobject, field) if given is not None else None

    def _row(self, given: str | None, sobject: str | None, field: str) -> Record:
        id18 = to_18(given or "")
        if id18 is None:
            raise RecordError("MALFORMED_ID", f"bad id {given or ''}".strip(), [field])
        record = self._api.org.record(id18)
        if record is None or (sobject is not None and record.table.sobject.name != sobject):
            raise RecordError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", [])
        return record


def _failed(result: Result, refused: RecordError) -> Result:
    error: Result = {"fields": list(refused.fields or ()), "message": refused.message, "statusCode": refused.code}
    return {**result, "errors": [error], "success": False}


def _typed(field: Field, given: Element) -> Any:
    """The text of an element as the JSON of that field would have it."""
    if given.nil:
        return None
    text = given.text.strip() if field.type == "boolean" else given.text
    return {"1": "true", "0": "false"}.get(text, text) if field.type == "boolean" else text
