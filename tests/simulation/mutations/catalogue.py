"""All mutations, by the part of the engine that they are mistakes of."""

from __future__ import annotations

from tests.simulation.mutations.choosing_records import CHOOSING_RECORDS
from tests.simulation.mutations.choosing_values import CHOOSING_VALUES
from tests.simulation.mutations.deciding import DECIDING
from tests.simulation.mutations.mutation import Mutation
from tests.simulation.mutations.noticing import NOTICING
from tests.simulation.mutations.recovering import RECOVERING
from tests.simulation.mutations.writing import WRITING

MUTATIONS: tuple[Mutation, ...] = (
    *NOTICING,
    *DECIDING,
    *WRITING,
    *RECOVERING,
    *CHOOSING_RECORDS,
    *CHOOSING_VALUES,
)
_BY_NAME = {mutation.name: mutation for mutation in MUTATIONS}


def named(name: str) -> Mutation:
    """Raises KeyError."""
    return _BY_NAME[name]
