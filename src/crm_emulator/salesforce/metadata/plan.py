"""What a deployment is going to do, in order: each component of the zip, each deletion, and what the manifests got wrong.

The rules between package.xml and the files are here; the rules of each type are in its own module. Salesforce chooses
the order by itself: deletions, then fields, then what may refer to them.
"""

from __future__ import annotations

from dataclasses import dataclass

from crm_emulator.salesforce.config import LATEST_VERSION
from crm_emulator.salesforce.metadata.field_rules import parse_field
from crm_emulator.salesforce.metadata.package import DELETIONS_AFTER, DELETIONS_BEFORE, MANIFEST, Package
from crm_emulator.salesforce.metadata.problems import NOT_AVAILABLE, BadFile, Problem
from crm_emulator.salesforce.metadata.xml import Node, check_grouped, parse

# A package may be written for an older API than the call's; versions 21.0 to 30.0 are retired since Summer '25.
_EARLIEST_VERSION = 31
# Type -> folder and suffix (Metadata API developer guide, "Declarative Metadata File Suffix and Directory Location" of
# each type). What is deployed is what an integration needs; the order is the order of work.
FOLDERS = {
    "CustomObject": ("objects", "object"),
    "RemoteSiteSetting": ("remoteSiteSettings", "remoteSite"),
    "CspTrustedSite": ("cspTrustedSites", "cspTrustedSite"),
    "PermissionSet": ("permissionsets", "permissionset"),
}
ORDER = ("CustomObject", "CustomField", "RemoteSiteSetting", "CspTrustedSite", "PermissionSet")
# Types of a real org that this one answers with NOT_AVAILABLE instead of not knowing their names. Not the whole list.
_OTHER_TYPE_NAMES = (
    "ApexClass ApexComponent ApexPage ApexTrigger AssignmentRules AuraDefinitionBundle CanvasMetadata ConnectedApp "
    "CompactLayout CustomApplication CustomLabels CustomMetadata CustomPermission CustomSite CustomTab Dashboard "
    "DuplicateRule EmailTemplate ExternalClientApplication ExternalCredential ExtlClntAppOauthSettings FlexiPage Flow "
    "GlobalValueSet Group HomePageLayout Layout LightningComponentBundle ListView MatchingRules NamedCredential "
    "PermissionSetGroup Profile Queue QuickAction RecordType Report ReportType Role Settings SharingRules "
    "StaticResource ValidationRule WebLink Workflow"
)
OTHER_TYPES = frozenset(_OTHER_TYPE_NAMES.split())


@dataclass(slots=True)
class Component:
    """One step of a deployment. `problem` is set where the manifests already condemn it; `node` is its element, None
    for a deletion. `file_name` is the path in the zip."""

    type: str
    full_name: str
    file_name: str
    node: Node | None = None
    delete: bool = False
    problem: Problem | None = None


def plan(package: Package, *, allow_missing_files: bool) -> list[Component]:
    """Every step for one package."""
    try:
        manifest = package.manifest()
        if manifest is None:
            raise Problem("No package.xml found")  # seen
        if manifest.version is not None and not _EARLIEST_VERSION <= manifest.version <= LATEST_VERSION:
            raise Problem("Invalid version specified")  # seen
    except Problem as problem:
        return [Component("", MANIFEST, package.prefix + MANIFEST, problem=problem)]
    members = {kind: [node.text for node in nodes] for kind, nodes in manifest.members.items()}
    steps = _unknown_types(members, package.prefix + MANIFEST)
    found = _components(package, members)
    steps.extend(_deletions(package, DELETIONS_BEFORE))
    steps.extend(sorted(found, key=lambda step: ORDER.index(step.type) if step.type in ORDER else -1))
    if not allow_missing_files:
        steps.extend(_missing(members, found, package.prefix + MANIFEST))
    steps.extend(_deletions(package, DELETIONS_AFTER))
    return steps


def _unknown_types(members: dict[str, list[str]], file_name: str) -> list[Component]:
    steps: list[Component] = []
    for kind, names in members.items():
        if kind in FOLDERS or kind == "CustomField":
            continue
        if kind in OTHER_TYPES:
            steps.extend(Component(kind, name, file_name, problem=Problem(NOT_AVAILABLE)) for name in names)
        else:
            problem = Problem(f"Unknown type name '{kind}' specified in package.xml")  # seen
            steps.append(Component("", "", file_name, problem=problem))
    return steps


