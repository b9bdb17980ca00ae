"""What must hold after any story. Judged from the CRMs' journals and records alone, and from what Interlock shows a person.

Each check returns sentences; an empty list is a pass. Nothing of the engine is imported but the words of its log.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from crm_emulator.kernel.journal import JournalEntry
from interlock.core.model import Issue, IssueCategory
from tests.simulation.created import creates_are_told, made_twice
from tests.simulation.deleted import deletes_of_ours
from tests.simulation.emptied import emptied_unread
from tests.simulation.journals import OURS, entries, entries_of, unheard
from tests.simulation.kinds import CREATION_KEY, KINDS, LINK, PLACEHOLDER, Kind
from tests.simulation.merged import merges_of_ours
from tests.simulation.precedence import precedence
from tests.simulation.shown import deletes_are_shown
from tests.simulation.taken import companies_taken, filled_again
from tests.simulation.twice import read_failed_within, refused_when_it_came_again
from tests.simulation.world import PACE, Story, shout

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[a-z]+")
_CHECKED = frozenset({"create", "update", "opt_out", "associate", "disassociate", "delete", "restore", "merge"})


@dataclass(frozen=True)
class Edit:
    """One value typed or written: on which side, by whom, and what replaced it there."""

    side: str
    id: str
    name: str  # the HubSpot property
    value: str
    entry: JournalEntry
    replaced_by: JournalEntry | None


class Scene:
    """Both CRMs as they are at the end, for one object."""

    def __init__(self, story: Story, kind: Kind) -> None:
        self.story, self.kind = story, kind
        hugo, sally = story.hubspot.user(), story.salesforce.user()
        self.here: dict[str, dict[str, Any]] = {id_: hugo.get(kind.slug, id_) for id_ in hugo.ids(kind.slug)}
        # A lead that was converted is history.
        self.there: dict[str, dict[str, Any]] = {
            id_: row
            for sobject in kind.sobjects
            for id_ in sally.ids(sobject)
            if not (row := sally.get(sobject, id_)).get("IsConverted")
        }
        self._rows = {
            row.id: row for sobject in kind.sobjects for row in story.salesforce.org.tables[sobject].from_id("")
        }
        archived = list(story.hubspot.portal.table(kind.slug).after(-1, archived=True))
        self.links_of_archived = {record.values.get(LINK, "") for record in archived}
        # A twin that was deleted before anything could be written to it left its identity only.
        self.archived = {str(record.id) for record in archived}
        # It may have been matched by what it was called then.
        self.names = {
            side: _names(story, side, objects, field)
            for side, objects, field in (
                ("hubspot", (kind.slug,), kind.identity),
                ("salesforce", kind.sobjects, kind.fields[kind.identity]),
            )
        }
        self._take_merged_into_archived()
        self._take_merged_in_salesforce()
        self.identities_of_archived = {name for id_ in self.archived for name in self.names["hubspot"][id_]}
        # HubSpot ids in the creation keys of records that were made for them and deleted since.
        rows = list(self._rows.values())
        self.made_and_deleted = {
            str(row.values.get(CREATION_KEY) or "").rpartition(":")[2] for row in rows if row.deleted_s is not None
        }
        # A merge of two records is a third one in HubSpot, whose counterpart is theirs.
        table = story.hubspot.portal.table(kind.slug)
        self.made_and_deleted |= {str(table.survivor(id_)) for id_ in table.merged if str(id_) in self.made_and_deleted}
        self.identities_of_deleted = {
            name for row in rows if row.deleted_s is not None for name in self.names["salesforce"][row.id]
        }
        self.issues = [each for each in story.issues if each.object == kind.slug]
        self.troubled = {id_ for each in self.issues for id_ in (each.hubspot_id, each.salesforce_id) if id_}
        self.outside = {id_ for theme in story.recipe.told for id_ in theme.outside(story, kind)}
        self.pairs = {id_: values[LINK] for id_, values in self.here.items() if values.get(LINK) in self.there}

    def excused(self, pair: tuple[str, str], name: str, values: tuple[str, str]) -> bool:
        """Whether a person was told that these values cannot be brought together: of the field, or of the whole record. What
        was typed since somebody was told is another value."""
        about_either = [each for each in self.issues if each.hubspot_id == pair[0] or each.salesforce_id == pair[1]]
        return any(each.property is None for each in about_either) or any(
            each.property == name and (each.value or "") in values for each in self.issues_of(pair)
        )

    def issues_of(self, pair: tuple[str, str]) -> list[Issue]:
        """Of either record, or of both; one that names another record beside it is that other pair's."""
        return [
            each
            for each in self.issues
            if each.hubspot_id in (None, pair[0])
            and each.salesforce_id in (None, pair[1])
            and (each.hubspot_id or each.salesforce_id)
        ]

    def _take_merged_into_archived(self) -> None:
        """A record that was merged into one that was deleted since is as gone as that one, and so is its link."""
        table = self.story.hubspot.portal.table(self.kind.slug)
        gone = {
            str(id_)
            for id_ in table.merged
            if table.survivor(id_) not in table.records or table.records[table.survivor(id_)].archived_ms is not None
        }
        self.archived |= gone
        for entry in entries(self.story, "hubspot"):
            if entry.id in gone and entry.object == self.kind.slug and entry.field == LINK and entry.new:
                self.links_of_archived.add(entry.new)

    def _take_merged_in_salesforce(self) -> None:
        """The counterpart of a record that was deleted lives on as the one that it was merged or converted into."""
        for id_ in list(self.links_of_archived):
            while id_ in self._rows and (heir := self._heir(id_)) is not None:
                self.links_of_archived.add(heir)
                id_ = heir

    def _heir(self, id_: str) -> str | None:
        row = self._rows[id_]
        heir = row.master_id or row.values.get("ConvertedContactId")
        return None if heir is None else str(heir)

    def paired_with(self, salesforce_id: str) -> set[str]:
        """HubSpot records of its pairs, also of one that was found by a domain and ended before anything could be written."""
        return {each.hubspot_id for each in self.story.links if each.salesforce_id == salesforce_id}

    def made_for(self, salesforce_id: str) -> str:
        """The HubSpot record that a Salesforce record was made for."""
        row = self._rows[salesforce_id]
        return str(row.values.get(CREATION_KEY) or "").rpartition(":")[2]


