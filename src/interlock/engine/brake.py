"""The tripwires of core/safety.py, pulled for a whole batch before its first write. Raises `Braked`; nothing was sent then."""

from __future__ import annotations

from interlock.core.link import WHOLE
from interlock.core.model import Gone, GoneHow, Side
from interlock.core.reconcile import Because
from interlock.core.safety import Brake, empty_side, mass_clear, mass_delete
from interlock.core.values import BLANK
from interlock.engine.context import Cycle
from interlock.engine.work import Batch, Work


class Braked(Exception):
    """The connection must be stopped until a person has looked."""

    def __init__(self, brake: Brake) -> None:
        super().__init__(brake.reason)
        self.brake = brake


def brake(ctx: Cycle, batch: Batch) -> None:
    if ctx.brake_released:
        return
    settings, slug = ctx.settings, batch.runtime.slug
    linked = [work for work in batch.works if work.link is not None and not work.new_link]
    for side in Side:
        gone = sum(_lost(work, side) for work in linked)
        found = empty_side(side, slug, len(linked), gone, settings.mass_change_share, settings.mass_change_least)
        fields = [field for work in linked for write in work.writes if write.side is side for field in write.fields]
        # What a person undoes empties what we had filled: they have seen it in the preview.
        fields = [field for field in fields if field.decision.merge.because is not Because.PERSON_UNDID]
        clears = sum(field.decision.merge.value == BLANK for field in fields)
        going = sum(work.deletion is not None and work.deletion.side is side for work in batch.works)
        lately = batch.deleted_lately.get(side, 0)
        found = found or mass_delete(side, slug, going, lately, settings.mass_change_least)
        found = found or mass_clear(
            side, slug, len(fields), clears, settings.mass_change_share, settings.mass_change_least
        )
        if found is not None:
            raise Braked(found)


def _lost(work: Work, side: Side) -> bool:
    """Deleted, or not shown to us any more. A record that lives on under another id (merged, a converted lead) is not lost,
    and what was lost before is no news."""
    seen = work.seen(side)
    assert work.link is not None
    missing = seen is None or (isinstance(seen, Gone) and seen.how in (GoneHow.DELETED, GoneHow.ERASED))
    return missing and work.link.state in WHOLE
