"""The flag that keeps network calls out of database transactions.

A context variable and nothing else: whoever opens a transaction sets it (the store, through the hook that wiring hands
it), the transport asserts that it is unset. It knows neither of them.
"""

from __future__ import annotations

from contextvars import ContextVar

forbid_network: ContextVar[bool] = ContextVar("forbid_network", default=False)


class NetworkInTransaction(AssertionError):
    """A network call was tried inside a database transaction: a defect of the program, never a passing condition."""
