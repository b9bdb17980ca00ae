"""What changed mappings do besides being changed: to pairs that are linked, and to the permission set of the sync user. It is shown
before they are saved, whether they come from the table, as a file or over the API; and the set is extended once they are.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec

from interlock.app.compile import Compiler
from interlock.app.errors import AppError, Failure, as_failure
from interlock.app.mapping_preview import ChangePreview, preview
from interlock.app.mappings import Change, kept_compiler
from interlock.app.package import deploy, permit
from interlock.app.package.kept import Keeper
from interlock.app.schemas import Schemas
from interlock.app.setup.opened import Opened
from interlock.core.model import SyncRule
from interlock.crm.errors import CrmError
from interlock.store import Store
from interlock.store.connections import Connection


class Effect(msgspec.Struct):
    """`pairs` by object; empty where `unread` says why a CRM could not be asked. `wanted`: what the permission set lacks; None
    where nothing needs it, or `not_granted` says why it cannot be extended."""

    pairs: dict[str, ChangePreview] = {}
    unread: Failure | None = None
    wanted: permit.Permitted | None = None
    not_granted: Failure | None = None

    def document(self) -> dict[str, Any] | None:
        if self.unread is not None:
            return None
        return {
            slug: {
                "linked": each.linked,
                "looked": each.looked,
                "unchanged": each.unchanged,
                "to_hubspot": each.to_hubspot,
                "to_salesforce": each.to_salesforce,
                "lost": each.lost,
            }
            for slug, each in self.pairs.items()
        }

    def permissions(self) -> dict[str, Any] | None:
        failure = self.not_granted or self.unread
        return None if self.wanted is None and failure is None else permissions_of(self.wanted, failure)


def permissions_of(granted: permit.Permitted | None, failure: Failure | None) -> dict[str, Any]:
    added = () if granted is None else [field for field, _editable in granted.added]
    return permissions_document(added, () if granted is None else granted.left_out, failure)


def permissions_document(
    added: Sequence[str], left_out: Sequence[permit.LeftOut], failure: Failure | None, *, pending: bool = False
) -> dict[str, Any]:
    return {
        "added": list(added),
        "left_out": [{"field": each.field, "why": each.why} for each in left_out],
        "refused": None if failure is None else f"{failure.message} {failure.fix}".strip(),
        "pending": pending,
    }


def permitted(changes: Sequence[Change]) -> list[permit.MappedField]:
    """What the sync user must be let to use for these. What is not synced needs no access."""
    return [
        permit.MappedField(change.salesforce_object, change.field, change.rule_after != SyncRule.ALWAYS_SALESFORCE)
        for change in changes
        if change.field is not None and change.rule_after not in (None, SyncRule.DONT_SYNC)
    ]


async def compiler_of(store: Store, connection_id: int, refresh: Callable[[], Awaitable[Schemas]]) -> Compiler:
    """Of what is kept; read from the CRMs where a sync has dropped it, since a schema has changed. Raises what `refresh` does."""
    async with store.read(connection_id) as tx:
        kept = await kept_compiler(tx)
    return kept if kept is not None else Compiler(await refresh())


async def effect(opened: Opened, connection: Connection, changes: Sequence[Change], compiler: Compiler) -> Effect:
    """Writes nothing. What cannot be read is said in it."""
    found, fields = Effect(), permitted(changes)
    slugs = dict.fromkeys(change.object for change in changes if change.property is not None)
    try:
        async with opened.clients(connection, note=False) as clients:
            for slug in slugs:
                mine = [change for change in changes if change.object == slug]
                found.pairs[slug] = await preview(
                    opened.store, connection, slug, mine, compiler, clients.hubspot, clients.salesforce
                )
            if fields:
                try:
                    user_id = (await clients.salesforce.identity()).user_id
                    found.wanted = await permit.wanted(clients.salesforce, user_id, fields)
                except (AppError, CrmError) as error:
                    found.not_granted = as_failure(error)
    except (AppError, CrmError) as error:
        found.pairs, found.unread = {}, as_failure(error)
    return found


async def extend(
    opened: Opened,
    connection: Connection,
    fields: Sequence[permit.MappedField],
    progress: deploy.Progress = lambda _: None,
) -> permit.Permitted:
    """Let the sync user use these fields, as the administrator who has signed in, where one has. Whose sign-in that is ends it:
    a set-up's is needed again. Raises AppError, CrmError; the mappings are saved by then, and stay so."""
    assert connection.id is not None
    async with opened.clients(connection) as clients:
        user_id = (await clients.salesforce.identity()).user_id
    async with opened.clients(connection, deploying=True) as clients:
        keeper = Keeper(opened.store, connection.id)
        return await permit.permit(clients.salesforce, keeper, user_id, fields, progress)
