"""The wizard's steps in their order, and where to go on. A step is a module of this package; adding one is a line in `STEPS`.

Pure: it reads what a set-up keeps. Titles are the pages' (web/pages/setup).
"""

from __future__ import annotations

from typing import Protocol

from interlock.app.setup import (
    apps,
    choices,
    configuration,
    connect,
    contacts,
    expectations,
    migrate,
    owners,
    package,
    pipelines,
    properties,
    review,
    same_values,
)
from interlock.store.setups import Setup


class Step(Protocol):
    slug: str

    def applies(self, setup: Setup) -> bool:
        """Whether it is in the path of this set-up."""
        ...

    def done(self, setup: Setup) -> bool:
        """Whether the wizard goes on behind it."""
        ...


STEPS: tuple[Step, ...] = (
    expectations,
    apps,
    connect,
    package,
    migrate,
    configuration,
    contacts,
    properties,
    same_values,
    pipelines,
    choices,
    owners,
    review,
)


def path(setup: Setup) -> list[Step]:
    return [step for step in STEPS if step.applies(setup)]


def resume(setup: Setup) -> str:
    """The slug of the first step that is not done; of the last one where all are."""
    steps = path(setup)
    return next((step.slug for step in steps if not step.done(setup)), steps[-1].slug)


def before(setup: Setup, slug: str) -> str | None:
    slugs = [step.slug for step in path(setup)]
    at = slugs.index(slug)
    return slugs[at - 1] if at > 0 else None


def after(setup: Setup, slug: str) -> str | None:
    """None: it is the last one."""
    slugs = [step.slug for step in path(setup)]
    at = slugs.index(slug)
    return slugs[at + 1] if at + 1 < len(slugs) else None
