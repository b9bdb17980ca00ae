"""Stories that failed once and are not among the standard seeds, as small as they could be made; each is played by a test.

`python -m tests.simulation.tell SEED --shrink` prints what to add here. A recipe tells the same story only as long as the steps
that lead there stay as they are, so what it found is held by a test of its own as well where the engine has one for it.
"""

from __future__ import annotations

from tests.simulation.recipe import Recipe

FOUND: dict[str, Recipe] = {
    "our value was taken for an edit where another property of the same write had been archived": Recipe(587),
    "a value that was to go back when its field was no longer synced": Recipe(2765),
    "a value replaced by a write whose pair had come to rest when its field could be read again": Recipe(2897),
    "a value replaced by the way back of another, while the other side held neither": Recipe(3144),
    "a value for both sides of which one side took it was held to be on both": Recipe(723),
    "an issue about what is over stayed open where a value of the record was held back": Recipe(887),
    "a value that was to go back was kept from its side since the other one refused it": Recipe(1918),
    "that a record was merged into one with a pair of its own was forgotten": Recipe(7094),
    "of a record with several open requests the pair was let go as if somebody else had it": Recipe(14391),
    "a pair whose record was deleted followed a merge and ended the pair of the survivor": Recipe(503),
    "what somebody made of a first link's unanswered write was filled again as if the two had just met": Recipe(2889),
    "a record whose first link was interrupted got another counterpart meanwhile": Recipe(5785),
    "another pair moved to a record of whose create nobody was told": Recipe(7717),
    "a record that was only to be linked was held to be busy while a question about it stayed": Recipe(
        319, themes=("identity",)
    ),
}
