"""`interlock doctor` and `interlock import` as a script meets them; what they find and take up is told in tests/unit/app."""

from __future__ import annotations

from tests.contract.cli_world import Interlock, LocalCrms


def test_the_doctor_and_an_import(interlock: Interlock, crms: LocalCrms) -> None:
    (account,) = crms.salesforce.seed("Account", {"Name": "Looms", "Website": "looms.com"})
    assert interlock("doctor", "--json").sound(2).error["code"] == "not_connected"
    interlock.connect(existing="none").sound()
    document = interlock("doctor", "--json").sound().document
    assert all(each["level"] != "error" for each in document["checks"])
    assert {"clock", "sign_in", "key_field"} <= {each["code"] for each in document["checks"]}
    planned = interlock("import", "--object", "companies", "--plan", "--json").sound().document
    assert planned["objects"]["companies"]["create_in_hubspot"] == 1
    assert crms.hubspot.all("companies") == []
    document = interlock("import", "--object", "companies", "--since", "1d", "--json").sound().document
    assert document["marked"] == 1
    assert document["objects"]["companies"]["created_in_hubspot"] == 1
    (company,) = crms.hubspot.all("companies", "name", "interlock_salesforce_id")
    assert (company["name"], company["interlock_salesforce_id"]) == ("Looms", account)
    crms.hubspot.control("POST", "faults", [{"kind": "status", "status": 401}])
    ran = interlock("doctor").sound(1)
    assert "1 error" in ran.out
    assert "What to do:" in ran.out


def test_a_resync_of_all_and_of_a_list(interlock: Interlock, crms: LocalCrms) -> None:
    crms.salesforce.seed("Account", {"Name": "Looms", "Website": "looms.com"})
    interlock.connect(existing="none").sound()
    planned = interlock("sync", "--all", "--object", "companies", "--plan", "--json").sound().document
    assert planned["objects"]["companies"]["create_in_hubspot"] == 1
    assert crms.hubspot.all("companies") == []
    document = interlock("sync", "--all", "--object", "companies", "--json").sound().document
    assert document["objects"]["companies"]["created_in_hubspot"] == 1
    assert len(crms.hubspot.all("companies")) == 1
    missing = interlock("sync", "--list", "4711", "--object", "companies", "--json").sound(5).error
    assert missing["code"] == "no_such_list"
    # A variable of a script that is empty is not everything.
    assert interlock("sync", "--list", "", "--object", "companies", "--json").sound(2).error["code"] == "no_list_named"
    assert interlock("sync", "--list", "1", "--json").sound(2).error["code"] == "one_object_wanted"
    assert interlock("sync", "--list", "1", "--all", "--json").sound(2).error["code"] == "bad_usage"


def test_an_import_must_name_its_objects_and_a_time_that_is_one(interlock: Interlock) -> None:
    assert interlock("import", "--json").sound(2).error["code"] == "bad_usage"
    interlock.connect().sound()
    error = interlock("import", "--object", "contacts", "--since", "yesterday", "--json").sound(2).error
    assert "yesterday" in error["message"]


def test_a_backfill_says_what_it_would_do_and_then_takes_up_what_is_mapped_now(
    interlock: Interlock, crms: LocalCrms
) -> None:
    (id_,) = crms.hubspot.seed("contacts", {"email": "ada@example.com", "lastname": "Person"})
    interlock.connect().sound()
    interlock("sync", "--once", "--record", f"hubspot:contacts:{id_}").sound()
    planned = interlock("backfill", "--object", "contacts", "--plan", "--json").sound().document
    assert planned["objects"]["contacts"]["unchanged"] == 1
    document = interlock("backfill", "--object", "contacts", "--json").sound().document
    (state,) = document["backfills"]
    assert (state["state"], state["pairs"], state["done"]) == ("done", 1, 1)
    assert interlock("backfill", "--json").sound(2).error["code"] == "bad_usage"
