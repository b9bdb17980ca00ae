"""Mappings: list, export, compare, and save, which is refused where somebody else has saved meanwhile (ETag and If-Match)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec
from pydantic import ValidationError
from starlette.responses import Response

from interlock.app import mapping_effect, mapping_files, mappings
from interlock.app.errors import AppError, BadInput, as_failure
from interlock.app.mappings import Change
from interlock.app.org_work import work as org_work
from interlock.app.schemas import Schemas
from interlock.crm.errors import CrmError
from interlock.store.connections import Connection
from interlock.web.api.called import Called
from interlock.web.api.shapes import WAIT_MOST_S, Slug

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
Rule = Literal["prefer_salesforce", "always_salesforce", "two_way", "prefer_hubspot", "always_hubspot", "dont_sync"]
Value = Annotated[str, msgspec.Meta(min_length=1, max_length=1_000)]
FIELDS_MOST, TYPES_MOST, VALUES_MOST = 5_000, 10, 1_000


class Listing(msgspec.Struct, forbid_unknown_fields=True):
    object: Slug | None = None


class Pair(msgspec.Struct, forbid_unknown_fields=True):
    property: Name
    field: Name
    rule: Rule = "prefer_salesforce"
    values: Annotated[
        Annotated[dict[Value, Annotated[str, msgspec.Meta(max_length=1_000)]], msgspec.Meta(max_length=VALUES_MOST)]
        | None,
        msgspec.Meta(
            description="HubSpot option to the Salesforce value that it is, of those without a namesake. null or absent: as it is."
        ),
    ] = None


class OfType(msgspec.Struct, forbid_unknown_fields=True):
    fields: Annotated[list[Pair], msgspec.Meta(max_length=FIELDS_MOST)]
    enabled: bool = True
    writes: Literal["recorded", "exact"] = "recorded"


class Document(msgspec.Struct, forbid_unknown_fields=True):
    """As `mappings` of an export. What it does not name at all is left alone; inside a type that it names it is the whole truth."""

    version: Literal[1]
    objects: dict[str, Annotated[dict[str, OfType], msgspec.Meta(max_length=TYPES_MOST)]]


class Comparing(msgspec.Struct, forbid_unknown_fields=True):
    mappings: Document


class Saving(msgspec.Struct, forbid_unknown_fields=True):
    mappings: Document
    plan: Annotated[bool, msgspec.Meta(description="Say what would change, and change nothing.")] = False


async def list_(called: Called) -> Response:
    only = called.query(Listing).object
    rows = await mappings.list_(called.site.store, await called.connection_id(), [only] if only else None)
    return called.answer("mappings-list", {"mappings": rows})


async def export(called: Called) -> Response:
    chosen = await called.connection()
    assert chosen.id is not None
    exported = await mappings.export(called.site.store, chosen.id)
    version = mapping_files.version_of(exported)
    document = {
        "file": None,
        "yaml": mapping_files.as_yaml(exported, chosen),
        "mappings": exported,
        "version": version,
    }
    return called.answer("mappings-export", document, headers={"ETag": f'"{version}"'})


async def diff(called: Called) -> Response:
    wanted = _document(called.body(Comparing).mappings)
    changes = await mappings.compare(called.site.store, await called.connection_id(), wanted, ".".join)
    document = {"file": None, "differs": bool(changes), "changes": [each.document() for each in changes]}
    return called.answer("mappings-diff", document)


async def save(called: Called) -> Response:
    wanted, site, chosen = called.body(Saving), called.site, await called.connection()
    assert chosen.id is not None
    version = called.if_match

    async def refresh() -> Schemas:
        async with site.interlock.clients(chosen) as clients:
            return await mapping_files.fresh_schemas(site.store, chosen, clients.hubspot, clients.salesforce)

    changes = await mappings.apply(
        site.store,
        chosen.id,
        _document(wanted.mappings),
        ".".join,
        refresh,
        plan=wanted.plan,
        by=called.by,
        guard=None if version is None else mapping_files.unchanged_since(version),
    )
    found, permissions = None, None
    if wanted.plan and changes:
        compiler = await mapping_effect.compiler_of(site.store, chosen.id, refresh)
        effect = await mapping_effect.effect(site.interlock, chosen, changes, compiler)
        found, permissions = effect.document(), effect.permissions()
    elif not wanted.plan and mapping_effect.permitted(changes):
        permissions = await _extended(called, chosen, changes)
    now = mapping_files.version_of(await mappings.export(site.store, chosen.id))
    document = {
        "file": None,
        "planned": wanted.plan,
        "changes": [each.document() for each in changes],
        "effect": found,
        "permissions": permissions,
    }
    return called.answer("mappings-apply", document, headers={"ETag": f'"{now}"'})


async def _extended(called: Called, chosen: Connection, changes: Sequence[Change]) -> dict[str, Any]:
    """The mappings are saved by now: that the set could not be extended is told beside them. It goes on behind an answer that
    cannot wait for it."""
    interlock, fields = called.site.interlock, mapping_effect.permitted(changes)
    part = next(each.object for each in changes if each.field is not None)
    begun = await org_work.begin(interlock, called.by, chosen, "extend", part, fields=fields)
    try:
        run = await org_work.ended(interlock, begun, WAIT_MOST_S)
    except (AppError, CrmError) as error:
        return mapping_effect.permissions_of(None, as_failure(error))
    return mapping_effect.permissions_document(run.added, run.left_out, None, pending=run.state == "running")


def _document(wanted: Document) -> mappings.Document:
    """Raises BadInput."""
    values: Any = msgspec.to_builtins(wanted)
    try:
        return mappings.Document.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise BadInput(f"{where}: {first['msg']}.", code="bad_request", field=where, fix="Correct it.") from error
