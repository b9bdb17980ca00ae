"""The mapping list of HubSpot's own Salesforce integration, as it is exported: read line by line, and found in both schemas. Pure.

A file is the list of one object. Columns: *HubSpot Field Name*, *Salesforce Field Name*, *Sync Rule*, in any order; others are
passed over. Names may be internal ones or labels. A line that cannot be read makes the whole file unread, and every such line is
named with the reason. What can be read but names what neither schema has, or two fields that cannot be joined, is left out and
listed.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

import msgspec

from interlock.app.compile import Compiler
from interlock.app.errors import BadInput
from interlock.app.mappings import shipped_pair
from interlock.app.schemas import Schemas
from interlock.core.model import SyncRule
from interlock.engine.context import HUBSPOT_DELETED_PROPERTY
from interlock.objects import native
from interlock.objects.registry import SPECS
from interlock.objects.spec import SALESFORCE_ID_PROPERTY, ObjectSpec

LINES_MOST = 5_000
NAMED_MOST = 20  # of the lines that cannot be read
# As the export has them, and as the mapping table of its settings has them.
_COLUMNS = {
    "property": ("hubspot field name", "hubspot property", "hubspot property name", "hubspot field"),
    "field": ("salesforce field name", "salesforce field"),
    "rule": ("sync rule", "update rule"),
}
# The rules of the native integration by every name that its settings had for them.
_RULES = {
    "prefer salesforce unless blank": SyncRule.PREFER_SALESFORCE,
    "prefer salesforce": SyncRule.PREFER_SALESFORCE,
    "always use salesforce": SyncRule.ALWAYS_SALESFORCE,
    "always salesforce": SyncRule.ALWAYS_SALESFORCE,
    "two-way": SyncRule.TWO_WAY,
    "two way": SyncRule.TWO_WAY,
    "use most recent": SyncRule.TWO_WAY,
    "don't sync": SyncRule.DONT_SYNC,
    "do not sync": SyncRule.DONT_SYNC,
}
_KEPT_ANYWAY = "Interlock keeps this by itself"


class Line(msgspec.Struct, frozen=True):
    """One pair as the file has it. `number`: the line of the file, the first one is 1."""

    number: int
    property: str
    field: str
    rule: SyncRule


class LeftOut(msgspec.Struct, frozen=True):
    line: Line
    why: str


class Pair(msgspec.Struct, frozen=True):
    """One pair of this account and org. `fields`: Salesforce type -> field."""

    line: Line
    property: str
    fields: dict[str, str]
    rule: SyncRule


class Resolved(msgspec.Struct, frozen=True):
    pairs: tuple[Pair, ...] = ()
    left_out: tuple[LeftOut, ...] = ()


# --- reading the file -----------------------------------------------------------------------------------------------------


def read(text: str, name: str) -> tuple[Line, ...]:
    """`name` is what the person calls the file. Raises BadInput: all of it is read, or nothing."""
    text = text.removeprefix("\ufeff")
    if not text.strip():
        raise _unreadable(f"{name} is empty.")
    if "\ufffd" in text:
        raise _unreadable(f"{name} is not in UTF-8.", "Save it as CSV UTF-8, then upload it again.")
    head = text.splitlines()[0]
    # A spreadsheet saves it with the separator of its own country.
    separator = max((",", ";", "\t"), key=head.count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        places = _places(next(rows), name)
        lines, bad = _lines(rows, places)
    except csv.Error as error:
        raise _unreadable(f"{name}, line {rows.line_num}: {error}.") from error
    if bad:
        more = f" And {len(bad) - NAMED_MOST} lines more." if len(bad) > NAMED_MOST else ""
        raise _unreadable(
            f"{name} was not taken. " + " ".join(f"Line {number}: {why}." for number, why in bad[:NAMED_MOST]) + more,
            "Correct these lines, then upload the file again.",
        )
    if not lines:
        raise _unreadable(f"{name} holds no mappings.")
    if len(lines) > LINES_MOST:
        raise _unreadable(f"{name} holds {len(lines):,} mappings; {LINES_MOST:,} are taken.")
    return tuple(lines)


def _places(head: Sequence[str], name: str) -> dict[str, int]:
    named = [cell.strip().casefold() for cell in head]
    places = {}
    for column, names in _COLUMNS.items():
        found = [place for place, cell in enumerate(named) if cell in names]
        if len(found) != 1:
            column, line = f"{names[0]!r}", f"{', '.join(head)!r}"
            raise _unreadable(
                f"{name} has several columns {column}: its first line is {line}."
                if found
                else f"{name} has no column {column}: its first line is {line}.",
                "Export the mappings of one object in HubSpot: Settings, Integrations, Connected Apps, Salesforce.",
            )
        places[column] = found[0]
    return places


def _lines(rows: Iterable[list[str]], places: dict[str, int]) -> tuple[list[Line], list[tuple[int, str]]]:
    lines: list[Line] = []
    bad: list[tuple[int, str]] = []
    first: dict[tuple[str, str], int] = {}
    for cells in rows:
        number = rows.line_num  # type: ignore[attr-defined]
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) <= max(places.values()):
            bad.append((number, f"it has {len(cells)} columns"))
            continue
        property_, field, rule = (cells[places[column]].strip() for column in ("property", "field", "rule"))
        why = _why_bad(property_, field, rule)
        for kind, named in (("property", property_), ("field", field)):
            before = first.setdefault((kind, named.casefold()), number)
            if why is None and before != number:
                why = f"{named} is mapped in line {before} already"
        if why is not None:
            bad.append((number, why))
        else:
            lines.append(Line(number, property_, field, _RULES[_plain(rule)]))
    return lines, bad


def _why_bad(property_: str, field: str, rule: str) -> str | None:
    if not property_:
        return "it names no HubSpot property"
    if not field:
        return "it names no Salesforce field"
    return None if _plain(rule) in _RULES else f"{rule!r} is not a sync rule"


def _plain(rule: str) -> str:
    """ "Prefer Salesforce unless blank (default)" and "Don’t sync" as they are called here."""
    return " ".join(rule.replace("\u2019", "'").partition("(")[0].split()).casefold()


def _unreadable(message: str, fix: str = "Upload the file that HubSpot has exported.") -> BadInput:
    return BadInput(message, code="mapping_list_unreadable", field="file", fix=fix)


# --- finding it in the schemas --------------------------------------------------------------------------------------------


def resolve(schemas: Schemas, slug: str, lines: Sequence[Line]) -> Resolved:
    spec = SPECS[slug]
    compiler = Compiler(schemas)
    pairs: list[Pair] = []
    left_out: list[LeftOut] = []
    taken: set[tuple[str, str]] = set()
    for line in lines:
        found, why = _pair(compiler, spec, line)
        if found is not None and any(each in taken for each in _names(found)):
            found, why = None, "another line names the same property or field"
        if why is not None:
            left_out.append(LeftOut(line, why))
        if found is not None:
            taken.update(_names(found))
            pairs.append(found)
    return Resolved(tuple(pairs), tuple(left_out))


def _names(pair: Pair) -> list[tuple[str, str]]:
    return [("", pair.property), *pair.fields.items()]


def _pair(compiler: Compiler, spec: ObjectSpec, line: Line) -> tuple[Pair | None, str | None]:
    """The pair, and what of the line was not taken."""
    schemas = compiler.schemas
    property_ = _by_name_or_label(
        [(each.name, each.label) for each in schemas.properties.get(spec.hubspot_type, ())], line.property
    )
    named = {
        type_: _by_name_or_label([(each.name, each.label) for each in schemas.fields.get(type_, ())], line.field)
        for type_ in spec.salesforce_types
    }
    fields = {type_: field for type_, field in named.items() if field is not None}
    if _kept_anyway(spec, property_ or line.property, fields):
        return None, _KEPT_ANYWAY
    if property_ is None:
        return None, f"HubSpot has no {spec.singular} property {line.property!r}, or several of that label"
    if not fields:
        return None, f"{' and '.join(spec.salesforce_types)} have no field {line.field!r} that the sync user may see"
    checked = {type_: compiler.check(spec, type_, property_, field) for type_, field in fields.items()}
    fitting = {type_: field for type_, field in fields.items() if checked[type_].status != "broken"}
    if not fitting:
        return None, next(iter(checked.values())).reason
    for type_, field in fitting.items():
        shipped = shipped_pair(spec, type_, property_, field)
        if shipped is not None and line.rule not in shipped.allowed_rules:
            return Pair(line, property_, fitting, shipped.rule), f"its rule is not taken: {shipped.locked_reason}"
    return Pair(line, property_, fitting, line.rule), None


def _by_name_or_label(known: Sequence[tuple[str, str]], text: str) -> str | None:
    wanted = text.casefold()
    by_name = [name for name, _ in known if name.casefold() == wanted]
    by_label = [name for name, label in known if label.casefold() == wanted]
    found = by_name or by_label
    return found[0] if len(found) == 1 else None


def _kept_anyway(spec: ObjectSpec, property_: str, fields: dict[str, str]) -> bool:
    """Ids, references and opt-outs: no mappings here, but carried over all the same."""
    theirs_alone = ("salesforceaccountid", "salesforcelastsynctime", *native.properties(spec))
    ours = {SALESFORCE_ID_PROPERTY, HUBSPOT_DELETED_PROPERTY, *theirs_alone}
    theirs = {"Id", *(each.field for each in spec.references)}
    if spec.opt_out is not None:
        ours.add(spec.opt_out.property)
        theirs.add(spec.opt_out.field)
    return property_ in ours or bool(theirs & set(fields.values()))
