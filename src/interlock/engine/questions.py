"""What a person is asked where several records may be the counterpart, or the one that is has another already."""

from __future__ import annotations

from interlock.core.match import Ambiguous
from interlock.core.model import Issue, IssueCategory, LinkedBy, RecordKey, Side
from interlock.engine.candidates import Finder, own_seen
from interlock.engine.work import Work

SHARED = {
    LinkedBy.NATIVE_ID: "the same Salesforce id from HubSpot's own integration",
    LinkedBy.PERSON: "a suggestion that was accepted",
    LinkedBy.EMAIL: "the same e-mail address",
    LinkedBy.ADDITIONAL_EMAIL: "an e-mail address in common",
    LinkedBy.DOMAIN: "the same domain",
    LinkedBy.NAME: "the same name",
    LinkedBy.SHARED_CONTACT: "the same contact",
    LinkedBy.SYNC_KEY: "the same key",
}


def question_of(finder: Finder, work: Work, decision: Ambiguous) -> Issue:
    own = own_seen(work).key
    names = ", ".join(str(key) for key in decision.keys)
    shared = SHARED.get(decision.by, SHARED[LinkedBy.SYNC_KEY])
    if decision.code == "candidate_taken":
        one, holder = decision.keys
        if one in finder.linked_to:
            cause = f"{one} has {shared} but is already linked with {holder}."
        else:
            cause = f"{one} has {shared} but HubSpot's own integration had joined it with {holder}."
        fix = "Merge the duplicates, or change the value on the one that is another person or company."
    elif decision.code == "match_refused":
        cause = f"{decision.keys[1]} has {shared}, but a person has said that the two are not one."
        fix = (
            "Change the value on the one that it is not of, or accept the suggestion after all; then resync this issue."
        )
    else:
        cause = f"Several records have {shared}: {names}."
        fix = "Merge them, or change the value on those that are not meant; then resync this issue."
    return Issue(
        category=IssueCategory.MATCHING,
        code=decision.code,
        severity="error",
        object=work.object,
        hubspot_id=own.id if own.side is Side.HUBSPOT else None,
        salesforce_id=own.id if own.side is Side.SALESFORCE else None,
        salesforce_type=own.type if own.side is Side.SALESFORCE else None,
        cause=cause,
        fix=fix,
        label=work.label(),
    )


def held_by_what_does_not_sync(finder: Finder, question: Ambiguous) -> list[RecordKey]:
    """The lead that has the counterpart may have become this very contact: nobody reads leads while they do not sync."""
    if question.code != "candidate_taken":
        return []
    taken, holder = question.keys
    off = holder.side is Side.SALESFORCE and not finder.runtime.syncs(holder.type)
    return [taken] if off else []
