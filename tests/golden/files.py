"""Which golden file is written by which table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.golden import identities, links, matches, merge, person_rules

HERE = Path(__file__).parent

TABLES: dict[Path, Callable[[], str]] = {
    HERE / "merge.txt": merge.render,
    HERE / "links.txt": links.render,
    HERE / "matches.txt": matches.render,
    HERE / "lead_or_contact.txt": person_rules.render,
    HERE / "persons.txt": identities.persons,
    HERE / "companies.txt": identities.companies,
}
