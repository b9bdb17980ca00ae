"""What the settings have done in the org, on the tab that asked for it: how far it is, how it ended, *Try again*.

The work itself runs behind the page (app/org_work). Whoever asked is led back to the tab at once, or a moment later where that is
enough; the part of the tab that says how it stands asks again by itself, and says it to a screen reader.
"""

from __future__ import annotations

import msgspec
from starlette.responses import RedirectResponse, Response

from interlock.app.connections import is_on
from interlock.app.org_work import kept, work
from interlock.app.org_work.kept import Kind, Run
from interlock.app.package.permit import MappedField
from interlock.store.connections import Connection
from interlock.web import settings
from interlock.web.access import Asked

# What takes no longer is on the page that comes next, without one in between that only says to wait.
AT_ONCE_S = 2.0
# In an address: whose end the page tells.
SHOWS = "run"


class Part(msgspec.Struct):
    """`runs`: what is under way on this tab, what has failed, and what the address asks after. `address`: where it is asked for."""

    runs: list[Run]
    address: str

    @property
    def under_way(self) -> bool:
        return any(each.state == "running" for each in self.runs)

    @property
    def turning_on(self) -> bool:
        return any((each.kind, each.state) == ("turn_on", "running") for each in self.runs)


async def begin(
    asked: Asked,
    connection: Connection,
    kind: Kind,
    part: str,
    *,
    edition: str | None = None,
    fields: list[MappedField] | None = None,
    mapped_fields: bool = False,
    origin: str | None = None,
    grant: int | None = None,
) -> Response:
    """Back to the tab, which says how it goes."""
    run = await work.begin(
        asked.site.interlock,
        asked.by,
        connection,
        kind,
        part,
        edition=edition,
        fields=fields,
        mapped_fields=mapped_fields,
        origin=origin,
        grant=grant,
    )
    assert connection.id is not None
    await work.wait(asked.site.interlock, connection.id, AT_ONCE_S)
    return back(connection, run)


def back(connection: Connection, run: Run) -> Response:
    return RedirectResponse(_address(connection, run.part, [run]), 303)


async def part_of(asked: Asked, connection: Connection, part: str) -> Part:
    assert connection.id is not None
    wanted = asked.request.query_params.get(SHOWS, "").split(",")
    found = await work.standing(asked.site.interlock, connection.id)
    runs = [each for each in found if each.part == part and (each.state != "done" or each.id in wanted)]
    return Part(runs, _address(connection, part, runs))


def _address(connection: Connection, part: str, runs: list[Run]) -> str:
    ids = ",".join(each.id for each in runs)
    return f"/connections/{connection.id}/{part}" + (f"?{SHOWS}={ids}" if ids else "")


def loads_again(asked: Asked, part: Part, response: Response) -> Response:
    """An object that is on now changes the whole tab, not only the part that asked."""
    asks = asked.request.headers.get("hx-request") == "true"
    if asks and not part.under_way and any((each.kind, each.state) == ("turn_on", "done") for each in part.runs):
        response.headers["HX-Redirect"] = part.address
    return response


async def again(asked: Asked) -> Response:
    """*Try again*. Raises Missing."""
    from interlock.web.pages import objects

    connection = await settings.connection_of(asked)
    assert connection.id is not None
    run = await kept.get(asked.site.store, connection.id, str(asked.request.path_params["run"]))
    if run.kind == "turn_on" and not is_on(connection, run.part):
        # What the next sync would do is another thing by now: it is seen first.
        return await objects.turn_on(asked, connection, run.part)
    return await begin(
        asked,
        connection,
        run.kind,
        run.part,
        fields=None if run.fields is None else list(run.fields),
        mapped_fields=run.mapped_fields,
        origin=run.origin,
    )
