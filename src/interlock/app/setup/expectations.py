"""Before you start: what both sides need, and what this set-up will use and write. Asks only for having been read."""

from __future__ import annotations

import msgspec

from interlock.app.setup import state
from interlock.store.setups import Setup

slug = "expectations"


class Values(msgspec.Struct, frozen=True):
    read: bool = False


def applies(setup: Setup) -> bool:
    return True


def done(setup: Setup) -> bool:
    return state.kept(setup, slug, Values).read
