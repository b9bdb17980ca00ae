"""What is done in the org of a connection behind the pages of its settings, as it is remembered: asked for, under way, ended.

directory["org_work:<id>"]    one of them (Run); what has ended stays until something else is asked for on the same tab
"""

from __future__ import annotations

from typing import Literal

import msgspec

from interlock.app.errors import AppError, Failure, Missing
from interlock.app.package.failures import Trouble
from interlock.app.package.lines import Line
from interlock.app.package.permit import LeftOut, MappedField
from interlock.store import Store, directory
from interlock.store.tx import Tx, WriteTx

_PREFIX = "org_work:"

#   turn_on    key fields and shipped mappings of an object, which syncs from then on
#   give       the permission set to whom the sync runs as since somebody signed in
#   extend     mapped fields into the permission set, once their mappings are saved
#   package    the package, upgraded or completed
Kind = Literal["turn_on", "give", "extend", "package"]


class WorkFailed(AppError):
    """For whoever has waited for it: what it failed with."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class Run(msgspec.Struct, frozen=True):
    """`part`: the tab that shows it, an object or `connection`. `org_id`: of the org that it was asked for.

    Asked for: `edition` of what syncs, as it was seen (turn_on); `fields`, where None is all that is mapped (extend);
    `mapped_fields`, all that is mapped besides (give); `origin`, the address that the org shall trust (package); `grant`, an
    administrator's sign-in for this alone, which ends with it.
    Ended: `added`, fields that were granted; `left_out`, those that cannot be; `not_ended`, why the administrator's sign-in could
    not be ended."""

    id: str
    connection_id: int
    kind: Kind
    part: str
    org_id: str
    by: str
    began_at_us: int
    state: Literal["running", "done", "failed"] = "running"
    edition: str | None = None
    fields: tuple[MappedField, ...] | None = None
    mapped_fields: bool = False
    origin: str | None = None
    grant: int | None = None
    done: int = 0
    total: int = 0
    lines: list[Line] = []
    added: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    failure: Failure | None = None
    troubles: list[Trouble] = []
    not_ended: str = ""
    ended_at_us: int | None = None

    def asks_the_same(self, other: Run) -> bool:
        """Pressed twice."""
        return _asked(self) == _asked(other)


def _asked(run: Run) -> tuple[object, ...]:
    return run.kind, run.part, run.org_id, run.edition, run.fields, run.mapped_fields, run.origin, run.grant


async def runs(tx: Tx) -> list[Run]:
    """Of the transaction's connection, in the order in which they were asked for."""
    found = [msgspec.convert(each, Run) for each in (await directory.get_all(tx, _PREFIX)).values()]
    return sorted(found, key=lambda run: (run.began_at_us, run.id))


async def put(tx: WriteTx, run: Run) -> None:
    await directory.put(tx, f"{_PREFIX}{run.id}", msgspec.to_builtins(run))


async def administrators(tx: Tx) -> set[int]:
    """Sign-ins that something under way has for itself."""
    return {run.grant for run in await runs(tx) if run.state == "running" and run.grant is not None}


async def is_known(tx: Tx, run: Run) -> bool:
    return await directory.get(tx, f"{_PREFIX}{run.id}") is not None


async def drop(tx: WriteTx, run: Run) -> None:
    await directory.drop(tx, f"{_PREFIX}{run.id}")


async def runs_of(store: Store, connection_id: int) -> list[Run]:
    async with store.read(connection_id) as tx:
        return await runs(tx)


async def get(store: Store, connection_id: int, id_: str) -> Run:
    """Raises Missing."""
    found = next((each for each in await runs_of(store, connection_id) if each.id == id_), None)
    if found is None:
        raise Missing(
            "What was asked for is not known any more.",
            code="no_such_work",
            fix="Something else was asked for since. The tab says how it stands.",
        )
    return found
