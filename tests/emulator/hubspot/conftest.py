"""One HubSpot account per test, on a clock that stands still."""

from __future__ import annotations

import pytest
from tests.emulator.hubspot.calls import Caller


@pytest.fixture
def hubspot() -> Caller:
    return Caller(rate_limits=False)