def _names(story: Story, side: str, objects: tuple[str, ...], field: str) -> dict[str, set[str]]:
    """By id, all that a record was ever called."""
    names: dict[str, set[str]] = defaultdict(set)
    for entry in entries(story, side):
        if entry.object in objects and entry.field == field and entry.new:
            names[entry.id].add(entry.new)
    return names


def check(story: Story) -> list[str]:
    scenes = {slug: Scene(story, KINDS[slug]) for slug in story.recipe.objects}
    problems = [*story.defects, *_silence(story), *_no_unasked_delete(story), *_no_false_issue(story)]
    for slug in story.recipe.objects:
        kind = KINDS[slug]
        problems += [*deletes_of_ours(story, kind), *merges_of_ours(story, kind), *deletes_are_shown(story, kind)]
    for scene in scenes.values():
        problems += [*_agreement(scene), *_one_counterpart(scene), *_no_lost_edit(scene), *_no_invented_value(scene)]
        problems += [*emptied_unread(story, scene.kind), *filled_again(story, scene.kind), *creates_are_told(scene)]
    problems += [*_opt_out_wins(scenes["contacts"]), *precedence(story)]
    if len(scenes) > 1:
        problems += [*_belonging(scenes), *companies_taken(story)]
    for theme in story.recipe.told:
        problems += theme.check(story)
    return problems


def _no_false_issue(story: Story) -> Iterator[str]:
    """Nobody hid a record here and the calm has no faults: these would be of our own making, and excuse what they should not."""
    for issue in story.issues:
        if issue.code == "record_not_visible" or issue.category.value in ("limits", "sign_in"):
            yield f"false issue: {issue.code} of {issue.hubspot_id} and {issue.salesforce_id}: {issue.cause}"


