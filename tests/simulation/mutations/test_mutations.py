"""Every named mistake in the engine is caught by a standard seed, or by a story of the theme whose rule it is a mistake of; the one
that caught it last is tried first.

That the engine as it is passes the standard seeds is shown by test_standard_seeds.py, which plays all of them, and that it passes
the first of each theme by test_themes.py.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from tests.simulation.mutations.catalogue import MUTATIONS
from tests.simulation.mutations.holes import HOLES
from tests.simulation.mutations.hunt import first_failing, first_seeds, hunt, stories
from tests.simulation.mutations.mutation import DoesNotApply, Mutation, Patch, compiled, mistaken
from tests.simulation.themes import THEMES

MUTATIONS_LEAST = 20


def by_name(mutation: Mutation) -> str:
    return mutation.name


@pytest.mark.parametrize("mutation", [each for each in MUTATIONS if each.name not in HOLES], ids=by_name)
def test_a_mistake_in_the_engine_is_caught_by_a_standard_seed(mutation: Mutation) -> None:
    remembered = [seed for name, seed in first_seeds().items() if name == mutation.name]
    caught = first_failing(mutation.name, remembered) or hunt(mutation, stories(mutation))
    assert caught is not None, f"no seed below {len(stories(mutation))} notices {mutation.name}: {mutation.why}"


@pytest.mark.parametrize("mutation", MUTATIONS, ids=by_name)
def test_every_mistake_is_one_that_the_engine_could_still_make(mutation: Mutation) -> None:
    for module, patches in mutation.by_module().items():
        spec = importlib.util.find_spec(module)
        assert spec is not None, f"{module} does not apply any more: there is no such module"
        assert spec.origin is not None
        compiled(Path(spec.origin).read_text(), patches, spec.origin)


def test_every_theme_has_mistakes_of_its_own() -> None:
    assert {mutation.theme for mutation in MUTATIONS} - {None} == set(THEMES)


def test_each_mistake_has_a_name_of_its_own_a_reason_and_a_promise_that_it_breaks() -> None:
    assert len({mutation.name for mutation in MUTATIONS}) == len(MUTATIONS) >= MUTATIONS_LEAST
    promises = {f"I{number}" for number in range(1, 14)}
    for mutation in MUTATIONS:
        assert mutation.why.endswith(".")
        assert set(mutation.breaks) <= promises
        assert mutation.breaks or mutation.theme
        assert set(mutation.themes) <= THEMES.keys()
    assert HOLES.keys() <= {mutation.name for mutation in MUTATIONS}
    assert first_seeds().keys() <= {mutation.name for mutation in MUTATIONS}, "remembered for a mutation that is gone"


# --- the patches themselves ----------------------------------------------------------------------------------------------

SOURCE = "a = 1\nif a:\n    b = 2\n    c = 3\nraise ValueError\n"


def test_a_text_that_is_gone_or_not_alone_does_not_apply() -> None:
    for old in ("d = 4", "a"):
        with pytest.raises(DoesNotApply, match="does not apply any more"):
            mistaken(SOURCE, [Patch("m", old, "")])


def test_two_patches_of_one_text_do_not_apply() -> None:
    with pytest.raises(DoesNotApply, match="overlap"):
        mistaken(SOURCE, [Patch("m", "b = 2\n    c", "c"), Patch("m", "c = 3", "c = 4")])


@pytest.mark.parametrize("new", ["", "    b = 2\n", "    b = 2\n    c = 3\n    d = (\n        4\n    )\n    e = 5\n"])
def test_what_follows_a_patch_stands_at_the_line_where_it_stood(new: str) -> None:
    code = compiled(SOURCE, [Patch("m", "    b = 2\n    c = 3\n", new or "    pass\n")], "m.py")
    with pytest.raises(ValueError) as raised:
        exec(code, {})
    assert raised.tb.tb_next is not None
    assert raised.tb.tb_next.tb_lineno == 5


def test_a_patch_stands_at_the_lines_that_it_replaces() -> None:
    _, lines = mistaken(SOURCE, [Patch("m", "    b = 2\n    c = 3\n", "    b = 2\n    c = 3\n    d = 4\n    e = 5\n")])
    assert lines == [1, 2, 3, 4, 4, 4, 5, 6]
