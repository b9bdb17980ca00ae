"""What is held back of a pair once a batch is done: values that the other side refused, until they change. Pure."""

from __future__ import annotations

from interlock.core.model import Base, RecordLink, Refused, Side
from interlock.engine.apply import carried_out, edited_since, is_reference, not_done, unknown
from interlock.engine.context import HELD_AS_A_WHOLE, OPT_OUT
from interlock.engine.work import SideWrite, Work


def still_held(work: Work, link: RecordLink) -> Base:
    """What stays held back: refused now, or refused before and still not carried over."""
    return _fields_held(work, link) | opt_out_held(work)


def opt_out_held(work: Work) -> Base:
    """That HubSpot refused an opt-out is known: it is no news with every poll."""
    return {OPT_OUT: (0, 1)} if work.opt_out_refused else {}


def _fields_held(work: Work, link: RecordLink) -> Base:
    if not work.merged:
        # Nothing was compared (one of the two is away, or could not be read), so nothing is news about it.
        return link.held
    wanted = {decision.mapping.id for decision in work.decisions}
    written = {field.mapping.id for write in work.writes if carried_out(write) for field in write.fields}
    held = {id_: seen for id_, seen in link.held.items() if id_ in wanted and id_ not in written}
    if held and HELD_AS_A_WHOLE in link.held:
        held[HELD_AS_A_WHOLE] = (1, 1)
    held |= {each.mapping.id: each.seen for each in work.held}
    for write in work.writes:
        held |= dropped(write)
        if isinstance(write.outcome, Refused) and not (
            write.outcome.retry or write.outcome.gone or edited_since(write)
        ):
            held |= {field.mapping.id: field.seen for field in write.fields} | {HELD_AS_A_WHOLE: (1, 1)}
    for write in work.writes:
        for field in write.fields if carried_out(write) else ():
            # Of a value for both sides one took it: what is held back from the other waits beside that.
            if field.mapping.id in held:
                hubspot, salesforce = held[field.mapping.id]
                on_hubspot = write.side is Side.HUBSPOT
                held[field.mapping.id] = (field.written, salesforce) if on_hubspot else (hubspot, field.written)
    return {id_: seen for id_, seen in held.items() if id_ not in _under_way(work)}


def _under_way(work: Work) -> set[int]:
    """Fields that a side is to be told yet. Of a value for both sides the other one may have refused it: held back now, it would
    be kept from this one as well."""
    writes = [write for write in work.writes if unknown(write) or not_done(write) or edited_since(write)]
    return {field.mapping.id for write in writes for field in write.fields}


def dropped(write: SideWrite) -> Base:
    """Refused values wait for a change of their own; a reference waits for the record that it points to."""
    return {field.mapping.id: field.seen for field, _, _ in write.dropped if not is_reference(field)}