def _silence(story: Story) -> Iterator[str]:
    if story.quiet_seq != story.last_seq:
        yield f"silence: wrote something although nothing had changed: {story.quiet_seq} -> {story.last_seq}"


# --- pairs -------------------------------------------------------------------------------------------------------------


def _agreement(scene: Scene) -> Iterator[str]:
    for hubspot_id, salesforce_id in scene.pairs.items():
        pair = (hubspot_id, salesforce_id)
        if scene.outside & set(pair):
            continue
        for name, field in scene.kind.fields.items():
            if field not in scene.there[salesforce_id]:
                continue  # a lead has no department
            left = scene.here[hubspot_id].get(name) or ""
            right = str(scene.there[salesforce_id].get(field) or "")
            right = "" if right == PLACEHOLDER else right
            if left == right:
                if any(
                    each.property == name and not _could_not_go_back(scene.story, each)
                    for each in scene.issues_of(pair)
                ):
                    yield f"agreement: {hubspot_id}.{name} and {salesforce_id}.{field} agree, and an issue says otherwise"
                continue
            if scene.excused(pair, name, (left, right)):
                continue
            if (scene.kind.slug, name) in scene.story.automated and shout(left) == right:
                continue  # a flow has the last word there, and a rule by which it is not followed keeps HubSpot's
            rule = scene.story.rules[scene.kind.slug, name]
            # A new rule is for what changes from then on.
            if rule == "dont_sync" or (scene.kind.slug, name) in scene.story.reruled:
                continue
            if any(theme.may_differ(scene.story, scene.kind, name) for theme in scene.story.recipe.told):
                continue
            if (rule == "always_salesforce" and not right) or (rule == "always_hubspot" and not left):
                continue
            yield f"agreement: {hubspot_id}.{name} {left!r} and {salesforce_id}.{field} {right!r} differ under {rule}"


def _could_not_go_back(story: Story, issue: Issue) -> bool:
    """A value that lost though it was to win, and that the other side does not take: a person is told though both agree."""
    return any(
        row.reason == "lost_race" and (row.hubspot_id, row.property) == (issue.hubspot_id, issue.property)
        for row in story.conflicts
        if row.old == issue.value
    )


def _one_counterpart(scene: Scene) -> Iterator[str]:
    kind, reached = scene.kind, defaultdict(list)
    for hubspot_id, values in scene.here.items():
        if values.get(LINK):
            reached[values[LINK]].append(hubspot_id)
        elif (
            hubspot_id not in scene.troubled | scene.made_and_deleted | scene.outside
            and not scene.names["hubspot"][hubspot_id] & scene.identities_of_deleted
        ) and (kind.slug != "contacts" or _EMAIL.fullmatch(values.get("email") or "")):
            yield f"counterpart: HubSpot {kind.slug} {hubspot_id} has none"
    for salesforce_id in scene.there:
        named_by = reached.get(salesforce_id, [])
        if len(named_by) > 1:
            yield f"counterpart: {salesforce_id} is named by HubSpot {kind.slug} {named_by}"
        elif (
            not named_by
            and salesforce_id not in scene.links_of_archived | scene.troubled | scene.outside
            and not scene.names["salesforce"][salesforce_id] & scene.identities_of_archived
            and scene.made_for(salesforce_id) not in scene.archived
            and not scene.paired_with(salesforce_id) & scene.archived
        ):
            yield f"counterpart: Salesforce {kind.sobject} {salesforce_id} has none"
    yield from made_twice(scene)


