"""Mistakes in what becomes of a pair: absence, merges, the fields, the opt-out, what waits for what."""

from __future__ import annotations

from tests.simulation.mutations.mutation import Mutation, Patch

DECIDE, RECORD = "interlock.engine.decide", "interlock.engine.record"
LINK, RECONCILE = "interlock.core.link", "interlock.core.reconcile"

DECIDING = (
    Mutation(
        "silence_is_a_delete",
        "A record that a batch read does not return may live on as another: only what the CRM says of it proves a delete.",
        ("I6", "I7"),
        (
            Patch(
                "interlock.engine.fetch",
                '        survivor = await ctx.hubspot.read_by_id(type_, id_, runtime.hubspot_properties, purpose="fetch")\n',
                "        survivor = None\n",
            ),
        ),
    ),
    Mutation(
        "merge_is_a_delete",
        "A record that was merged into another lives on as that one, and its counterpart with it.",
        ("I6",),
        (
            Patch(
                LINK,
                """\
    for side, seen in ((Side.HUBSPOT, hubspot), (Side.SALESFORCE, salesforce)):
        if isinstance(seen, Gone) and seen.successor is not None:
            return LinkDecision(LinkMove.FOLLOW, side=side, successor=seen.successor, cause=seen.how.value)
""",
                "",
            ),
        ),
    ),
    Mutation(
        "deleted_is_made_again",
        "A pair that is forgotten with one of its records makes the other one look new: what was deleted comes back.",
        ("I6", "I7"),
        (
            Patch(
                LINK,
                "    return _to(link, RESTS[side], side, cause)\n",
                "    return _to(link, LinkState.UNLINKED, side, cause)\n",
            ),
            Patch(
                "interlock.engine.matching",
                "    await _deleted_counterparts(ctx, finder, hubspot_works, salesforce_works)\n",
                "",
            ),
        ),
    ),
    Mutation(
        "survivor_is_a_stranger",
        "A survivor that is looked at before its link has moved to it is given a second counterpart.",
        ("I6",),
        (Patch("interlock.engine.cycle", "    await set_survivors_aside(ctx, batch)\n", ""),),
    ),
    Mutation(
        "blank_for_unknown",
        "A field that is missing from an answer cannot be read: taken as empty it empties the other side.",
        ("I4", "I5"),
        (
            Patch(
                RECONCILE,
                """\
    if field.property not in seen.values:
        return NOT_ANSWERED
    return field.codec.from_hubspot(seen.values[field.property])
""",
                "    return field.codec.from_hubspot(seen.values.get(field.property))\n",
            ),
            Patch(
                RECONCILE,
                """\
    if field.field not in seen.values:
        return NOT_ANSWERED
    return field.codec.from_salesforce(seen.values[field.field])
""",
                "    return field.codec.from_salesforce(seen.values.get(field.field))\n",
            ),
        ),
    ),
    Mutation(
        "newest_by_our_read",
        "When we read a record says nothing of when somebody edited it.",
        ("I4",),
        (
            Patch(
                DECIDE,
                "    apart = hubspot.modified_us - salesforce.modified_us\n",
                "    apart = hubspot.read_us - salesforce.read_us\n",
            ),
        ),
    ),
    Mutation(
        "opt_out_is_a_mapping",
        "An opt-out that was given in Salesforce alone is cleared there, as if HubSpot's answer were an opt-in.",
        ("I4",),
        (
            Patch(
                DECIDE,
                """\
    if to_salesforce:
        to_write["HasOptedOutOfEmail"] = True
    if to_hubspot:
        work.opt_out_hubspot = address
""",
                """\
    to_salesforce, to_hubspot = in_hubspot != in_salesforce, False
    if to_salesforce:
        to_write["HasOptedOutOfEmail"] = in_hubspot
""",
            ),
        ),
    ),
    Mutation(
        "opt_out_one_way",
        "Who opts out in Salesforce is still written to from HubSpot.",
        ("I4",),
        (
            Patch(
                DECIDE,
                "    to_hubspot = address is not None and (moved or moves or given)\n",
                "    to_hubspot = False\n",
            ),
        ),
    ),
    Mutation(
        "opt_out_known_when_half_done",
        "An opt-out of which one direction failed and which counts as known is never carried over.",
        ("I4", "I9"),
        (
            Patch(
                RECORD,
                """\
    if not all(map(carried_out, to_salesforce)) or (work.opt_out_hubspot is not None and not work.opt_out_done):
""",
                "    if False:\n",
            ),
        ),
    ),
    Mutation(
        "held_for_ever",
        "A value that was refused once is held back, and so is every later value of the field.",
        ("I4",),
        (
            Patch(
                "interlock.core.plan",
                "        if not resend_held and held.get(mapping.id) == both:\n",
                "        if not resend_held and mapping.id in held:\n",
            ),
        ),
    ),
    Mutation(
        "reference_not_waited_for",
        "A record whose company has no counterpart yet does not change again when the company gets one.",
        ("I4",),
        (
            Patch(
                DECIDE,
                """\
            if points_to and (str(points_to) not in known or str(points_to) in reference.resting):
                work.awaits.append(reference.key(side, str(points_to)))
                work.wait(ctx.clock_us() + WAIT_FOR_REFERENCE_US, Reason.WAITING)
""",
                "",
            ),
        ),
    ),
    Mutation(
        "children_not_woken",
        "What waits for a record is to go on when that record has its counterpart, not hours later.",
        ("I1",),
        (
            Patch(
                RECORD,
                """\
        if ledger.linked:
            await dirty.wake(tx, ledger.linked)
""",
                "",
            ),
        ),
    ),
    Mutation(
        "rule_needs_no_log",
        "That a rule gives the value to the other side does not make the one that is replaced known to anybody.",
        ("I4",),
        (
            Patch(
                "interlock.engine.audit_rows",
                "    replaced = [field for field in write.fields if field.decision.merge.conflict is not None]\n",
                """\
    replaced = [
        field
        for field in write.fields
        if field.decision.merge.conflict is not None
        and field.decision.merge.conflict.reason is ConflictReason.BOTH_CHANGED
    ]
""",
            ),
        ),
    ),
)
