"""`python -m tests.simulation.mutations.player NAME [--as-it-is] SEED ...`: play seeds with a mistaken engine until one fails.

Prints one JSON line a seed: `{"seed", "problems"}`. `--as-it-is`: the same stories with the engine as it is. Mutated modules are
put in place before anything of Interlock is imported. Whatever a mistake makes of a story, it ends: by a bound on the steps of the
loop, and should no step come to an end, by one on the time of the processor.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import os
import resource
import signal
import sys
from collections.abc import Sequence
from types import CodeType, ModuleType

import msgspec

from tests.simulation.mutations.catalogue import named
from tests.simulation.mutations.mutation import DoesNotApply, Mutation, Patch, compiled

# The longest standard seed takes about a third of either.
STEPS_MOST = 150_000
CPU_MOST_S = 15.0
MEMORY_MOST_BYTES = 3 << 30  # nothing is collected in a child (child.py)
WARM_UP_FOR = 5  # seeds, or it takes longer than it saves
AS_IT_IS = "--as-it-is"


class Played(msgspec.Struct):
    seed: int
    problems: list[str]


class RunsOn(Exception):
    """The story has taken more steps than any sound one."""


class MistakenLoader(importlib.machinery.SourceFileLoader):
    def __init__(self, fullname: str, path: str, patches: Sequence[Patch]) -> None:
        super().__init__(fullname, path)
        self._patches = patches

    def get_code(self, fullname: str) -> CodeType:
        """Never from the cache of compiled files, nor into it."""
        source = self.get_source(fullname)
        assert source is not None
        return compiled(source, self._patches, self.path)


class MistakenFinder(importlib.abc.MetaPathFinder):
    def __init__(self, mutation: Mutation) -> None:
        self._patches = mutation.by_module()
        already = sorted(self._patches.keys() & sys.modules.keys())
        if already:
            raise RuntimeError(f"imported before they could be mutated: {already}")

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname not in self._patches:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is None or spec.origin is None:
            raise DoesNotApply(f"{fullname} does not apply any more: there is no such module")
        spec.loader = MistakenLoader(fullname, spec.origin, self._patches[fullname])
        return spec


def put_in_place(mutation: Mutation) -> None:
    sys.meta_path.insert(0, MistakenFinder(mutation))
    for module in mutation.by_module():
        importlib.import_module(module)


def bound_stories() -> None:
    """Of every child that is forked from here on."""
    from tests.simulation import virtual_time

    class BoundedLoop(virtual_time.VirtualTimeLoop):
        def _run_once(self) -> None:
            if self.steps > STEPS_MOST:
                raise RunsOn(f"more than {STEPS_MOST} steps at {self.time():.0f} s")
            super()._run_once()

    virtual_time.VirtualTimeLoop = BoundedLoop  # type: ignore[misc]
    os.register_at_fork(after_in_child=_bound_process)


def _bound_process() -> None:
    # Unhandled, the signal ends the process whatever it is doing.
    signal.setitimer(signal.ITIMER_VIRTUAL, CPU_MOST_S)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MOST_BYTES, MEMORY_MOST_BYTES))


def main(name: str, words: Sequence[str]) -> None:
    mutation, seeds = named(name), [int(word) for word in words if word != AS_IT_IS]
    if AS_IT_IS not in words:
        put_in_place(mutation)
    from tests.simulation.child import play, warm_up
    from tests.simulation.recipe import Recipe

    bound_stories()
    if len(seeds) >= WARM_UP_FOR:
        signal.setitimer(signal.ITIMER_VIRTUAL, CPU_MOST_S)
        warm_up()
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    for seed in seeds:
        problems = play(Recipe(seed, themes=mutation.themes)).problems
        sys.stdout.write(msgspec.json.encode(Played(seed, problems)).decode() + "\n")
        sys.stdout.flush()
        if problems:
            return


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
