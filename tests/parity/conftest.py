"""These stories are told as those of the engine are: tests/engine/conftest.py."""

from __future__ import annotations

from tests.engine.conftest import database, databases, postgres_server, pytest_generate_tests, tell

__all__ = ["database", "databases", "postgres_server", "pytest_generate_tests", "tell"]
