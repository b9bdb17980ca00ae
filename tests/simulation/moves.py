"""What people do in both CRMs, one function a move. Each does one thing at one moment, or two people's things at once.

A move that finds nothing to work on, or that a CRM refuses, is a move that failed; nobody minds. Nobody saves a record without
having changed it, since that moves its stamp and no journal tells.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from tests.simulation.desk import Desk
from tests.simulation.kinds import KINDS, Kind

Move = Callable[[Desk, Kind], None]

# --- values ----------------------------------------------------------------------------------------------------------


def edit_in_hubspot(desk: Desk, kind: Kind) -> None:
    type_in_hubspot(desk, kind, desk.some_field(kind))


def edit_in_salesforce(desk: Desk, kind: Kind) -> None:
    type_in_salesforce(desk, kind, desk.some_field(kind))


def type_in_hubspot(desk: Desk, kind: Kind, name: str, id_: str | None = None) -> None:
    """Into the record of this id, or any."""
    desk.hugo.update(kind.slug, id_ or desk.some_in_hubspot(kind), {name: desk.token(name)})


def type_in_salesforce(desk: Desk, kind: Kind, name: str, id_: str | None = None) -> None:
    desk.sally.update(kind.sobject, id_ or desk.some_in_salesforce(kind), {kind.fields[name]: desk.token(name)})


def type_too_much(desk: Desk, kind: Kind) -> None:
    """More than Salesforce takes."""
    name = desk.chance.choice(list(kind.longest))
    too_long = f"{desk.token(name)}-{'x' * kind.longest[name]}"
    desk.hugo.update(kind.slug, desk.some_in_hubspot(kind), {name: too_long})


def replace_what_is_too_long(desk: Desk, kind: Kind) -> None:
    """On the side where it stands, or on the other, which still shows the value before it."""
    there = dict(desk.pairs(kind))
    found = [
        (id_, name)
        for id_ in desk.hugo.ids(kind.slug)
        for name, value in desk.hugo.get(kind.slug, id_).items()
        if len(value or "") > kind.longest.get(name, 1_000)
    ]
    id_, name = desk.chance.choice(found)
    if id_ in there and desk.chance.random() < 0.3:
        type_in_salesforce(desk, kind, name, there[id_])
    else:
        type_in_hubspot(desk, kind, name, id_)


def edit_both(desk: Desk, kind: Kind) -> None:
    """The same field of the same pair, on both sides, before anybody can know."""
    name = desk.chance.choice([name for name in kind.fields if name not in kind.keys])
    here, there = desk.some_pair(kind)
    desk.sally.update(kind.sobject, there, {kind.fields[name]: desk.token(name)})
    desk.hugo.update(kind.slug, here, {name: desk.token(name)})


def clear_in_hubspot(desk: Desk, kind: Kind) -> None:
    here, name = desk.some_in_hubspot(kind), desk.chance.choice(kind.clearable)
    if desk.hugo.get(kind.slug, here).get(name):
        desk.hugo.update(kind.slug, here, {name: ""})


def clear_in_salesforce(desk: Desk, kind: Kind) -> None:
    there, field = desk.some_in_salesforce(kind), kind.fields[desk.chance.choice(kind.clearable)]
    if desk.sally.get(kind.sobject, there).get(field):
        desk.sally.update(kind.sobject, there, {field: None})


def bulk_edit_in_hubspot(desk: Desk, kind: Kind) -> None:
    """A workflow or an import: one field of every record at once."""
    name = desk.chance.choice([name for name in kind.fields if name not in kind.keys])
    for id_ in desk.in_hubspot(kind):
        desk.hugo.update(kind.slug, id_, {name: desk.token(name)})


def bulk_edit_in_salesforce(desk: Desk, kind: Kind) -> None:
    name = desk.chance.choice([name for name in kind.fields if name not in kind.keys])
    for id_ in desk.in_salesforce(kind):
        desk.sally.update(kind.sobject, id_, {kind.fields[name]: desk.token(name)})


def try_out_a_rule(desk: Desk, kind: Kind, places: set[tuple[str, str]]) -> None:
    """Type something in where the old rule had left a field empty on one side, or anywhere."""
    names = [name for name in kind.fields if (kind.slug, name) in places and name not in kind.keys]
    empty: dict[str, list[Move]] = {"hubspot": [], "salesforce": []}
    for here, there in desk.pairs(kind):
        left, right = desk.hugo.get(kind.slug, here), desk.sally.get(kind.sobject, there)
        for name in names:
            field = kind.fields[name]
            if not left.get(name) and right.get(field):
                empty["hubspot"].append(partial(type_in_hubspot, id_=here, name=name))
            elif left.get(name) and not right.get(field):
                empty["salesforce"].append(partial(type_in_salesforce, id_=there, name=name))
    sides = [moves for moves in empty.values() if moves] or [[edit_in_hubspot, edit_in_salesforce]]
    desk.chance.choice(desk.chance.choice(sides))(desk, kind)


def choose_what_salesforce_lacks(desk: Desk, kind: Kind) -> None:
    """A stage of the pipeline that no opportunity can have; or an owner who is nobody there."""
    here = desk.some_in_hubspot(kind)
    chosen = {"dealstage": "qualifiedtobuy"} if kind.slug == "deals" else {"hubspot_owner_id": desk.stranger}
    desk.hugo.update(kind.slug, here, chosen)


# --- records -----------------------------------------------------------------------------------------------------------


def create_in_hubspot(desk: Desk, kind: Kind) -> None:
    if desk.room(kind, 1 + _kept(kind)):
        desk.hugo.create(kind.slug, desk.typed(kind) | kind.required_in_hubspot)


def create_in_salesforce(desk: Desk, kind: Kind) -> None:
    if desk.room(kind, 1 + _kept(kind)):
        _create_in_salesforce(desk, kind, desk.typed(kind))


def _kept(kind: Kind) -> int:
    """Places for companies that are entered together with their people."""
    return int(kind.slug == "companies")


def _some_child(desk: Desk) -> Kind:
    return desk.chance.choice([KINDS[slug] for slug in ("contacts", "deals") if desk.room(KINDS[slug])])


def enter_with_company_in_hubspot(desk: Desk, kind: Kind) -> None:
    """A person or a deal and the company, at once, and nobody comes back to them."""
    child, company = _some_child(desk), KINDS["companies"]
    if desk.room(company):
        here = desk.hugo.create(child.slug, desk.typed(child) | child.required_in_hubspot)
        works_at = desk.hugo.create(company.slug, desk.typed(company))
        desk.hugo.associate(child.slug, here, company.slug, works_at, primary=True)
        desk.at_rest |= {(child.slug, here), (company.slug, works_at)}


def enter_with_company_in_salesforce(desk: Desk, kind: Kind) -> None:
    child, company = _some_child(desk), KINDS["companies"]
    if desk.room(company):
        account = _create_in_salesforce(desk, company, desk.typed(company))
        there = _create_in_salesforce(desk, child, desk.typed(child), AccountId=account)
        desk.at_rest |= {(child.sobject, there), (company.sobject, account)}


def create_twins(desk: Desk, kind: Kind) -> None:
    """The same person or company entered on both sides. Two deals of one name are two deals."""
    if kind.slug == "deals" or not desk.room(kind, 1 + _kept(kind)):
        return
    known = {kind.identity: desk.token(kind.identity)}
    _create_in_salesforce(desk, kind, desk.typed(kind) | known)
    desk.hugo.create(kind.slug, desk.typed(kind) | known | kind.required_in_hubspot)


def _create_in_salesforce(desk: Desk, kind: Kind, values: dict[str, str], **more: str) -> str:
    if kind.slug == "contacts":
        values.setdefault("lastname", desk.token("lastname"))
    fields = {kind.fields[name]: value for name, value in values.items()}
    return desk.sally.create(kind.sobject, fields | kind.required_in_salesforce | more)


def delete_in_hubspot(desk: Desk, kind: Kind) -> None:
    desk.hugo.archive(kind.slug, desk.some_in_hubspot(kind))


def delete_what_appeared_in_hubspot(desk: Desk, kind: Kind) -> None:
    """Somebody does not know the record that has just come over, and clears it away."""
    desk.hugo.archive(kind.slug, desk.newest_of_ours(kind, "hubspot"))


def delete_in_salesforce(desk: Desk, kind: Kind) -> None:
    desk.sally.delete(kind.sobject, desk.some_in_salesforce(kind))


def delete_what_appeared_in_salesforce(desk: Desk, kind: Kind) -> None:
    desk.sally.delete(kind.sobject, desk.newest_of_ours(kind, "salesforce"))


def restore_in_hubspot(desk: Desk, kind: Kind) -> None:
    table = desk.portal.table(kind.slug)
    desk.hugo.restore(kind.slug, desk.chance.choice([str(record.id) for record in table.after(-1, archived=True)]))


def restore_in_salesforce(desk: Desk, kind: Kind) -> None:
    rows = desk.org.tables[kind.sobject].from_id("")
    desk.sally.undelete(kind.sobject, desk.chance.choice([row.id for row in rows if row.deleted_s is not None]))


def merge_in_hubspot(desk: Desk, kind: Kind) -> None:
    if kind.slug != "deals":
        desk.hugo.merge(kind.slug, *desk.chance.sample(desk.in_hubspot(kind), 2))


def merge_in_salesforce(desk: Desk, kind: Kind) -> None:
    if kind.slug != "deals":
        desk.sally.merge(kind.sobject, *desk.chance.sample(desk.in_salesforce(kind), 2))


def opt_out_in_hubspot(desk: Desk, kind: Kind) -> None:
    email = desk.hugo.get("contacts", desk.some_in_hubspot(KINDS["contacts"])).get("email")
    if email:
        desk.hugo.opt_out(email)


def opt_out_in_salesforce(desk: Desk, kind: Kind) -> None:
    there = desk.some_in_salesforce(KINDS["contacts"])
    if not desk.sally.get("Contact", there)["HasOptedOutOfEmail"]:
        desk.sally.update("Contact", there, {"HasOptedOutOfEmail": True})


# --- who belongs to whom -------------------------------------------------------------------------------------------------


def move_in_hubspot(desk: Desk, kind: Kind) -> None:
    """A contact or deal gets another company, or none."""
    slug = desk.chance.choice(("contacts", "deals"))
    here = desk.some_in_hubspot(KINDS[slug])
    before = list(desk.hugo.associated(slug, here, "companies"))
    if before and desk.chance.random() < 0.3:
        for company in before:
            desk.hugo.disassociate(slug, here, "companies", company)
    else:
        desk.hugo.associate(slug, here, "companies", desk.some_in_hubspot(KINDS["companies"]), primary=True)


def move_in_salesforce(desk: Desk, kind: Kind) -> None:
    moved = KINDS[desk.chance.choice(("contacts", "deals"))]
    account = None if desk.chance.random() < 0.3 else desk.some_in_salesforce(KINDS["companies"])
    there = desk.some_in_salesforce(moved)
    if desk.sally.get(moved.sobject, there).get("AccountId") != account:
        desk.sally.update(moved.sobject, there, {"AccountId": account})


def add_role_in_hubspot(desk: Desk, kind: Kind) -> None:
    deal, contact = desk.some_in_hubspot(KINDS["deals"]), desk.some_in_hubspot(KINDS["contacts"])
    desk.hugo.associate("deals", deal, "contacts", contact)


def remove_role_in_hubspot(desk: Desk, kind: Kind) -> None:
    deal = desk.some_in_hubspot(KINDS["deals"])
    desk.hugo.disassociate(
        "deals", deal, "contacts", desk.chance.choice(list(desk.hugo.associated("deals", deal, "contacts")))
    )


def add_role_in_salesforce(desk: Desk, kind: Kind) -> None:
    fields = {
        "OpportunityId": desk.some_in_salesforce(KINDS["deals"]),
        "ContactId": desk.some_in_salesforce(KINDS["contacts"]),
    }
    desk.sally.create("OpportunityContactRole", fields)


def remove_role_in_salesforce(desk: Desk, kind: Kind) -> None:
    desk.sally.delete("OpportunityContactRole", desk.chance.choice(desk.sally.ids("OpportunityContactRole")))


# How often each is made.
MOVES: dict[Move, float] = {
    edit_in_hubspot: 8,
    edit_in_salesforce: 8,
    edit_both: 3,
    choose_what_salesforce_lacks: 2.5,
    type_too_much: 1,
    replace_what_is_too_long: 1,
    clear_in_hubspot: 1.5,
    clear_in_salesforce: 1.5,
    bulk_edit_in_hubspot: 0.7,
    bulk_edit_in_salesforce: 0.7,
    create_in_hubspot: 2,
    create_in_salesforce: 2,
    create_twins: 1,
    delete_in_hubspot: 0.6,
    delete_in_salesforce: 0.6,
    delete_what_appeared_in_hubspot: 0.2,
    delete_what_appeared_in_salesforce: 0.2,
    restore_in_hubspot: 0.6,
    restore_in_salesforce: 0.6,
    merge_in_hubspot: 0.8,
    merge_in_salesforce: 0.8,
    opt_out_in_hubspot: 0.5,
    opt_out_in_salesforce: 0.5,
}
MOVES_AMONG_OBJECTS: dict[Move, float] = {
    move_in_hubspot: 3.5,
    move_in_salesforce: 3.5,
    add_role_in_hubspot: 2,
    add_role_in_salesforce: 2,
    remove_role_in_hubspot: 1,
    remove_role_in_salesforce: 2,
    enter_with_company_in_hubspot: 1.5,
    enter_with_company_in_salesforce: 1,
}
