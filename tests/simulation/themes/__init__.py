"""The rules that somebody may choose, each with the moves and the check that a story about it has: a module each."""

from __future__ import annotations

from tests.simulation.themes.associations import ASSOCIATIONS
from tests.simulation.themes.backfills import BACKFILLS
from tests.simulation.themes.currencies import CURRENCIES
from tests.simulation.themes.identity import IDENTITY
from tests.simulation.themes.inclusion import INCLUSION
from tests.simulation.themes.lifecycle import LIFECYCLE
from tests.simulation.themes.merges import MERGES_THEME
from tests.simulation.themes.newest import NEWEST
from tests.simulation.themes.owners import OWNERS
from tests.simulation.themes.people import PEOPLE_THEME
from tests.simulation.themes.pipelines import PIPELINES
from tests.simulation.themes.schemas import SCHEMAS_CHANGE
from tests.simulation.themes.theme import Theme

THEMES: dict[str, Theme] = {
    theme.name: theme
    for theme in (
        INCLUSION,
        PEOPLE_THEME,
        IDENTITY,
        MERGES_THEME,
        ASSOCIATIONS,
        PIPELINES,
        CURRENCIES,
        OWNERS,
        SCHEMAS_CHANGE,
        LIFECYCLE,
        NEWEST,
        BACKFILLS,
    )
}
# Of the stories with a theme, those in which a second rule was chosen too: what two rules do to each other no theme alone shows.
PAIRED_SHARE = 0.3


def of_seed(seed: int) -> tuple[str, ...]:
    """The themes in their turn, and a second one in some of the stories."""
    names = list(THEMES)
    turn, place = divmod(seed, len(names))
    first, others = names[place], names[:place] + names[place + 1 :]
    paired = bool(others) and (turn * 7 + place) % 10 < PAIRED_SHARE * 10
    # Every ten turns another one: which turns are paired goes by tens.
    return (first, others[turn // 10 % len(others)]) if paired else (first,)
