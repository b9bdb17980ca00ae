"""Mistakes in the rules that somebody chose about what becomes of values (../themes/)."""

from __future__ import annotations

from tests.simulation.mutations.mutation import Mutation, Patch

PIPELINES, TOGETHER = "interlock.engine.pipelines", "interlock.engine.together"
DECIDE, LIFECYCLE = "interlock.engine.decide", "interlock.core.lifecycle"

STAGES, LOOKS = "interlock.objects.stages_in_step", "interlock.app.pipelines_in_step"

_IN_STEP = (
    Mutation(
        "stage_known_by_its_name",
        "A stage of Salesforce is known by the id of its row, whatever it is called by now.",
        (),
        (
            Patch(
                STAGES,
                "            now[stage.id] = by_row.get(known.row, known.name) if known is not None else joined[stage.id]\n",
                "            now[stage.id] = known.name if known is not None and by_row else joined[stage.id]\n",
            ),
        ),
        "pipelines",
    ),
    Mutation(
        "words_of_hubspot_replaced",
        "What somebody calls a stage in HubSpot stays.",
        (),
        (
            Patch(
                STAGES,
                "    if known.label != now.label and stage.label == known.label:\n",
                "    if known.label != now.label:\n",
            ),
        ),
        "pipelines",
    ),
    Mutation(
        "meaning_not_followed",
        "A stage that closes deals in Salesforce closes them in HubSpot.",
        (),
        (Patch(STAGES, "    if known.means != now.means and", "    if known.means is now.means and"),),
        "pipelines",
    ),
    Mutation(
        "added_stage_forgotten",
        "A stage that a process added before it died is the one that it was added for.",
        (),
        (Patch(STAGES, "    return {**joined, **names}, msgspec", "    return {**joined}, msgspec"),),
        "pipelines",
    ),
    Mutation(
        "retired_stage_untold",
        "A stage that Salesforce does not offer any more stays, and somebody is told.",
        (),
        (Patch(LOOKS, "        for stage in step.retired:\n", "        for stage in step.refused:\n"),),
        "pipelines",
    ),
    Mutation(
        "deeds_of_the_dead_unlogged",
        "What a process that died had done to a pipeline is logged by the next one.",
        (),
        (
            Patch(
                LOOKS,
                "    done = [each for each in going if is_done(each, here)]\n",
                "    done = [each for each in () if is_done(each, here)]\n",
            ),
        ),
        "pipelines",
    ),
)

_DEALS = (
    Mutation(
        "pipeline_not_carried_over",
        "An opportunity gets the record type of the pipeline that its deal was moved to.",
        ("I4",),
        (
            Patch(
                PIPELINES,
                "    if side is Side.SALESFORCE:\n        return writes, None\n",
                "    if side is Side.SALESFORCE:\n        return others, None\n",
            ),
        ),
        "pipelines",
    ),
    Mutation(
        "nothing_goes_together",
        "An amount and its currency go together, or neither goes.",
        ("I5",),
        (
            Patch(
                TOGETHER,
                "    for leader, follower in spec.together.items():\n",
                "    for leader, follower in ():\n",
            ),
        ),
        "currencies",
    ),
    Mutation(
        "pipeline_without_its_stage",
        "A deal goes to another pipeline together with the stage that it has there, or not at all.",
        ("I5",),
        (
            Patch(
                PIPELINES,
                "    if decided is None:\n        return [*writes, along], None\n",
                "    if decided is None:\n        return writes, None\n",
            ),
        ),
        "pipelines",
    ),
    Mutation(
        "written_in_another_pipeline",
        "A pair that stands in a pipeline which does not sync is left alone until it comes back.",
        (),
        (
            Patch(
                PIPELINES,
                "        work.included, work.limit = False, Limit.PIPELINE\n",
                "        work.included, work.limit = work.link is not None and not work.new_link, Limit.PIPELINE\n",
            ),
        ),
        "pipelines",
    ),
    Mutation(
        "amount_without_its_currency",
        "The same number in another currency is another amount: it waits with a currency that cannot go.",
        ("I5",),
        (
            Patch(
                TOGETHER,
                "            if moves or left != right or type(left) is Unknown:\n",
                "            if moves:\n",
            ),
        ),
        "currencies",
    ),
    Mutation(
        "currency_without_its_amount",
        "A currency that goes alone says that the number is right in it.",
        ("I5",),
        (
            Patch(
                TOGETHER,
                "        if follower not in SAID_BY_THEIR_LEADER:\n",
                "        if False:\n",
            ),
        ),
        "currencies",
    ),
)