def _missing(members: dict[str, list[str]], found: list[Component], file_name: str) -> list[Component]:
    present = {(step.type, step.full_name.lower()) for step in found}
    unread = {step.full_name for step in found if isinstance(step.problem, BadFile)}
    return [
        Component(
            kind,
            name,
            file_name,
            problem=Problem(
                f"An object '{name}' of type {kind} was named in package.xml, but was not found in zipped directory"
            ),  # seen
        )
        for kind, names in members.items()
        if kind in FOLDERS or kind == "CustomField"
        for name in names
        if name != "*" and (kind, name.lower()) not in present and name.partition(".")[0] not in unread
    ]


def _components(package: Package, members: dict[str, list[str]]) -> list[Component]:
    steps: list[Component] = []
    # Files of a type that this org does not have are answered already, by what package.xml says of the type.
    answered = any(kind in OTHER_TYPES for kind in members)
    folders = {folder for folder, _ in FOLDERS.values()}
    for name, data in sorted(package.files.items()):
        if answered and name.rpartition("/")[0] not in folders:
            continue
        if name in (MANIFEST, *DELETIONS_BEFORE, *DELETIONS_AFTER):
            continue
        steps.extend(_file(package.prefix, name, data, members))
    return steps


def _file(prefix: str, name: str, data: bytes, members: dict[str, list[str]]) -> list[Component]:
    folder, _, base = name.rpartition("/")
    stem, _, suffix = base.rpartition(".")
    kind = next((kind for kind, place in FOLDERS.items() if place == (folder, suffix)), None)
    if kind is None:
        return [Component("", base, prefix + name, problem=Problem("Not in package.xml"))]
    if kind == "CustomObject":
        return _object_file(stem, prefix + name, data, members)
    step = Component(kind, stem, prefix + name)
    wanted = members.get(kind, ())
    if stem not in wanted and "*" not in wanted:
        step.problem = Problem("Not in package.xml")  # seen
        return [step]
    try:
        step.node = parse(data, kind)
    except Problem as problem:
        step.problem = problem
    return [step]


def _object_file(sobject: str, file_name: str, data: bytes, members: dict[str, list[str]]) -> list[Component]:
    """The object itself where package.xml names it, and each field; the object alone where the file cannot be read.

    The wildcard means custom objects only (Metadata API developer guide, package.xml): it covers no standard object."""
    objects = members.get("CustomObject", ())
    whole = sobject in objects or ("*" in objects and sobject.endswith("__c"))
    try:
        root = parse(data, "CustomObject")
        check_grouped(root, "CustomObject")
        for node in root.all("fields"):
            parse_field(node)
    except BadFile as problem:
        return [Component("CustomObject", sobject, file_name, problem=problem)]
    steps: list[Component] = []
    if whole:
        steps.append(Component("CustomObject", sobject, file_name, root))
    fields = members.get("CustomField", ())
    for node in root.all("fields"):
        full_name = f"{sobject}.{node.first('fullName') or ''}"
        step = Component("CustomField", full_name, file_name, node)
        if not whole and full_name not in fields:
            step.problem = Problem("Not in package.xml")  # seen
        steps.append(step)
    return steps


def _deletions(package: Package, names: tuple[str, ...]) -> list[Component]:
    steps: list[Component] = []
    for name in names:
        file_name = package.prefix + name
        try:
            manifest = package.manifest(name)
        except Problem as problem:
            steps.append(Component("", name, file_name, problem=problem))
            continue
        for kind, nodes in (manifest.members if manifest is not None else {}).items():
            for node in nodes:
                steps.append(_deletion(kind, node.text, file_name))
    return steps


def _deletion(kind: str, name: str, file_name: str) -> Component:
    step = Component(kind, name, file_name, delete=True)
    if name == "*":
        # destructiveChanges.xml takes no wildcards (Metadata API developer guide, deleting components); supposed words.
        step.problem = Problem(f"Wildcards are not supported in destructiveChanges.xml: {kind}")
    elif kind not in FOLDERS and kind != "CustomField":
        known = kind in OTHER_TYPES
        step.problem = Problem(NOT_AVAILABLE if known else f"Unknown type name '{kind}' specified in {file_name}")
    elif kind == "CustomObject":
        step.problem = Problem(NOT_AVAILABLE)
    return step
