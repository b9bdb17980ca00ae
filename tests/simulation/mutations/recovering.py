"""Mistakes after time-outs and crashes, and in who may write at all: parks, intents, keys, the lease."""

from __future__ import annotations

from tests.simulation.mutations.mutation import Mutation, Patch

RECORD, RECOVER = "interlock.engine.record", "interlock.engine.recover"
CALLS = "interlock.crm.calls"

RECOVERING = (
    Mutation(
        "no_park",
        "A request whose answer never came may still land, after and over what was decided meanwhile.",
        ("I4",),
        (
            Patch(
                RECORD,
                "            ledger.parked.append((write.side, intent_id))\n",
                "            ledger.settled.append(intent_id)\n",
            ),
            Patch(
                RECORD,
                "        work.wait(now + ctx.settings.park_us(write.side), Reason.PARKED)\n",
                "        work.wait(now, Reason.RETRY)\n",
            ),
        ),
    ),
    Mutation(
        "requests_of_the_dead_not_parked",
        "The last request of a process that died is as young as its death, and may still land.",
        ("I4", "I8"),
        (
            Patch(
                RECOVER,
                """\
            intent.state, intent.park_until_us = IntentState.UNKNOWN, now + ctx.settings.park_us(side)
            fresh_parks[side].append(intent.id)
""",
                "            intent.state, intent.park_until_us = IntentState.UNKNOWN, now\n",
            ),
        ),
    ),
    Mutation(
        "one_half_parked",
        "Of a pair that was not on disk yet both halves are due by themselves, and neither may go on.",
        ("I4", "I6"),
        (
            Patch(
                RECOVER,
                "            for each in (work, other):\n",
                "            for each in (work,):\n",
            ),
        ),
    ),
    Mutation(
        "time_out_sent_again",
        "A write that timed out may have been carried out: sent again it may land twice, the second time over an edit.",
        ("I4",),
        (
            Patch(
                CALLS,
                """\
                if write:
                    return Unsettled(f"{NAMES[self.side]} did not answer: {failure.why}")
""",
                "",
            ),
        ),
    ),
    Mutation(
        "server_fault_is_not_done",
        "A server that breaks down may have saved what it was sent.",
        ("I4",),
        (
            Patch(
                CALLS,
                """\
                if refusal.kind is Kind.FAULT and write:
                    return Unsettled(error.message)
""",
                """\
                if refusal.kind is Kind.FAULT and write:
                    return NotDone(error.message)
""",
            ),
        ),
    ),
    Mutation(
        "made_by_e_mail",
        "An address is no key: it changes, it is shared, and some records have none.",
        ("I6",),
        (
            Patch(
                "interlock.engine.apply",
                """\
        outcomes = await ctx.salesforce.create(
            type_, SALESFORCE_CREATION_KEY, group, auto_assign=auto_assign, purpose="write"
        )
""",
                """\
        from interlock.crm.salesforce.model import SalesforceInsert
        rows = [SalesforceInsert(each.key, each.fields) for each in group]
        by_email = {str(each.fields["Email"]).lower(): each for each in group if each.fields.get("Email")}
        there = await ctx.salesforce.query_where_in(type_, ["Id", "Email"], {"Email": list(by_email)}, purpose="write")
        made = {by_email[str(seen.values["Email"]).lower()].key: Written(seen.key.id) for seen in there}
        rows = [row for row in rows if row.trace not in made]
        outcomes = made | (await ctx.salesforce.insert(type_, rows, purpose="write") if rows else {})
""",
            ),
        ),
    ),
    Mutation(
        "landed_is_looked_for_among_the_living",
        "A record that landed and was deleted right after is made again, against whoever deleted it.",
        ("I6", "I7"),
        (
            Patch(RECOVER, "    for archived in (False, True):\n", "    for archived in (False,):\n"),
            Patch(RECOVER, "            include_deleted=True,\n", "            include_deleted=False,\n"),
        ),
    ),
    Mutation(
        "late_write_taken_for_an_edit",
        "A write of ours whose answer was lost is in no base: it looks like somebody's edit, and may win over a newer one.",
        ("I3", "I4"),
        (
            Patch(
                RECOVER,
                """\
            landed = True
            work.landed[id_] = _base_of(side, written, source, work.landed.get(id_))
""",
                "            landed = True\n",
            ),
        ),
    ),
    Mutation(
        "replaced_values_of_the_dead",
        "What a write of a dead process replaced stands in its intent alone.",
        ("I4", "I8"),
        (
            Patch(
                RECOVER,
                """\
    if landed:
        return _tell(work, intent, intent.rows)
    return _tell(work, intent, _conflicts(intent) if moved_on else [])
""",
                "    return []\n",
            ),
        ),
    ),
    Mutation(
        "fence_unchecked",
        "A process that was frozen wakes and writes into the database of its successor.",
        ("I8", "I9"),
        (
            Patch(
                "interlock.store.lease",
                "    if row is None or row[0] != lease.fence:\n",
                "    if row is None:\n",
            ),
        ),
    ),
    Mutation(
        "frozen_process_goes_on_sending",
        "No fence stands in the CRMs: a process that wakes sends what it decided long ago.",
        ("I4", "I8"),
        (
            Patch(
                "interlock.engine.ownership",
                """\
        while self._lost or self._clock_us() >= self.lease.until_us:
            await self._renew()
""",
                "        return\n",
            ),
            Patch("interlock.engine.apply", "        await _still_owner(ctx)\n", ""),
        ),
    ),
)
