"""What can be wrong with one component of a deployment, in Salesforce's words, and the wordings that several types share.

Wordings marked "seen" were quoted by users of deployment tools in public issues and notes; "supposed" ones are not
documented anywhere and follow the pattern of their neighbours: a client must not depend on them.
"""

from __future__ import annotations

NAMESPACE = "http://soap.sforce.com/2006/04/metadata"


class Problem(Exception):
    """A component that cannot be deployed. A `warning` fails it too, unless the caller said `ignoreWarnings`: "If
    ignoreWarnings is set to false, success is set to false and the warning is treated like an error" (Metadata API
    developer guide, deploy, ignoreWarnings)."""

    def __init__(self, text: str, *, warning: bool = False, line: int | None = None, column: int | None = None) -> None:
        super().__init__(text)
        self.text = text
        self.warning = warning
        self.line = line
        self.column = column


class BadFile(Problem):
    """A problem of the file as such: nothing in it can be deployed."""


def misplaced(element: str, owner: str) -> BadFile:
    """Seen: an element that its type does not have."""
    return BadFile(f"Error parsing file: Element {{{NAMESPACE}}}{element} invalid at this location in type {owner}")


def duplicated(element: str, owner: str) -> BadFile:
    """Seen: an element that may stand once, or one that stands apart from its like: elements of one kind
    are grouped."""
    return BadFile(f"Error parsing file: Element {element} is duplicated at this location in type {owner}")


def missing(element: str) -> Problem:
    """Seen, with other elements."""
    return Problem(f"Required field is missing: {element}")


def wrong_value(text: str, kind: str) -> BadFile:
    """Seen, of xsd:double."""
    return BadFile(f"'{text}' is not valid for the type {kind}")


def wrong_enum(text: str, enum: str) -> BadFile:
    """Supposed."""
    return BadFile(f"'{text}' is not a valid value for the enum '{enum}'")


def must_specify(element: str, kind: str) -> Problem:
    """Seen: "Must specify 'defaultValue' for a CustomField of type Checkbox"."""
    return Problem(f"Must specify '{element}' for a CustomField of type {kind}")


def cannot_specify(element: str, kind: str) -> Problem:
    """Seen: "Can not specify 'length' for a CustomField of type TextArea"."""
    return Problem(f"Can not specify '{element}' for a CustomField of type {kind}")


def no_component(element: str, kind: str, name: str) -> Problem:
    """Seen: "In field: field - no CustomField named Account.Key__c found"."""
    return Problem(f"In field: {element} - no {kind} named {name} found")


def foreign_namespace(namespace: str) -> Problem:
    """Seen: a component of a managed package cannot be made by deploying it."""
    return Problem(
        f"Cannot create a new component with the namespace: {namespace}.  Only components in the same namespace as the "
        "organization can be created through the API"
    )


def too_long(label: str, text: str, most: int) -> Problem:
    """The wording of STRING_TOO_LONG; supposed here."""
    return Problem(f"{label}: data value too large: {text} (max length={most})")


def bad_developer_name(label: str) -> Problem:
    """The rule is documented for every developer name ("can only contain characters, letters, and the underscore ...",
    Metadata API developer guide, RemoteSiteSetting); the sentence is the setup page's."""
    return Problem(
        f"{label}: The {label} can only contain underscores and alphanumeric characters. It must be unique, begin with a "
        "letter, not include spaces, not end with an underscore, and not contain two consecutive underscores."
    )


NOT_AVAILABLE = "Not available for deploy for this organization"  # seen: of types that an edition does not have
