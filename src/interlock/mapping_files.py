"""Mappings as a YAML file that a person keeps, changes and brings back: written, and read with the line of whatever is wrong.

What the document means is app/mappings.py. Used by the command and by the pages.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from interlock.app.errors import BadInput
from interlock.app.mappings import Document, Where
from interlock.config import line_of, parse_yaml, refused
from interlock.store.connections import Connection


def as_yaml(document: dict[str, Any], connection: Connection) -> str:
    head = (
        f"# Mappings of {connection.name}: HubSpot account {connection.hubspot_account_id},"
        f" Salesforce org {connection.salesforce_org_id}.\n"
        "# Change it, then: interlock mappings diff FILE, interlock mappings apply FILE --plan, interlock mappings apply FILE\n"
    )
    return head + yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120)


def read_file(file: Path) -> tuple[Document, Where]:
    """The document, and how to say where in the file something stands. Raises BadInput with file, line and key."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(
            f"{file} cannot be read: {error}.", code="file_unreadable", fix="Give the path of a file."
        ) from error
    return read_text(text, str(file))


def read_text(text: str, name: str) -> tuple[Document, Where]:
    """The same for what is read already; `name` is what the person calls it."""
    values, lines = parse_yaml(text, name)
    if not isinstance(values, dict):
        raise BadInput(
            f"{name} holds no mappings.", code="config_invalid", fix="`interlock mappings export` writes such a file."
        )
    try:
        document = Document.model_validate(values)
    except ValidationError as error:
        raise refused(error, lines, name, Document) from error
    return document, lambda path: f"{name}, line {line_of(lines, path)}"
