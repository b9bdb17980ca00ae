"""What syncs with what: the pairs of objects and of fields."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Identity, Index, Table, TypedColumns

from interlock.store.schema.base import Bool, Int, Text, metadata


class _ObjectMapping(TypedColumns):
    id = Column(Int, Identity(), primary_key=True)
    connection_id = Column(Int, ForeignKey("connection.id", ondelete="CASCADE"), nullable=False)
    object = Column(Text, nullable=False)  # HubSpot object: contacts
    salesforce_type = Column(Text, nullable=False)  # Contact; contacts <-> Lead is its own row
    enabled = Column(Bool, nullable=False)
    settings = Column(Text, nullable=False)  # JSON object: create and delete rules


object_mapping = Table(
    "object_mapping",
    metadata,
    _ObjectMapping,
    Index("uq_object_mapping", "connection_id", "object", "salesforce_type", unique=True),
    sqlite_autoincrement=True,
)


class _FieldMapping(TypedColumns):
    id = Column(Int, Identity(), primary_key=True)  # the key of a field's base: never reused
    connection_id = Column(Int, ForeignKey("connection.id", ondelete="CASCADE"), nullable=False)
    object_mapping_id = Column(Int, ForeignKey("object_mapping.id", ondelete="CASCADE"), nullable=False)
    property = Column(Text, nullable=False)  # HubSpot name
    field = Column(Text, nullable=False)  # Salesforce name
    rule = Column(Text, nullable=False)  # slug of a SyncRule
    kind = Column(Text, nullable=False)  # default | custom
    locked_reason = Column(Text)  # why a person may not change the row
    status = Column(Text, nullable=False)
    status_reason = Column(Text)
    definition = Column(Text, nullable=False)  # JSON object: types, codec and options of both ends


field_mapping = Table(
    "field_mapping",
    metadata,
    _FieldMapping,
    # All field mappings of a connection, in the order of their objects; also: no pair of names twice.
    Index("uq_field_mapping", "connection_id", "object_mapping_id", "property", "field", unique=True),
    sqlite_autoincrement=True,
)
