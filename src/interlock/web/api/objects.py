"""What syncs of each object: on or off, the list and filters that limit it, and what becomes of a record that nothing matches."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import msgspec
from starlette.responses import Response

from interlock.app import (
    backfill,
    missing_labels,
    object_rules,
    person_rules,
    pipelines,
    salesforce_filters,
    setting_changes,
    what_syncs,
)
from interlock.app.connections import is_on
from interlock.app.errors import BadInput, Missing
from interlock.app.org_work import work
from interlock.crm.salesforce.condition import CHARS_MAX
from interlock.objects.lead_or_contact import NOTHING, RULES_MOST, VALUES_MOST, PersonRule, When
from interlock.objects.pipelines import Chosen, PipelineChoice
from interlock.objects.registry import SPECS
from interlock.store.connections import Connection
from interlock.web.api.called import Called
from interlock.web.api.shapes import WAIT_MOST_S

LISTS_MOST = 100


class PersonRuleGiven(msgspec.Struct, forbid_unknown_fields=True):
    """Of a person who is new in HubSpot: where it applies, what they become in Salesforce."""

    when: When
    create_as: Annotated[
        Annotated[str, msgspec.Meta(min_length=1, max_length=50)] | None,
        msgspec.Meta(description="`Contact` or `Lead`; null: nothing."),
    ]
    property: Annotated[
        str, msgspec.Meta(max_length=200, description="The internal name, where the condition is on one.")
    ] = ""
    values: Annotated[
        list[Annotated[str, msgspec.Meta(min_length=1, max_length=500)]], msgspec.Meta(max_length=VALUES_MOST)
    ] = []


Id = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]


class Pipeline(msgspec.Struct, forbid_unknown_fields=True):
    record_type: Annotated[
        str, msgspec.Meta(min_length=1, max_length=18, description="Id of a record type of opportunities, or `any`.")
    ]
    stages: Annotated[
        dict[Id, Annotated[str, msgspec.Meta(min_length=1, max_length=255)]],
        msgspec.Meta(max_length=100, description="Stage of the pipeline to StageName of Salesforce."),
    ]
    in_step: Annotated[
        bool, msgspec.Meta(description="What changes about the stages in Salesforce is changed in HubSpot.")
    ] = False


class ChoosingWhatSyncs(msgspec.Struct, forbid_unknown_fields=True):
    """What is not named stays as it is."""

    list_id: (
        Annotated[
            str,
            msgspec.Meta(min_length=1, max_length=100, description="Only records in this HubSpot list; null: all."),
        ]
        | msgspec.UnsetType
        | None
    ) = msgspec.UNSET
    create_in_salesforce: (
        Annotated[
            str,
            msgspec.Meta(
                min_length=1,
                max_length=100,
                description="What a new HubSpot record becomes, for contacts `Contact` or `Lead`; null: nothing.",
            ),
        ]
        | msgspec.UnsetType
        | None
    ) = msgspec.UNSET
    create_in_hubspot: (
        Annotated[bool, msgspec.Meta(description="Whether a new Salesforce record is created in HubSpot.")]
        | msgspec.UnsetType
    ) = msgspec.UNSET
    choices: Annotated[
        dict[
            Annotated[str, msgspec.Meta(min_length=1, max_length=50)],
            Annotated[str, msgspec.Meta(min_length=1, max_length=50)],
        ],
        msgspec.Meta(max_length=20, description="Name to value of those to change (docs/settings.md)."),
    ] = {}
    pipelines: (
        Annotated[
            dict[Id, Pipeline],
            msgspec.Meta(
                max_length=100, description="Of deals: HubSpot pipeline to what it stands for. Empty: the first."
            ),
        ]
        | msgspec.UnsetType
    ) = msgspec.UNSET

    filters: Annotated[
        dict[
            Annotated[str, msgspec.Meta(min_length=1, max_length=50)],
            Annotated[str, msgspec.Meta(min_length=1, max_length=CHARS_MAX)] | None,
        ],
        msgspec.Meta(
            max_length=5,
            description="Salesforce type to the condition in SOQL that its records must fit, those to change; null: all sync.",
        ),
    ] = {}
    person_rules: (
        Annotated[
            list[PersonRuleGiven],
            msgspec.Meta(
                max_length=RULES_MOST,
                description="Of contacts, all of them in order: the first that applies decides, else `create_in_salesforce`.",
            ),
        ]
        | msgspec.UnsetType
    ) = msgspec.UNSET


class CountingAFilter(msgspec.Struct, forbid_unknown_fields=True):
    type: Annotated[str, msgspec.Meta(min_length=1, max_length=50, description="A Salesforce type of the object.")]
    filter: Annotated[str, msgspec.Meta(min_length=1, max_length=CHARS_MAX, description="A condition in SOQL.")]


class PlanningChoices(ChoosingWhatSyncs, forbid_unknown_fields=True):
    """Other choices, or an object that is off turned on."""

    on: Annotated[bool, msgspec.Meta(description="Turned on, with the choices that it has.")] = False
    backfill: Annotated[bool, msgspec.Meta(description="Its linked pairs take up what is mapped now.")] = False


class Turning(msgspec.Struct, forbid_unknown_fields=True):
    on: bool


class Looking(msgspec.Struct, forbid_unknown_fields=True):
    name: Annotated[str, msgspec.Meta(max_length=200, description="A part of the list's name.")] = ""
    cursor: Annotated[int, msgspec.Meta(ge=0, le=10**9, description="`next_cursor` of the page before.")] = 0
    limit: Annotated[int, msgspec.Meta(ge=1, le=LISTS_MOST)] = LISTS_MOST


def slug_of(called: Called) -> str:
    """Raises Missing."""
    slug = str(called.request.path_params["object"])
    if slug not in SPECS:
        raise Missing(
            f"{slug!r} is not an object that syncs.", code="no_such_object", fix=f"There are: {', '.join(SPECS)}."
        )
    return slug


async def list_(called: Called) -> Response:
    return await _told(called, await called.connection(), list(SPECS))


async def show(called: Called) -> Response:
    slug = slug_of(called)
    return await _told(called, await called.connection(), [slug])


async def choose(called: Called) -> Response:
    wanted, chosen, slug, site = called.body(ChoosingWhatSyncs), await called.connection(), slug_of(called), called.site
    choice = _choice(wanted)
    edition = called.if_match
    await _check_pipelines(called, chosen, slug, choice)
    if not what_syncs.asks(chosen, slug, choice):
        await what_syncs.choose(site.store, chosen, slug, choice, None, called.by, edition)
    else:
        async with site.interlock.clients(chosen) as clients:
            await what_syncs.choose(
                site.store, chosen, slug, choice, clients.hubspot, called.by, edition, clients.salesforce
            )
    return await _told(called, await called.connection(), [slug])


async def _check_pipelines(called: Called, connection: Connection, slug: str, choice: what_syncs.Choice) -> None:
    """Raises BadInput, Missing, CrmError."""
    if choice.pipelines is not msgspec.UNSET:
        await what_syncs.check(connection, slug, what_syncs.Choice(pipelines=choice.pipelines), None)
        async with called.site.interlock.clients(connection) as clients:
            pipelines.check(choice.pipelines, await pipelines.read(clients.hubspot, clients.salesforce))


def _choice(wanted: ChoosingWhatSyncs) -> what_syncs.Choice:
    in_salesforce = wanted.create_in_salesforce
    return what_syncs.Choice(
        wanted.list_id,
        what_syncs.NOTHING if in_salesforce is None else in_salesforce,
        wanted.create_in_hubspot,
        wanted.choices,
        {type_: text or "" for type_, text in wanted.filters.items()},
        msgspec.UNSET if wanted.person_rules is msgspec.UNSET else tuple(map(_rule, wanted.person_rules)),
        msgspec.UNSET if wanted.pipelines is msgspec.UNSET else _chosen(wanted.pipelines),
    )


def _rule(given: PersonRuleGiven) -> PersonRule:
    return PersonRule(given.when, given.create_as or NOTHING, given.property, tuple(given.values))


async def count(called: Called) -> Response:
    """How many records a filter lets through, before it is chosen."""
    wanted, chosen, slug = called.body(CountingAFilter), await called.connection(), slug_of(called)
    (text,) = salesforce_filters.tidy(slug, {wanted.type: wanted.filter}).values()
    async with called.site.interlock.clients(chosen) as clients:
        found = await salesforce_filters.count(clients.salesforce, wanted.type, text)
    return called.answer("filter-count", found.document())


def _chosen(wanted: dict[str, Pipeline]) -> Chosen:
    return {id_: PipelineChoice(each.record_type, each.stages, each.in_step) for id_, each in wanted.items()}


async def plan(called: Called) -> Response:
    wanted, connection, slug = called.body(PlanningChoices), await called.connection(), slug_of(called)
    await _check_pipelines(called, connection, slug, _choice(wanted))
    change = _change(connection, slug, wanted)
    if not setting_changes.is_shown(connection, change):
        raise BadInput(
            f"There is nothing to preview: {connection.name} does not sync {slug}.",
            code="nothing_to_preview",
            fix="Join the two CRMs, or turn the object on, first. What is chosen before does nothing yet.",
        )
    seen = partial(setting_changes.document, called.site.interlock, connection, change, called.site.clock_us)
    return await called.begin(setting_changes.JOB, connection, setting_changes.asked_of(change), seen)


def _change(connection: Connection, slug: str, wanted: PlanningChoices) -> setting_changes.Change:
    """Raises BadInput."""
    choice = _choice(wanted)
    if wanted.backfill:
        backfill.check_on(connection, slug)
        if wanted.on or choice != what_syncs.Choice():
            raise BadInput(
                "A backfill and other choices are previewed one after the other.",
                code="one_at_a_time",
                field="backfill",
                fix="Save the choices first.",
            )
        return setting_changes.Change(slug, backfill=True)
    choice = msgspec.structs.replace(choice, filters=salesforce_filters.tidy(slug, choice.filters))
    if choice.person_rules is not msgspec.UNSET:
        person_rules.check(slug, choice.person_rules)
    if not wanted.on:
        change = setting_changes.chosen(connection, slug, choice, None)
    elif choice != what_syncs.Choice():
        raise BadInput(
            "Turning an object on and other choices are previewed one after the other.",
            code="one_at_a_time",
            field="on",
            fix="Save the choices first: they do nothing while the object is off.",
        )
    else:
        change = None if is_on(connection, slug) else setting_changes.turned_on(connection, slug)
    if change is None:
        raise BadInput("It is like this already.", code="no_change", fix="Name what is to become another.")
    return change


async def turn(called: Called) -> Response:
    wanted, chosen, slug, site = called.body(Turning), await called.connection(), slug_of(called), called.site
    if not wanted.on:
        await object_rules.turn_off(site.store, chosen, slug, called.by)
    elif not is_on(chosen, slug):
        # It goes on behind an answer that cannot wait for it.
        run = await work.begin(site.interlock, called.by, chosen, "turn_on", slug)
        await work.ended(site.interlock, run, WAIT_MOST_S)
    return await _told(called, await called.connection(), [slug])


async def lists(called: Called) -> Response:
    asked, chosen, slug = called.query(Looking), await called.connection(), slug_of(called)
    async with called.site.interlock.clients(chosen) as clients:
        found = await what_syncs.lists(clients.hubspot, slug, asked.name, asked.cursor, asked.limit)
    listed = [{"id": each.id, "name": each.name, "records": each.size, "kind": each.kind} for each in found.lists]
    return called.answer("hubspot-lists", {"lists": listed, "next_cursor": found.next})


async def _told(called: Called, connection: Connection, slugs: list[str]) -> Response:
    assert connection.id is not None
    found = [what_syncs.chosen(connection, slug) for slug in slugs]
    coming = await work.being_turned_on(called.site.interlock, connection.id)
    document = {
        "objects": [
            each.document(enabled=is_on(connection, each.object), turning_on=each.object in coming) for each in found
        ]
    }
    headers = {"ETag": f'"{found[0].edition}"'} if len(found) == 1 else None
    return called.answer("what-syncs", document, headers=headers)


class MakingPipeline(msgspec.Struct, forbid_unknown_fields=True):
    record_type: Annotated[
        str, msgspec.Meta(min_length=1, max_length=18, description="Whose stages it has; `any`: every stage.")
    ]


async def deal_pipelines(called: Called) -> Response:
    return await _pipelines_told(called, await called.connection())


async def make_pipeline(called: Called) -> Response:
    wanted, chosen, site = called.body(MakingPipeline), await called.connection(), called.site
    async with site.interlock.clients(chosen) as clients:
        await pipelines.make(site.store, chosen, wanted.record_type, clients.hubspot, clients.salesforce, called.by)
    return await _pipelines_told(called, chosen)


class MakingLabels(msgspec.Struct, forbid_unknown_fields=True):
    roles: Annotated[
        list[Annotated[str, msgspec.Meta(min_length=1, max_length=255)]],
        msgspec.Meta(min_length=1, max_length=10, description="Of `missing`."),
    ]


async def role_labels(called: Called) -> Response:
    async with called.site.interlock.clients(await called.connection()) as clients:
        found = await missing_labels.compare(clients.hubspot, clients.salesforce)
    return called.answer("role-labels", found.document())


async def make_role_labels(called: Called) -> Response:
    wanted, chosen, site = called.body(MakingLabels), await called.connection(), called.site
    async with site.interlock.clients(chosen) as clients:
        found = await missing_labels.make(
            site.store, chosen, wanted.roles, clients.hubspot, clients.salesforce, site.clock_us(), called.by
        )
    return called.answer("role-labels", found.document(wanted.roles))


async def _pipelines_told(called: Called, connection: Connection) -> Response:
    async with called.site.interlock.clients(connection) as clients:
        offer = await pipelines.read(clients.hubspot, clients.salesforce)
    return called.answer("deal-pipelines", offer.document(what_syncs.chosen(connection, "deals").pipelines))
