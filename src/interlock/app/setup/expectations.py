"""Before you start: what both sides need, and what this set-up will use and write. Asks to be read, and whether to migrate."""

from __future__ import annotations

from typing import Literal

import msgspec

from interlock.app.setup import findings, state
from interlock.store.setups import Setup

slug = "expectations"


class Values(msgspec.Struct, frozen=True):
    """`migrate` empty: nobody was asked, since nothing of the native integration was known. Then what is found decides."""

    read: bool = False
    migrate: Literal["", "yes", "no"] = ""


def applies(setup: Setup) -> bool:
    return True


def done(setup: Setup) -> bool:
    return state.kept(setup, slug, Values).read


def migrates(setup: Setup) -> bool:
    chosen = state.kept(setup, slug, Values).migrate
    return chosen == "yes" or (not chosen and findings.findings_of(setup).native)


def answer(setup: Setup, ticked: bool) -> Literal["", "yes", "no"]:
    """What leaving the box as it is says. Empty where nobody knows of the native integration yet: it may be found later."""
    if ticked:
        return "yes"
    known = findings.findings_of(setup).native or bool(state.kept(setup, slug, Values).migrate)
    return "no" if known else ""
