"""One text for both databases: what it becomes, and what it refuses."""

from __future__ import annotations

import json

import pytest

from interlock.store.sql import BulkInsert, BulkUpdate, Dialect, sqlite_parameters, storable, translate


def test_a_list_is_one_bound_value_on_both_databases() -> None:
    sql = "SELECT 1 FROM t WHERE a = ? AND b IN [?]"
    assert translate(sql, Dialect.SQLITE) == "SELECT 1 FROM t WHERE a = ? AND b IN (SELECT value FROM json_each(?))"
    assert translate(sql, Dialect.POSTGRESQL) == "SELECT 1 FROM t WHERE a = %s AND b = ANY(%s)"


def test_a_per_cent_sign_in_a_text_is_refused_because_psycopg_would_read_it() -> None:
    with pytest.raises(ValueError, match="per cent"):
        translate("SELECT 1 FROM t WHERE a LIKE 'x%'", Dialect.SQLITE)


def test_only_lists_become_json() -> None:
    name, ids, texts = sqlite_parameters(("name", [1, 2**60], ['quote " and é']))
    assert name == "name"
    assert json.loads(ids) == [1, 2**60]
    assert json.loads(texts) == ['quote " and é']


def test_a_bulk_insert_takes_its_array_types_from_the_columns() -> None:
    bulk = BulkInsert("record_link", ("id", "object", "base"), "ON CONFLICT DO NOTHING")
    assert bulk.sqlite == "INSERT INTO record_link (id, object, base) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
    assert bulk.postgresql == (
        "INSERT INTO record_link (id, object, base)"
        " SELECT * FROM unnest(%s::bigint[], %s::text[], %s::bytea[]) ON CONFLICT DO NOTHING"
    )


def test_a_bulk_update_may_be_guarded_by_a_comparison() -> None:
    bulk = BulkUpdate("dirty", ("attempts",), ("record_key", "seq <="))
    assert bulk.sqlite == "UPDATE dirty SET attempts = ? WHERE record_key = ? AND seq <= ?"
    assert bulk.postgresql == (
        "UPDATE dirty SET attempts = v.v0 FROM unnest(%s::bigint[], %s::text[], %s::bigint[]) AS v(v0, v1, v2)"
        " WHERE dirty.record_key = v.v1 AND dirty.seq <= v.v2"
    )


def test_a_column_that_does_not_exist_is_found_when_the_module_is_imported() -> None:
    with pytest.raises(KeyError):
        BulkInsert("dirty", ("no_such_column",)).postgresql  # noqa: B018


@pytest.mark.parametrize(
    ("given", "kept"), [("plain", "plain"), ("é 🦊", "é 🦊"), ("a\x00b", "a␀b"), ("\ud83d cut", "? cut"), ("", "")]
)
def test_text_that_no_database_takes_gets_a_visible_stand_in(given: str, kept: str) -> None:
    assert storable(given) == kept
