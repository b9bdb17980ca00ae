"""A metadata file as a tree that remembers where each element stood: Salesforce names line and column of a problem.

Only what metadata files use: elements in the metadata namespace with text or children, no attributes, no entities of
their own (a DOCTYPE is refused).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat

from crm_emulator.salesforce.metadata.problems import (
    NAMESPACE,
    BadFile,
    duplicated,
    misplaced,
    missing,
    wrong_enum,
    wrong_value,
)

_LONGEST_INT = 10


@dataclass(slots=True)
class Node:
    """`line` and `column` are where the start tag ends, from 1: recorded deployments point there."""

    tag: str
    line: int
    column: int
    text: str = ""
    children: list[Node] = field(default_factory=list)

    def all(self, tag: str) -> list[Node]:
        return [child for child in self.children if child.tag == tag]

    def first(self, tag: str) -> str | None:
        """The text of the first child of that name."""
        return next((child.text for child in self.children if child.tag == tag), None)


def parse(data: bytes, root_tag: str) -> Node:
    """The root element. Raises BadFile where the text is no XML, or not of this kind."""
    reader = _Reader()
    try:
        reader.parser.Parse(data, True)
    except expat.ExpatError as broken:
        raise BadFile(
            f"Error parsing file: {expat.ErrorString(broken.code)}", line=broken.lineno, column=broken.offset + 1
        ) from broken
    root = reader.root
    assert root is not None  # expat refuses a document without an element
    if root.tag != root_tag:
        raise misplaced(root.tag, root_tag)
    return root


class _Reader:
    def __init__(self) -> None:
        self.root: Node | None = None
        self._open: list[Node] = []
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters
        self.parser.StartDoctypeDeclHandler = self._doctype

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        namespace, _, tag = name.rpartition(" ")
        line, column = self.parser.CurrentLineNumber, self.parser.CurrentColumnNumber + len(f"<{tag}>") + 1
        if namespace != NAMESPACE:
            raise BadFile(
                f"Error parsing file: Element {{{namespace}}}{tag} is not in namespace {NAMESPACE}",
                line=line,
                column=column,
            )
        node = Node(tag, line, column)
        if self._open:
            self._open[-1].children.append(node)
        else:
            self.root = node
        self._open.append(node)

    def _end(self, name: str) -> None:
        node = self._open.pop()
        node.text = node.text.strip()

    def _characters(self, text: str) -> None:
        self._open[-1].text += text

    def _doctype(self, *declared: Any) -> None:
        raise BadFile("Error parsing file: a document type declaration is not allowed", line=1, column=1)


@dataclass(frozen=True, slots=True)
class Enum:
    """An element whose text is one of `values`."""

    name: str
    values: frozenset[str]


Kind = type[str] | type[bool] | type[int] | Enum | None  # None: a structure, left as nodes
Spec = dict[str, Kind]


def read(node: Node, owner: str, spec: Spec, required: tuple[str, ...] = ()) -> dict[str, Any]:
    """The children of `node` as values by `spec`: text, bool, int, or a list of nodes. Raises Problem for what the type
    `owner` does not have, a value of the wrong kind, and what is `required` but missing."""
    found: dict[str, Any] = {}
    check_grouped(node, owner)
    for child in node.children:
        try:
            if child.tag not in spec:
                raise misplaced(child.tag, owner)
            kind = spec[child.tag]
            if kind is None:
                found.setdefault(child.tag, []).append(child)
            elif child.tag in found:
                raise duplicated(child.tag, owner)
            else:
                found[child.tag] = _value(child.text, kind)
        except BadFile as bad:
            bad.line, bad.column = child.line, child.column
            raise
    for name in required:
        if found.get(name) in (None, "", []):
            raise missing(name)
    return found


def check_grouped(node: Node, owner: str) -> None:
    """Raises BadFile where elements of one kind do not stand together."""
    seen: set[str] = set()
    previous = None
    for child in node.children:
        if child.tag in seen and child.tag != previous:
            bad = duplicated(child.tag, owner)
            bad.line, bad.column = child.line, child.column
            raise bad
        seen.add(child.tag)
        previous = child.tag


def _value(text: str, kind: type[str] | type[bool] | type[int] | Enum) -> Any:
    if isinstance(kind, Enum):
        if text not in kind.values:
            raise wrong_enum(text, kind.name)
        return text
    if kind is bool:
        # xsd:boolean has these four forms.
        if text not in ("true", "false", "1", "0"):
            raise wrong_value(text, "xsd:boolean")
        return text in ("true", "1")
    if kind is int:
        if not text.removeprefix("-").isdecimal() or not text.isascii() or len(text) > _LONGEST_INT:
            raise wrong_value(text, "xsd:int")
        return int(text)
    return text