_OWNERS = (
    Mutation(
        "owners_changed_anywhere",
        "Where owners are to change in one CRM alone, nobody is handed over there by us.",
        (),
        (
            Patch(
                "interlock.app.owner_choices",
                "    rule = _RULES.get(settings.chosen(OWNER_CHANGES, slug))\n",
                "    rule = None\n",
            ),
        ),
        "owners",
    ),
    Mutation(
        "nobody_gives_way",
        "Where Salesforce's owner is to stand on both sides, one who cannot own there gives way.",
        (),
        (
            Patch(
                "interlock.app.owner_choices",
                "    gives_way = stands_on_both(settings, slug)\n",
                "    gives_way = False\n",
            ),
        ),
        "owners",
    ),
)

_SCHEMAS = (
    Mutation(
        "broken_mapping_untold",
        "That a mapping cannot be used, since its field is gone, is for a person to know.",
        (),
        (
            Patch(
                "interlock.app.mapping_drift",
                '    if status.status == "broken":\n',
                "    if False:\n",
            ),
        ),
        "schemas",
    ),
    Mutation(
        "archived_property_is_empty",
        "HubSpot leaves a property that was archived out of its answer: that empties nothing in Salesforce.",
        ("I4", "I5"),
        (
            Patch(
                "interlock.core.reconcile",
                """\
    if field.property not in seen.values:
        return NOT_ANSWERED
    return field.codec.from_hubspot(seen.values[field.property])
""",
                "    return field.codec.from_hubspot(seen.values.get(field.property))\n",
            ),
        ),
        "schemas",
    ),
)

_STAGES = (
    Mutation(
        "won_makes_no_customer",
        "A role in a won opportunity says Customer.",
        ("I4",),
        (
            Patch(
                LIFECYCLE,
                "        return [OPPORTUNITY, CUSTOMER]\n",
                "        return [OPPORTUNITY]\n",
            ),
        ),
        "lifecycle",
    ),
    Mutation(
        "role_speaks_again",
        "A role moves the lifecycle stage once: where a person has moved it back it stays.",
        (),
        (
            Patch(
                LIFECYCLE,
                "    return [stage for role in roles for stage in says(role) if mark(role, stage) not in before]\n",
                "    return [stage for role in roles for stage in says(role)]\n",
            ),
        ),
        "lifecycle",
    ),
    Mutation(
        "lost_is_an_opportunity",
        "An opportunity that was lost says nothing of the lifecycle stage.",
        (),
        (
            Patch(
                LIFECYCLE,
                "    return [] if role.closed else [OPPORTUNITY]\n",
                "    return [OPPORTUNITY]\n",
            ),
        ),
        "lifecycle",
    ),
)

_BACKFILLS = (
    Mutation(
        "first_of_a_page_taken_up",
        "A backfill takes up every pair of the object.",
        ("I4",),
        (
            Patch(
                "interlock.engine.backfill",
                "            await dirty.mark(tx, runtime.slug, due, Reason.CHANGED, ctx.clock_us())\n",
                "            await dirty.mark(tx, runtime.slug, due[:1], Reason.CHANGED, ctx.clock_us())\n",
            ),
        ),
        "backfills",
    ),
    Mutation(
        "formula_by_its_stamp",
        "A formula comes out differently without a stamp of its record that moves.",
        ("I4",),
        (
            Patch(
                "interlock.engine.formulas",
                "        if known is not None and print_ is not None and print_ != known[1]:\n",
                "        if False:\n",
            ),
        ),
        "backfills",
    ),
)

_NEWEST = (
    Mutation(
        "taken_role_is_shown",
        "What a contact shows of its newest opportunity goes with its role in it.",
        (),
        (
            Patch(
                "interlock.engine.newest_opportunity",
                "    newest = next((row for row in reversed(rows) if not row.get(_DELETED)), None)\n",
                "    newest = next(iter(reversed(rows)), None)\n",
            ),
        ),
        "newest",
    ),
)

CHOOSING_VALUES = (*_DEALS, *_IN_STEP, *_OWNERS, *_SCHEMAS, *_STAGES, *_BACKFILLS, *_NEWEST)
