"""The list of what is installed: everything that the project asks for is in it, with what that asks for in turn."""

from __future__ import annotations

import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

from interlock.app import sbom
from interlock.app.errors import BadInput

PROJECT = Path(__file__).parents[3] / "pyproject.toml"


def test_everything_that_the_project_asks_for_is_in_the_list_with_its_version() -> None:
    document = sbom.made(0)
    listed = {each["name"].lower().replace("_", "-"): each for each in document["components"]}
    asked = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]["dependencies"]
    for line in asked:
        name = re.match(r"[A-Za-z0-9-]+", line)
        assert name is not None
        assert listed[name[0]]["version"] == metadata.version(name[0])
        assert listed[name[0]]["purl"] == f"pkg:pypi/{name[0]}@{metadata.version(name[0])}"
    # By an extra that is asked for, and through another package.
    assert {"psycopg-binary", "multidict"} <= listed.keys()
    # Of the tests, not of an installation.
    assert listed.keys().isdisjoint({"pytest", "hypothesis", "ruff"})


def test_what_a_package_needs_leads_to_components_that_are_there() -> None:
    document = sbom.made(0)
    refs = {each["bom-ref"] for each in document["components"] if "bom-ref" in each}
    refs.add(document["metadata"]["component"]["bom-ref"])
    for each in document["dependencies"]:
        assert {each["ref"], *each["dependsOn"]} <= refs
    (own,) = [each for each in document["dependencies"] if each["ref"].startswith("pkg:pypi/interlock@")]
    assert any(ref.startswith("pkg:pypi/starlette@") for ref in own["dependsOn"])


def test_what_pages_load_of_others_is_there_by_its_digest() -> None:
    (style,) = [each for each in sbom.made(0)["components"] if each["name"] == "slds/slds.min.css"]
    assert re.fullmatch("[0-9a-f]{64}", style["hashes"][0]["content"])


def test_it_writes_over_no_file(tmp_path: Path) -> None:
    file = tmp_path / "interlock.cdx.json"
    assert sbom.write(file, 0) > 20
    with pytest.raises(BadInput, match="exists already"):
        sbom.write(file, 0)
