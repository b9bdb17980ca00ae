"""Mistakes in finding what changed: detection, its windows and cursors, the echoes of our own writes."""

from __future__ import annotations

from tests.simulation.mutations.mutation import Mutation, Patch

DETECT, NEWS, WINDOW = "interlock.engine.detect", "interlock.engine.news", "interlock.engine.window"
ECHOES = "interlock.engine.echoes"

NOTICING = (
    Mutation(
        "drop_by_author",
        "Who wrote a record last says nothing of an earlier edit that we have not seen yet.",
        ("I3", "I4"),
        (
            Patch(
                DETECT,
                """\
    rows = [ctx.salesforce.to_observation(poll.type, record, read_us, poll.fields) for record in records]
""",
                """\
    rows = [ctx.salesforce.to_observation(poll.type, record, read_us, poll.fields) for record in records]
    ours = (await ctx.salesforce.identity(purpose="detect")).user_id
""",
            ),
            Patch(
                DETECT,
                """\
    return await mark(ctx, poll.runtime, rows, Reason.CHANGED, cursor, counter)
""",
                """\
    rows = [row for row in rows if row.values.get("LastModifiedById") != ours]
    return await mark(ctx, poll.runtime, rows, Reason.CHANGED, cursor, counter)
""",
            ),
            Patch(
                DETECT,
                "                fields = runtime.salesforce_fields[type_]\n",
                '                fields = [*runtime.salesforce_fields[type_], "LastModifiedById"]\n',
            ),
        ),
    ),
    Mutation(
        "cursor_before_marks",
        "A crash between the two transactions leaves a cursor that has passed changes which nobody wrote down.",
        ("I8", "I10"),
        (
            Patch(
                DETECT,
                """\
    await learn_references(ctx, runtime, rows)
    async with ctx.store.write(ctx.connection_id, ctx.lease) as tx:
""",
                """\
    await learn_references(ctx, runtime, rows)
    async with ctx.store.write(ctx.connection_id, ctx.lease) as tx:
        await cursors.set(tx, cursor[0], dict(cursor[1]))
    async with ctx.store.write(ctx.connection_id, ctx.lease) as tx:
""",
            ),
            Patch(
                DETECT,
                """\
        await cursors.set(tx, cursor[0], dict(cursor[1]))
    return len(news) + len(merged_away)
""",
                "    return len(news) + len(merged_away)\n",
            ),
        ),
    ),
    Mutation(
        "only_later_stamps",
        "`>` at a grain of a second: what changes within the second of the newest stamp, or is shown late, is never asked for.",
        ("I10",),
        (
            Patch(
                WINDOW,
                """\
        if self.settled:
            return self.modified_us + grain_us
        # More may come under the newest stamp until it is settled.
        return max(self.settled_us if back else self.modified_us, 0)
""",
                "        return self.modified_us + grain_us\n",
            ),
        ),
    ),
    Mutation(
        "no_look_back",
        "A search index lags and a transaction commits after its stamp: what shows late lies behind the newest stamp seen.",
        ("I10",),
        (
            Patch(
                WINDOW,
                "        return not self.settled and (asked or now_us - self.looked_back_at_us >= overlap_us)\n",
                "        return False\n",
            ),
        ),
    ),
    Mutation(
        "cursor_of_our_clock",
        "The time of our poll is no stamp of the CRM: with a clock that is ahead, changes fall before the cursor.",
        ("I10",),
        (
            Patch(
                WINDOW,
                "        if modified_us <= self.modified_us:\n",
                """\
        modified_us = now_us
        if modified_us <= self.modified_us:
""",
            ),
            Patch(
                WINDOW,
                "        return self.modified_us if aged else self.modified_us - overlap_us\n",
                "        return self.modified_us\n",
            ),
        ),
    ),
    Mutation(
        "search_as_truth",
        "A search answers from an index that lags: what it shows is no fresh read, and may be older than what it overwrites.",
        ("I4",),
        (
            Patch(
                DETECT,
                """\
    marked = 0
    async for rows in pages:
""",
                """\
    marked = 0
    async with ctx.store.read(ctx.connection_id) as tx:
        counter = await dirty.horizon(tx)
    async for rows in pages:
""",
            ),
            Patch(
                DETECT,
                "        marked += await mark(ctx, runtime, rows, Reason.CHANGED, (name, window.cursor()))\n",
                "        marked += await mark(ctx, runtime, rows, Reason.CHANGED, (name, window.cursor()), counter)\n",
            ),
        ),
    ),
    Mutation(
        "stamp_is_a_version",
        "Salesforce stamps whole seconds: a later edit within the same second carries the stamp that was looked at.",
        ("I4", "I10"),
        (
            Patch(
                NEWS,
                "    return (link.synced_at_us or 0) - link.looked.since_us > STAMP_AGED_US\n",
                "    return True\n",
            ),
            Patch(
                NEWS,
                "    return News.NOTHING if alone.seen_us - alone.first_us > STAMP_AGED_US else News.UNSURE\n",
                "    return News.NOTHING\n",
            ),
        ),
    ),
    Mutation(
        "echo_notes_kept",
        "What we once wrote is the record's state only until the pair changes again: who types it back in makes an edit.",
        ("I3", "I4"),
        (
            Patch(
                ECHOES,
                """\
            self._notes.pop(link.hubspot, None)
            self._notes.pop(link.salesforce, None)
            if _settled(work):
""",
                "            if _settled(work):\n",
            ),
        ),
    ),
    Mutation(
        "echo_by_record",
        "That we have just written a record does not make the next version of it ours.",
        ("I3", "I4"),
        (
            Patch(
                ECHOES,
                "        return note is not None and note == _print(runtime, row.key, row.values)\n",
                "        return note is not None\n",
            ),
        ),
    ),
    Mutation(
        "merged_away_unseen",
        "No search and no archive shows a record that was merged away: only its survivor names it.",
        ("I6",),
        (
            Patch(
                DETECT,
                "    ids = [id_ for row in rows for id_ in merged_ids(row)]\n",
                "    ids: list[str] = []\n",
            ),
        ),
    ),
    Mutation(
        "removed_roles_unseen",
        "A deleted row of a junction is a change of both records that it joined.",
        ("I4",),
        (
            Patch(
                DETECT,
                """\
    for row in rows:
        parent = str(row.values.get(poll.parent_field or "") or "")
""",
                """\
    for row in rows:
        if row.values.get("IsDeleted"):
            continue
        parent = str(row.values.get(poll.parent_field or "") or "")
""",
            ),
        ),
    ),
    Mutation(
        "returned_field_wakes_nobody",
        "What was edited while a field was hidden from us is not edited again when it comes back.",
        ("I4",),
        (
            Patch(
                "interlock.engine.left_out",
                "                await dirty.wake_waiting(tx, runtime.slug)\n",
                "                pass\n",
            ),
        ),
    ),
)
