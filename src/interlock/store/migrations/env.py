"""Alembic's entry. Runs on the connection that `interlock.store.migrate` hands over, inside its transaction; no ini
file."""

from __future__ import annotations

from alembic import context

from interlock.store.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
