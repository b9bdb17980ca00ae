"""The independent comparer: do the two CRMs agree where their rules say they should? Pure, over a fresh `Snapshot`.

It shares no line with what it judges: neither Interlock's decisions nor its store are imported, and what a value means
(number, day, instant, set of options, owner, stage) is worked out here again from both CRMs' own schemas. Pairs are
those that HubSpot's key property names. A record that should have exactly one counterpart and does not is a difference.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from interlock.demo.reading import LINK, Snapshot, Values

# HubSpot object -> the Salesforce objects it syncs with.
OBJECTS = {"companies": ("Account",), "contacts": ("Contact", "Lead"), "deals": ("Opportunity",)}
# Stands in a Salesforce field that must not be empty; nobody's value.
PLACEHOLDER = "[unknown]"
OWNER, STAGE = "hubspot_owner_id", "dealstage"
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]{2,}")
_SALESFORCE_NUMBERS = frozenset({"int", "long", "double", "currency", "percent"})


@dataclass(frozen=True)
class FieldPair:
    """One mapping, as `interlock mappings list` prints it."""

    object: str
    property: str
    field: str
    salesforce_object: str
    rule: str


@dataclass(frozen=True)
class Excused:
    """A disagreement that is known and shown as an issue: the value that one side cannot hold."""

    hubspot_id: str
    property: str
    why: str


@dataclass(frozen=True)
class Difference:
    object: str
    hubspot: str | None
    salesforce: str | None
    property: str | None
    field: str | None
    hubspot_value: Any = None
    salesforce_value: Any = None
    why: str = "values differ"


@dataclass
class ObjectComparison:
    same: int = 0
    differences: list[Difference] = field(default_factory=list)
    pairs: int = 0


@dataclass
class Comparison:
    objects: dict[str, ObjectComparison] = field(default_factory=dict)
    # Mapped fields that differ although their rule allows it, by rule; and, by reason, what is excused.
    expected_disagreements: Counter[str] = field(default_factory=Counter)
    # Records without counterpart that need none, by reason.
    without_counterpart: Counter[str] = field(default_factory=Counter)
    associations_same: int = 0
    association_differences: list[Difference] = field(default_factory=list)

    @property
    def same(self) -> int:
        return sum(each.same for each in self.objects.values())

    @property
    def compared(self) -> int:
        """Mapped fields of pairs; those that may differ are in it."""
        return self.same + sum(self.expected_disagreements.values()) + self.differences

    @property
    def differences(self) -> int:
        return sum(len(each.differences) for each in self.objects.values())


def compare(snapshot: Snapshot, pairs: Sequence[FieldPair], excused: Iterable[Excused] = ()) -> Comparison:
    """`snapshot` must hold every property and field that `pairs` name."""
    result = Comparison()
    known = {(each.hubspot_id, each.property): each.why for each in excused}
    for object_, types in OBJECTS.items():
        if object_ not in snapshot.hubspot:
            continue
        found = result.objects[object_] = ObjectComparison()
        linked = _linked(snapshot, object_, types, found)
        for hubspot_id, (type_, salesforce_id) in linked.items():
            found.pairs += 1
            for pair in pairs:
                if pair.object == object_ and pair.salesforce_object == type_:
                    _compare_field(snapshot, pair, hubspot_id, salesforce_id, result, known)
        _count_alone(snapshot, object_, types, linked, result)
    _compare_associations(snapshot, result)
    return result


# --- pairs, and records without one -----------------------------------------------------------------------------------


def _linked(
    snapshot: Snapshot, object_: str, types: tuple[str, ...], into: ObjectComparison
) -> dict[str, tuple[str, str]]:
    """HubSpot id -> (Salesforce object, id) of every pair. Two that name one Salesforce record are a difference."""
    linked: dict[str, tuple[str, str]] = {}
    taken: dict[str, str] = {}
    for hubspot_id, values in snapshot.hubspot[object_].items():
        salesforce_id = values.get(LINK)
        type_ = next((each for each in types if salesforce_id in snapshot.salesforce.get(each, {})), None)
        if not salesforce_id or type_ is None:
            continue
        if salesforce_id in taken:
            why = f"also named as its counterpart by {object_}/{taken[salesforce_id]}"
            into.differences.append(Difference(object_, hubspot_id, salesforce_id, LINK, None, why=why))
            continue
        taken[salesforce_id] = hubspot_id
        linked[hubspot_id] = (type_, salesforce_id)
    return linked


def _count_alone(
    snapshot: Snapshot,
    object_: str,
    types: tuple[str, ...],
    linked: dict[str, tuple[str, str]],
    result: Comparison,
) -> None:
    into = result.objects[object_]
    reached = {salesforce_id for _, salesforce_id in linked.values()}
    shared = _shared_addresses(snapshot) if object_ == "contacts" else set()
    for hubspot_id, values in snapshot.hubspot[object_].items():
        if hubspot_id in linked:
            continue
        why_not = _needs_none_in_salesforce(snapshot, object_, types, values, shared)
        if why_not is None:
            why = "no counterpart in Salesforce"
            into.differences.append(Difference(object_, hubspot_id, None, None, None, why=why))
        else:
            result.without_counterpart[why_not] += 1
    lost = {values.get(LINK) for values in snapshot.archived.get(object_, {}).values()}
    for type_ in types:
        for salesforce_id, values in snapshot.salesforce.get(type_, {}).items():
            if salesforce_id in reached:
                continue
            why_not = _needs_none_in_hubspot(snapshot, type_, salesforce_id, values, shared, lost)
            if why_not is None:
                why = "no counterpart in HubSpot"
                into.differences.append(Difference(object_, None, salesforce_id, None, None, why=why))
            else:
                result.without_counterpart[why_not] += 1


def _needs_none_in_salesforce(
    snapshot: Snapshot, object_: str, types: tuple[str, ...], values: Values, shared: set[str]
) -> str | None:
    if values.get(LINK) and any(values[LINK] in snapshot.deleted.get(type_, ()) for type_ in types):
        return "counterpart_deleted"
    if object_ == "contacts":
        email = _text(values.get("email")).lower()
        if not _EMAIL.fullmatch(email):
            return "no_email"
        return "shared_email" if email in shared else None
    if object_ == "companies":
        return None if _text(values.get("name")) or _text(values.get("domain")) else "no_name"
    return None if _text(values.get("dealstage")) and _text(values.get("closedate")) else "no_stage_or_date"


def _needs_none_in_hubspot(
    snapshot: Snapshot, type_: str, salesforce_id: str, values: Values, shared: set[str], lost: set[Any]
) -> str | None:
    if salesforce_id in lost:
        return "counterpart_deleted"
    if type_ not in ("Contact", "Lead"):
        return None
    if values.get("IsConverted"):
        return "converted_lead"
    email = _text(values.get("Email")).lower()
    if type_ == "Lead" and email and email in _addresses(snapshot, "Contact"):
        return "contact_preferred"
    # Two people with one address: HubSpot allows an address once, so a person has to decide which of them it is.
    return "shared_email" if email in shared else None


def _addresses(snapshot: Snapshot, type_: str) -> Counter[str]:
    rows = snapshot.salesforce.get(type_, {}).values()
    return Counter(email for row in rows if (email := _text(row.get("Email")).lower()))


def _shared_addresses(snapshot: Snapshot) -> set[str]:
    contacts, leads = _addresses(snapshot, "Contact"), _addresses(snapshot, "Lead")
    shared = {email for email, times in contacts.items() if times > 1}
    return shared | {email for email, times in leads.items() if times > 1 and email not in contacts}


# --- values -----------------------------------------------------------------------------------------------------------


def _compare_field(
    snapshot: Snapshot,
    pair: FieldPair,
    hubspot_id: str,
    salesforce_id: str,
    result: Comparison,
    excused: dict[tuple[str, str], str],
) -> None:
    left_raw = snapshot.hubspot[pair.object][hubspot_id].get(pair.property)
    right_raw = snapshot.salesforce[pair.salesforce_object][salesforce_id].get(pair.field)
    left, right = _meaning(snapshot, pair, left_raw, right_raw)
    into = result.objects[pair.object]
    if left == right:
        into.same += 1
    elif (hubspot_id, pair.property) in excused:
        result.expected_disagreements[excused[hubspot_id, pair.property]] += 1
    elif _may_differ(pair.rule, left, right):
        result.expected_disagreements[pair.rule] += 1
    elif pair.property == OWNER and not _known_on_both_sides(snapshot, left, right):
        # An owner that the other CRM has no user for cannot be named there.
        result.expected_disagreements["owner_unknown"] += 1
    else:
        into.differences.append(
            Difference(pair.object, hubspot_id, salesforce_id, pair.property, pair.field, left_raw, right_raw)
        )


def _may_differ(rule: str, left: Any, right: Any) -> bool:
    if rule == "dont_sync":
        return True
    # "Always use" one side carries that side's values; where it has none, the other side keeps its own.
    return (rule == "always_salesforce" and right == "") or (rule == "always_hubspot" and left == "")


def _known_on_both_sides(snapshot: Snapshot, left: Any, right: Any) -> bool:
    return {left, right} <= set(snapshot.owners.values()) & set(snapshot.users.values())


def _meaning(snapshot: Snapshot, pair: FieldPair, left: Any, right: Any) -> tuple[Any, Any]:
    if pair.property == OWNER:
        return snapshot.owners.get(_text(left), _text(left)), snapshot.users.get(_text(right), _text(right))
    if pair.property == STAGE:
        return _folded(snapshot.stages.get(_text(left), _text(left))), _folded(_text(right))
    kind = snapshot.hubspot_kinds.get((pair.object, pair.property), "string/text")
    there = snapshot.salesforce_kinds.get((pair.salesforce_object, pair.field), "string")
    return _value(left, kind, there), _value(right, kind, there)


def _value(raw: Any, kind: str, there: str) -> Any:
    text = _text(raw)
    if there == "boolean":
        return text.lower() == "true"
    if not text or text == PLACEHOLDER:
        return ""
    if there in _SALESFORCE_NUMBERS or kind.startswith("number/"):
        return _number(text)
    if there == "date":
        return text[:10] if not text.isdigit() else _instant(text)[:10]
    if there == "datetime":
        return _instant(text)
    if there == "email":
        return text.lower()
    if there == "multipicklist":
        return frozenset(_folded(option) for option in text.split(";") if option.strip())
    if there == "picklist":
        return _folded(text)
    return text


def _text(raw: Any) -> str:
    return "" if raw is None else str(raw).replace("\r\n", "\n").strip()


def _folded(option: str) -> str:
    """`NEW_CUSTOMER` and `New Customer` name one option."""
    return "".join(character for character in option.casefold() if character.isalnum())


def _number(text: str) -> Any:
    try:
        return Decimal(text).normalize()
    except InvalidOperation:
        return text


def _instant(text: str) -> str:
    if text.isdigit():  # HubSpot also writes milliseconds since 1970
        moment = datetime.fromtimestamp(int(text) / 1_000, UTC)
    else:
        moment = datetime.fromisoformat(text)
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}"


# --- associations -----------------------------------------------------------------------------------------------------


def _compare_associations(snapshot: Snapshot, result: Comparison) -> None:
    """A contact's company, a deal's company and a deal's contacts, by the pairs they belong to."""
    companies = {id_: values.get(LINK) for id_, values in snapshot.hubspot.get("companies", {}).items()}
    contacts = {id_: values.get(LINK) for id_, values in snapshot.hubspot.get("contacts", {}).items()}
    for hubspot_id, values in snapshot.hubspot.get("contacts", {}).items():
        contact = snapshot.salesforce.get("Contact", {}).get(str(values.get(LINK)))
        if contact is not None and contact.get("AccountId") is not None:
            left = companies.get(_text(values.get("associatedcompanyid")))
            _note(result, "contacts", hubspot_id, contact, "AccountId", left, contact["AccountId"])
    linked_contacts = set(contacts.values())
    for hubspot_id, values in snapshot.hubspot.get("deals", {}).items():
        deal = snapshot.salesforce.get("Opportunity", {}).get(str(values.get(LINK)))
        if deal is None:
            continue
        found = {companies.get(id_) for id_ in snapshot.deal_companies.get(hubspot_id, ())}
        _note(result, "deals", hubspot_id, deal, "AccountId", found, {deal.get("AccountId")} - {None})
        # A contact without counterpart cannot be named in the other CRM.
        there = snapshot.roles.get(deal["Id"], set()) & linked_contacts
        here = {contacts.get(id_) for id_ in snapshot.deal_contacts.get(hubspot_id, ())} - {None}
        _note(result, "deals", hubspot_id, deal, "OpportunityContactRole", here, there)


def _note(
    result: Comparison, object_: str, hubspot_id: str, salesforce: Values, name: str, left: Any, right: Any
) -> None:
    if left == right:
        result.associations_same += 1
        return
    result.association_differences.append(
        Difference(object_, hubspot_id, salesforce["Id"], None, name, left, right, why="associations differ")
    )
