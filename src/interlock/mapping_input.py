"""Mappings that a person brings as YAML, read with the line of whatever is wrong. app/mapping_files.py writes them.

What the document means is app/mappings.py. Used by the command and by the pages.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from interlock.app.errors import BadInput
from interlock.app.mappings import Document, Where
from interlock.config import line_of, parse_yaml, refused


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
