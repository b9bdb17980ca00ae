"""How many calls were made to the CRMs, and for what."""

from __future__ import annotations

from sqlalchemy import Column, Table, TypedColumns

from interlock.store.schema.base import Int, Text, metadata


class _Calls(TypedColumns):
    connection_id = Column(Int, primary_key=True, autoincrement=False)
    side = Column(Text, primary_key=True)
    hour_us = Column(Int, primary_key=True, autoincrement=False)  # start of the hour: the daily limits are rolling
    purpose = Column(Text, primary_key=True)  # detect | fetch | match | write | verify | setup
    calls = Column(Int, nullable=False)


calls = Table("calls", metadata, _Calls, sqlite_with_rowid=False)