def _belonging(scenes: dict[str, Scene]) -> Iterator[str]:
    """Who works where and who takes part in which deal is the same on both sides, as far as both sides know the records."""
    story = scenes["deals"].story
    hugo = story.hubspot.user()
    # Of two companies whose accounts were merged one has the account, and a person was told that the other has none; which of
    # them holds the account's id in HubSpot is left from before.
    alone = {each.hubspot_id for each in scenes["companies"].issues if each.category is IssueCategory.MATCHING}
    companies = {here: there for here, there in scenes["companies"].pairs.items() if here not in alone}
    for slug, name in (("contacts", "associatedcompanyid"), ("deals", "hs_primary_associated_company")):
        for hubspot_id, salesforce_id in scenes[slug].pairs.items():
            if "AccountId" not in scenes[slug].there[salesforce_id]:
                continue  # a lead has none
            company = scenes[slug].here[hubspot_id].get(name)
            account = scenes[slug].there[salesforce_id].get("AccountId")
            known = (not company or company in companies) and (not account or account in companies.values())
            excused = scenes[slug].troubled | scenes[slug].outside
            if known and companies.get(company or "") != account and hubspot_id not in excused:
                yield f"belonging: {slug} {hubspot_id} is at {company}, {salesforce_id} at {account}"
    in_question = scenes["contacts"].troubled
    people = {
        here: there
        for here, there in scenes["contacts"].pairs.items()
        if not {here, there} & in_question and "AccountId" in scenes["contacts"].there[there]
    }
    roles: dict[str, set[str]] = defaultdict(set)
    sally = story.salesforce.user()
    for id_ in sally.ids("OpportunityContactRole"):
        row = sally.get("OpportunityContactRole", id_)
        roles[row["OpportunityId"]].add(row["ContactId"])
    for hubspot_id, salesforce_id in scenes["deals"].pairs.items():
        here = {people[id_] for id_ in hugo.associated("deals", hubspot_id, "contacts") if id_ in people}
        there = {id_ for id_ in roles[salesforce_id] if id_ in people.values()}
        if here != there and hubspot_id not in scenes["deals"].troubled | scenes["deals"].outside:
            yield f"belonging: deal {hubspot_id} has {sorted(here)}, {salesforce_id} has {sorted(there)}"


# --- edits ---------------------------------------------------------------------------------------------------------------


def _edits(scene: Scene) -> list[Edit]:
    found: list[Edit] = []
    kind = scene.kind
    for side, names in (
        ("hubspot", {name: name for name in kind.fields}),
        ("salesforce", {field: name for name, field in kind.fields.items()}),
    ):
        latest: dict[tuple[str, str], int] = {}
        for entry in entries_of(scene.story, kind, side):
            if entry.field not in names:
                continue
            place = (entry.id, entry.field)
            if place in latest:
                before = found[latest[place]]
                found[latest[place]] = Edit(before.side, before.id, before.name, before.value, before.entry, entry)
            latest[place] = len(found)
            found.append(Edit(side, entry.id, names[entry.field], entry.new or "", entry, None))
    return found


def _no_lost_edit(scene: Scene) -> Iterator[str]:
    """A person's value ends on both sides, or a person who could see it replaced it, or the conflict log has it."""
    logged = {str(row.old) for row in scene.story.conflicts if row.old is not None}
    # Once the losing value has been put back, which may be by half when somebody edits it again, the other one has lost.
    logged |= {
        str(row.new)
        for row in scene.story.conflicts
        if row.new is not None and (row.status == "resolved" or row.reason == "lost_race")
    }
    edits = _edits(scene)
    replaced_by_people = {
        edit.value for edit in edits if edit.replaced_by is not None and edit.replaced_by.client != OURS
    } | set(_given_up_in_merges(scene, edits))
    for edit in edits:
        if edit.entry.client == OURS or not edit.value or edit.replaced_by is None:
            continue  # what still stands is judged by `_agreement`
        if edit.value == PLACEHOLDER:
            continue  # nobody's: of a lead that we made, it is its account's name once somebody has converted it
        if edit.value in replaced_by_people or edit.value in logged:
            continue
        if scene.story.automated and (shout(edit.value) in {edit.replaced_by.new, *replaced_by_people}):
            continue  # what the flow in Salesforce made of it was followed, or replaced by a person there
        if edit.side == "salesforce" and (
            unheard(scene.story, "salesforce", edit.replaced_by)
            or read_failed_within(scene.story, "salesforce", edit.replaced_by)
        ):
            continue
        if edit.side == "hubspot" and refused_when_it_came_again(scene.story, "hubspot", [edit.replaced_by]):
            continue
        if edit.side == "hubspot" and _merged_away_unread(scene, edit.id, edit.replaced_by):
            continue
        yield (
            f"lost edit: {edit.value!r} of {edit.side} {edit.id}.{edit.name} was replaced by {edit.replaced_by.new!r}"
            f" ({edit.replaced_by.client}) at {edit.replaced_by.at_us} and is in no log"
        )


