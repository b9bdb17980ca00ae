"""`--data DIR`: the original tables make the packaged excerpt; what a table lacks is said by its name."""

from __future__ import annotations

import csv
import socket
from pathlib import Path

import pytest

from interlock.app.errors import BadInput
from interlock.demo import stage
from interlock.demo.excerpt import PROSPECTS, DataMissing, from_folder

TABLES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "npsp_trailhead/Account_rt_mapping.csv": (("record_type_id", "developer_name"), ("012", "HH_Account")),
    "npsp_trailhead/Account.csv": (("sf_id", "Name", "RecordTypeId"), ("001", "Household", "012")),
    "npsp_trailhead/Contact.csv": (("sf_id", "account_id", "LastName"), ("003", "001", "Ray")),
    "npsp_trailhead/Opportunity.csv": (
        ("sf_id", "account_id", "Name", "StageName", "CloseDate", "Amount"),
        ("006", "001", "Gift", "Pledged", "2020-01-01", "10"),
    ),
    "npsp_trailhead/OpportunityContactRole.csv": (("opportunity_id", "contact_id"), ("006", "003")),
}
PEOPLE = "adventureworks/ProspectiveBuyer.csv"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, rows in TABLES.items():
        write(tmp_path / name, *rows)
    people = [(f"p{n}@example.com", "Ada", "Poe") for n in range(PROSPECTS + 10)]
    write(tmp_path / PEOPLE, ("EmailAddress", "FirstName", "LastName"), *people)
    return tmp_path


def write(path: Path, *rows: tuple[str, ...]) -> None:
    path.parent.mkdir(exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)


def test_a_complete_folder_is_read(folder: Path) -> None:
    found = from_folder(folder).organisation
    assert (found.accounts[0].household, found.contacts[0].last_name, found.opportunities[0].amount) == (
        True,
        "Ray",
        10,
    )


@pytest.mark.parametrize("name", [*TABLES, PEOPLE])
def test_a_missing_table_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(DataMissing, match=f"{Path(name).name} is missing"):
        from_folder(folder)


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("npsp_trailhead/Account_rt_mapping.csv", "developer_name"),
        ("npsp_trailhead/Contact.csv", "account_id"),
        ("npsp_trailhead/Opportunity.csv", "CloseDate"),
        ("npsp_trailhead/OpportunityContactRole.csv", "contact_id"),
    ],
)
def test_a_missing_column_is_named_with_its_table(folder: Path, name: str, column: str) -> None:
    head, row = TABLES[name]
    write(folder / name, tuple(each if each != column else "other" for each in head), row)
    with pytest.raises(DataMissing, match=f"{Path(name).name} lacks the column {column}"):
        from_folder(folder)


def test_a_reference_to_a_record_that_is_not_there_is_named(folder: Path) -> None:
    write(folder / "npsp_trailhead/Contact.csv", ("sf_id", "account_id", "LastName"), ("003", "001X", "Ray"))
    with pytest.raises(DataMissing, match="account_id names '001X'"):
        from_folder(folder)


def test_a_file_that_is_no_text_is_named(folder: Path) -> None:
    (folder / PEOPLE).write_bytes(b"\xff\xfe\x00EmailAddress")
    with pytest.raises(DataMissing, match="cannot be read as a table"):
        from_folder(folder)


def test_an_amount_that_is_no_number_is_named(folder: Path) -> None:
    name = "npsp_trailhead/Opportunity.csv"
    head, row = TABLES[name]
    write(folder / name, head, (*row[:-1], "ten"))
    with pytest.raises(DataMissing, match="amount of 006"):
        from_folder(folder)


def test_too_few_prospects_are_counted(folder: Path) -> None:
    write(folder / PEOPLE, ("EmailAddress", "FirstName", "LastName"), ("p@example.com", "Ada", "Poe"))
    with pytest.raises(DataMissing, match="it has 1"):
        from_folder(folder)


# --- the stage ------------------------------------------------------------------------------------------------------------


def test_a_taken_port_gives_way_to_the_next_free_one() -> None:
    async def nothing(scope, receive, send) -> None:  # type: ignore[no-untyped-def]
        """An application that nobody calls."""

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = stage.listen(nothing, port)
        assert server.port > port
        server._socket.close()


def test_the_demos_folder_goes_away_unless_it_is_to_be_kept(tmp_path: Path) -> None:
    with stage.home_folder(None) as folder:
        assert folder.is_dir()
    assert not folder.exists()
    with stage.home_folder(str(tmp_path / "kept")) as kept:
        pass
    assert kept.is_dir()


def test_a_folder_that_holds_something_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BadInput, match="not empty"), stage.home_folder(str(tmp_path)):
        raise AssertionError("it was taken")
