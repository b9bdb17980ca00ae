"""First linking: from the candidates that were found for a record, to a link, a question for a person, or a new record. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from interlock.core.model import LinkedBy, RecordKey


class Candidate(msgspec.Struct, frozen=True):
    """A record of the other side that may be the counterpart. `linked_to`: the record it is already linked with, if any."""

    key: RecordKey
    by: LinkedBy
    linked_to: RecordKey | None = None


class Match(msgspec.Struct, frozen=True):
    key: RecordKey
    by: LinkedBy


class Ambiguous(msgspec.Struct, frozen=True):
    """More than one record fits, or the one that fits belongs to another: a person decides."""

    keys: tuple[RecordKey, ...]
    code: str
    by: LinkedBy


# Codes of Ambiguous: what only a person can answer.
QUESTIONS = frozenset({"several_candidates", "candidate_taken", "match_refused"})


class NoMatch(msgspec.Struct, frozen=True):
    """Nothing fits: a counterpart may be created."""


Decision = Match | Ambiguous | NoMatch

# The order of proof: our own key was written with the record, the native integration's after its first sync; then comes what a
# person said of the two; the others are inferred, a contact's own address before those that it has besides.
_PROOF = (
    LinkedBy.SYNC_KEY,
    LinkedBy.NATIVE_ID,
    LinkedBy.PERSON,
    LinkedBy.EMAIL,
    LinkedBy.ADDITIONAL_EMAIL,
    LinkedBy.DOMAIN,
    LinkedBy.NAME,
    LinkedBy.SHARED_CONTACT,
)


def choose(candidates: Sequence[Candidate], preferred_types: Sequence[str]) -> Decision:
    """Pick the counterpart of one record.

    `preferred_types`: CRM types in order of preference; one Contact beats any number of leads with the same e-mail, while
    two of the same kind are a question. Candidates found by a stronger proof hide all found by a weaker one.
    """
    if not candidates:
        return NoMatch()
    by = min((candidate.by for candidate in candidates), key=_PROOF.index)
    return _among(_distinct([candidate for candidate in candidates if candidate.by is by]), by, preferred_types)


def _among(found: list[Candidate], by: LinkedBy, preferred_types: Sequence[str]) -> Decision:
    for type_ in preferred_types:
        same_kind = [candidate for candidate in found if candidate.key.type == type_]
        if not same_kind:
            continue
        if len(same_kind) > 1:
            return Ambiguous(tuple(candidate.key for candidate in same_kind), "several_candidates", by)
        only = same_kind[0]
        if only.linked_to is not None:
            # To create another would make a duplicate, to steal it would break a pair: neither without a person.
            return Ambiguous((only.key, only.linked_to), "candidate_taken", by)
        return Match(only.key, by)
    return NoMatch()


def latest(edited_us: Mapping[RecordKey, int], holder: RecordKey | None) -> RecordKey:
    """The one of several that was edited last. Of those edited at the same time the one that has the counterpart, else the first:
    a pair does not move for nothing."""
    newest = max(edited_us.values())
    among = sorted(key for key, at_us in edited_us.items() if at_us == newest)
    return holder if holder in among else among[0]


def _distinct(candidates: list[Candidate]) -> list[Candidate]:
    if len(candidates) == 1:
        return candidates
    return sorted({candidate.key: candidate for candidate in candidates}.values(), key=lambda each: each.key)