def _given_up_in_merges(scene: Scene, edits: list[Edit]) -> Iterator[str]:
    """What records held when somebody merged or converted them into another, which then stands for both."""
    merged_away = {
        (side, entry.id)
        for side in ("hubspot", "salesforce")
        for entry in entries(scene.story, side)
        if entry.action in ("merge", "convert")
    }
    # A pair that moves to the one of its address that was edited last leaves the other as it was, with all that it holds.
    merged_away |= {("salesforce", row.salesforce_id or "") for row in scene.story.audit if row.cause == "edited_later"}
    yield from (edit.value for edit in edits if (edit.side, edit.id) in merged_away and edit.replaced_by is None)


def _merged_away_unread(scene: Scene, id_: str, entry: JournalEntry) -> bool:
    """Whether the record was merged into another before anybody could read its history (docs/guarantees.md): where nobody kept
    the write's answer, what it did is looked for once it can land no more."""
    parked_us = PACE["hubspot_park_us"] if unheard(scene.story, "hubspot", entry) else 0
    read_from_us = entry.at_us + parked_us
    merged_us = next(
        (each.at_us for each in entries(scene.story, "hubspot") if each.id == id_ and each.action == "merge"), None
    )
    return merged_us is not None and not any(
        landing.kept and id_ in landing.history_of and read_from_us <= landing.at_us <= merged_us
        for landing in scene.story.network.landings
    )


def _no_invented_value(scene: Scene) -> Iterator[str]:
    edits = _edits(scene)
    typed = {edit.value for edit in edits if edit.entry.client != OURS}
    typed |= {shout(value) for value in typed if scene.story.automated}
    for edit in edits:
        if edit.entry.client == OURS and edit.value and edit.value != PLACEHOLDER and edit.value not in typed:
            yield f"invented value: {edit.value!r} was written to {edit.side} {edit.id}.{edit.name}, nobody typed it"


def _no_unasked_delete(story: Story) -> Iterator[str]:
    for side in ("hubspot", "salesforce"):
        for entry in entries(story, side):
            # A contact role is a join, not a record: taking it away is how a person is taken off a deal. Deletes are deleted.py,
            # merges merged.py.
            if entry.client == OURS and entry.action not in _CHECKED and entry.object != "OpportunityContactRole":
                yield f"unasked: {side} {entry.object} {entry.id}: {entry.action}"


def _opt_out_wins(scene: Scene) -> Iterator[str]:
    for hubspot_id, salesforce_id in scene.pairs.items():
        left = scene.here[hubspot_id].get("hs_email_optout") == "true"
        right = bool(scene.there[salesforce_id].get("HasOptedOutOfEmail"))
        # Unticking the box in Salesforce opts nobody in again, and the box stays as its person left it.
        unticked = left and _unticked(scene.story, salesforce_id)
        if left != right and hubspot_id not in scene.troubled | scene.outside and not unticked:
            yield f"opt-out: {hubspot_id} {left} and {salesforce_id} {right} differ"


def _unticked(story: Story, salesforce_id: str) -> bool:
    return any(
        entry.id == salesforce_id
        and entry.field == "HasOptedOutOfEmail"
        and entry.client != OURS
        and entry.old == "true"
        for entry in entries(story, "salesforce")
    )
