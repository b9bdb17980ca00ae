"""Mistakes in carrying decisions out and in taking in what came of them: order, bases, proofs after the fact."""

from __future__ import annotations

from tests.simulation.mutations.mutation import Mutation, Patch

APPLY, RECORD, STAMP, VERIFY = (f"interlock.engine.{name}" for name in ("apply", "record", "stamp", "verify"))

WRITING = (
    Mutation(
        "base_is_read_back",
        "What stands there after our write may be somebody's edit: as the base it is no change and is never carried over.",
        ("I4", "I9"),
        (
            Patch(
                APPLY,
                """\
    for trace, (work, write) in by_trace.items():
        write.outcome = outcomes[trace]
""",
                """\
    for trace, (work, write) in by_trace.items():
        write.outcome = outcomes[trace]
    import msgspec
    from interlock.core.values import fingerprint
    runtime = pairs[0][0].runtime
    ids = [write.id for _, write in by_trace.values() if write.id is not None]
    now = await ctx.hubspot.read(type_, ids, runtime.hubspot_properties, purpose="verify")
    for _, write in by_trace.values():
        if write.id in now:
            write.fields = [
                msgspec.structs.replace(
                    field, written=fingerprint(field.mapping.codec.from_hubspot(now[write.id].values.get(field.name)))
                )
                for field in write.fields
            ]
""",
            ),
        ),
    ),
    Mutation(
        "base_before_the_outcome",
        "A write that did not arrive leaves a base that both sides never agreed on.",
        ("I9",),
        (
            Patch(
                RECORD,
                """\
    base |= base_after((write.side, write.fields) for write in carried)
""",
                """\
    base |= base_after((write.side, write.fields) for write in work.writes)
""",
            ),
        ),
    ),
    Mutation(
        "created_without_key",
        "A create that is repeated after a lost answer makes a second record where no key in the first one forbids it.",
        ("I6",),
        (
            Patch(
                APPLY,
                """\
        outcomes = await ctx.salesforce.create(
            type_, SALESFORCE_CREATION_KEY, group, auto_assign=auto_assign, purpose="write"
        )
""",
                """\
        from interlock.crm.salesforce.model import SalesforceInsert
        rows = [SalesforceInsert(each.key, each.fields) for each in group]
        outcomes = await ctx.salesforce.insert(type_, rows, purpose="write")
""",
            ),
        ),
    ),
    Mutation(
        "intents_after_the_request",
        "A process that dies between its request and its intent leaves nothing that tells of the request.",
        ("I8",),
        (
            Patch(
                "interlock.engine.cycle",
                """\
    await intend(ctx, batch)
    await apply(ctx, batch)
""",
                """\
    await apply(ctx, batch)
    await intend(ctx, batch)
""",
            ),
        ),
    ),
    Mutation(
        "done_whatever_came",
        "A mark that was made while its record was on its way is cleared with the one that was worked on.",
        ("I4", "I10"),
        (
            Patch(
                RECORD,
                "        await dirty.clear(tx, ledger.done, batch.horizon)\n",
                "        await dirty.clear(tx, ledger.done, 2**62)\n",
            ),
        ),
    ),
    Mutation(
        "associated_before_the_answer",
        "An association that a create was to be followed by is believed to stand there: that it does not looks like an edit.",
        ("I4", "I9"),
        (
            Patch(
                APPLY,
                """\
        if not (follows and is_reference(each))
""",
                """\
        if follows or not follows
""",
            ),
        ),
    ),
    Mutation(
        "failed_is_done",
        "A write that surely was not carried out is to be tried again.",
        ("I4",),
        (
            Patch(
                RECORD,
                """\
    elif not_done(write):
        work.wait(now + backoff_us(ctx, work), Reason.RETRY)
""",
                """\
    elif not_done(write):
        pass
""",
            ),
        ),
    ),
    Mutation(
        "roles_agreed_when_half_done",
        "A member that could not be added on one side looks removed there at the next look.",
        ("I9",),
        (Patch("interlock.engine.roles", "        work.sets = {}\n", ""),),
    ),
    Mutation(
        "association_taken_for_granted",
        "A reference whose association failed is in the base all the same, and looks taken away at the next look.",
        ("I9",),
        (
            Patch(
                STAMP,
                "    write.fields = [field for field in write.fields if field.name != reference.property]\n",
                "",
            ),
        ),
    ),
    Mutation(
        "stored_id_tried_once",
        "The record is made, but the id that joins it to its source did not arrive, and nobody tries again.",
        ("I6",),
        (
            Patch(
                STAMP,
                """\
    for hubspot_id, (work, _) in made.items():
        _retry_unless_written(ctx, work, outcomes[hubspot_id])
""",
                "",
            ),
        ),
    ),
    Mutation(
        "replaced_values_in_memory",
        "What somebody wrote between our read and our write stood in this answer alone, and dies with the process.",
        ("I4", "I8"),
        (Patch(APPLY, "    await _keep_lost_races(ctx, pairs)\n", ""),),
    ),
    Mutation(
        "no_verify",
        "HubSpot writes without a condition: an edit between our read and our write is replaced and nothing tells of it.",
        ("I4",),
        (
            Patch(
                APPLY,
                "    return not write.creates or not outcome.created\n",
                "    return False\n",
            ),
        ),
    ),
    Mutation(
        "verify_for_the_winner_only",
        "That Salesforce wins under the rule does not mean that what HubSpot lost may vanish.",
        ("I4",),
        (
            Patch(
                APPLY,
                "    return not write.creates or not outcome.created\n",
                """\
    fields = [field for field in write.fields if "salesforce" not in field.mapping.effective_rule.value]
    return bool(fields) and (not write.creates or not outcome.created)
""",
            ),
        ),
    ),
    Mutation(
        "create_is_no_update",
        "An upsert that comes a second time finds the record of the first, and replaces what somebody typed in between.",
        ("I4",),
        (Patch(APPLY, "    return not write.creates or not outcome.created\n", "    return not write.creates\n"),),
    ),
    Mutation(
        "verify_the_wrong_way",
        "Versions come newest first: those before our own in the list are later than our write, and not what it replaced.",
        ("I4",),
        (
            Patch(
                VERIFY,
                "    for place in range(last + 1, len(newest_first)):\n",
                "    for place in range(last):\n",
            ),
        ),
    ),
    Mutation(
        "verify_by_our_clock",
        "HubSpot's stamps are of HubSpot's clock: measured against ours, a version after our read looks older than it.",
        ("I4",),
        (
            Patch(
                APPLY,
                "    return target.modified_us if isinstance(target, Observation) else 0\n",
                "    return target.read_us if isinstance(target, Observation) else 0\n",
            ),
        ),
    ),
    Mutation(
        "lost_race_not_put_back",
        "A value that the rule lets win stays replaced by the one that it was to replace.",
        ("I4",),
        (
            Patch(
                "interlock.engine.repair",
                "    return row.side is not None and row.rule in _WINS[row.side] and row.cause != REPLACED_UNREAD\n",
                "    return False\n",
            ),
        ),
    ),
)
