"""What every table is made with: the types of columns on both databases, and the one collection of tables."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import Column, MetaData

Bool: sa.types.TypeEngine[bool] = sa.Boolean()
# SQLite gives AUTOINCREMENT to INTEGER only; its integers are 64 bit anyway.
Int = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Text = sa.Text()
Blob = sa.LargeBinary()

metadata = MetaData(naming_convention={"fk": "fk_%(table_name)s_%(column_0_name)s", "pk": "pk_%(table_name)s"})


def postgresql_type(column: Column[Any]) -> str:
    for kind, name in (
        (sa.LargeBinary, "bytea"),
        (sa.Boolean, "boolean"),
        (sa.Text, "text"),
        (sa.BigInteger, "bigint"),
    ):
        if isinstance(column.type, kind):
            return name
    raise TypeError(f"no type for {column}")
