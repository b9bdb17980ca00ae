"""Importing from Salesforce: what a person asks for when records were left alone, or should be looked at again."""

from __future__ import annotations

from interlock.engine.context import Cycle
from interlock.engine.cycle import work_off
from interlock.engine.import_ import import_


class Import:
    """The work of one import, with the number of records that it took up."""

    def __init__(self, since_us: int | None) -> None:
        self._since_us = since_us
        self.marked = 0

    async def work(self, ctx: Cycle) -> None:
        self.marked = await import_(ctx, self._since_us, work_off)
