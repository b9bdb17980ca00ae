"""One Salesforce org per test, on a clock that stands still."""

from __future__ import annotations

import pytest
from tests.emulator.salesforce.calls import Caller


@pytest.fixture
def org() -> Caller:
    return Caller()
