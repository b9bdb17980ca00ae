"""Mistakes in the rules that somebody chose about which records sync, what becomes of them and who is whom (../themes/)."""

from __future__ import annotations

from tests.simulation.mutations.mutation import Mutation, Patch

LINK, PEOPLE, BRAKE = "interlock.core.link", "interlock.engine.accounts_for", "interlock.engine.brake"
MERGING, ROLES = "interlock.engine.merging", "interlock.engine.role_labels"

_LISTS = (
    Mutation(
        "made_though_in_no_list",
        "Of a HubSpot record that is outside of the list nothing is made in Salesforce.",
        (),
        (
            Patch(
                "interlock.engine.inclusion",
                "    for id_, work in asked.items():\n        work.included = found.get(id_)\n",
                "    for id_, work in asked.items():\n"
                "        work.included = found.get(id_) if work.link is not None else True\n",
            ),
        ),
        "inclusion",
    ),
    Mutation(
        "left_the_list_is_inside",
        "A pair whose HubSpot record left the list gets no more updates.",
        (),
        (
            Patch(
                "interlock.engine.inclusion",
                "    for id_, work in asked.items():\n        work.included = found.get(id_)\n",
                "    for id_, work in asked.items():\n"
                "        work.included = found.get(id_) if work.link is None else True\n",
            ),
        ),
        "inclusion",
    ),
    Mutation(
        "filter_of_a_type_ignored",
        "A filter of accounts limits as one of contacts does.",
        (),
        (
            Patch(
                "interlock.engine.filtered",
                "        if seen is not None and seen.key.type in runtime.filters and (gone or",
                '        if seen is not None and seen.key.type in runtime.filters.keys() - {"Account"} and (gone or',
            ),
        ),
        "inclusion",
    ),
)

_PEOPLE = (
    Mutation(
        "no_rule_for_people",
        "Who fits a rule becomes what that rule says, and not what all others become.",
        (),
        (
            Patch(
                "interlock.objects.lead_or_contact",
                "        if applies:\n            return rule.create_as\n",
                "        if False:\n            return rule.create_as\n",
            ),
        ),
        "people",
    ),
    Mutation(
        "conversion_is_a_delete",
        "A converted lead lives on as its contact, and the pair moves there.",
        ("I6",),
        (
            Patch(
                LINK,
                "        if isinstance(seen, Gone) and seen.successor is not None:\n"
                "            return LinkDecision(LinkMove.FOLLOW",
                "        if isinstance(seen, Gone) and seen.successor is not None and seen.how is not GoneHow.CONVERTED:\n"
                "            return LinkDecision(LinkMove.FOLLOW",
            ),
        ),
        "people",
    ),
    Mutation(
        "accounts_for_everybody",
        "Where accounts are made for contacts alone, a company of which nobody is a contact in Salesforce gets none.",
        (),
        (
            Patch(
                PEOPLE,
                "        work.has_contact_there = bool(there.get(own_seen(work).key.id))\n",
                "        work.has_contact_there = True\n",
            ),
        ),
        "people",
    ),
)

_IDENTITY = (
    Mutation(
        "made_though_nobody_is_to_be",
        "Where nobody is to be made in Salesforce, who has no counterpart waits for somebody's word.",
        (),
        (
            Patch(
                "interlock.engine.decide",
                "    if work.origin is Side.SALESFORCE and not work.runtime.create_in_hubspot:\n",
                "    if False:\n",
            ),
        ),
        "identity",
    ),
    Mutation(
        "refused_is_linked",
        "Two of whom a person said that they are not one are joined by nothing but an id.",
        (),
        (
            Patch(
                "interlock.engine.candidates",
                "        return bool(self.refused) and suggestion_key(one, other) in self.refused\n",
                "        return False\n",
            ),
        ),
        "identity",
    ),
    Mutation(
        "own_address_alone",
        "A contact is found by each of its addresses: by its own alone a second one is made beside who has another one.",
        ("I6",),
        (
            Patch(
                "interlock.objects.contacts",
                '        addresses = [text(values, "email"), *text(values, "hs_additional_emails").split(";")]\n',
                '        addresses = [text(values, "email")]\n',
            ),
        ),
        "identity",
    ),
)

_MERGES = (
    Mutation(
        "merge_is_carried_over_as_a_delete",
        "What was merged away in one CRM is a part of another record: its counterpart is not to be deleted for it.",
        ("I7",),
        (
            Patch(
                LINK,
                "        if isinstance(seen, Gone) and seen.successor is not None:\n"
                "            return LinkDecision(LinkMove.FOLLOW",
                "        if isinstance(seen, Gone) and seen.successor is not None and not carries:\n"
                "            return LinkDecision(LinkMove.FOLLOW",
            ),
            Patch(
                LINK,
                "    if carried and seen.how is GoneHow.DELETED and goes_yet:\n",
                "    if carried and seen.how in (GoneHow.DELETED, GoneHow.MERGED) and goes_yet:\n",
            ),
        ),
        "merges",
    ),
    Mutation(
        "merged_unasked",
        "A merge that is proposed is made when a person has confirmed it.",
        (),
        (
            Patch(
                MERGING,
                "    if not confirmed and not (chosen == AUTOMATIC and _by_itself(ctx, work, link, holder)):\n",
                "    if not confirmed and not _by_itself(ctx, work, link, holder):\n",
            ),
        ),
        "merges",
    ),
)

_ASSOCIATIONS = (
    Mutation(
        "role_without_its_label",
        "A role that was given in Salesforce is a label of the contact on the deal.",
        ("I4",),
        (
            Patch(
                ROLES,
                "            change.add_label(members[m].hubspot_id, names.labels[role], (name, m))\n",
                "            pass\n",
            ),
        ),
        "associations",
    ),
    Mutation(
        "label_replaces_all_labels",
        "A label that we give leaves those that a person gave, whether or not they are roles.",
        ("I4",),
        (
            Patch(
                ROLES,
                "        added |= {each for each in names.all if each[1] in here.get(contact, ())} - taken\n",
                "",
            ),
        ),
        "associations",
    ),
    Mutation(
        "taken_role_keeps_its_label",
        "A role that was taken away in Salesforce is no label any more.",
        ("I4",),
        (
            Patch(
                ROLES,
                "            change.take_label(members[m].hubspot_id, names.labels[role], (name, m))\n",
                "            pass\n",
            ),
        ),
        "associations",
    ),
)

CHOOSING_RECORDS = (*_LISTS, *_PEOPLE, *_IDENTITY, *_MERGES, *_ASSOCIATIONS)
