"""Owners: who is one, by which call (none makes one), their teams, and what a deactivated one still shows.

Source: HubSpot's owners guide (March 2026), the types of hubspot-sdk (Apache-2.0).
"""

from __future__ import annotations

import pytest
from tests.emulator.hubspot.calls import Caller

OWNERS = "/crm/v3/owners"


@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT", "DELETE"])
def test_the_api_makes_and_changes_no_owner(hubspot: Caller, method: str) -> None:
    """ "The owners API endpoints are read-only"."""
    user = hubspot.emulator.users[0]
    for path in (OWNERS, f"{OWNERS}/{user.owner_id}"):
        assert hubspot.call(method, path, {"email": "new@example.com"}, {}).status == 405


def test_a_user_who_is_added_is_an_owner_from_then_on(hubspot: Caller) -> None:
    id = hubspot.emulator.settings().add_user("Grace", "Hopper", "grace@example.com")
    [found] = hubspot.get(OWNERS, email="grace@example.com").json["results"]
    assert (found["id"], found["type"], found["createdAt"]) == (id, "PERSON", "2026-09-21T14:13:20Z")
    assert hubspot.value("contacts", hubspot.contact(firstname="Ada", hubspot_owner_id=id), "hubspot_owner_id") == id


def test_a_user_id_is_no_owner_id(hubspot: Caller) -> None:
    """ "`userId`: ... will result in an error if it is used to assign ownership"."""
    body = {"properties": {"firstname": "Ada", "hubspot_owner_id": str(hubspot.emulator.users[0].user_id)}}
    assert hubspot.post("/crm/v3/objects/contacts", body).status == 400


def test_who_is_in_a_team_shows_it_and_others_have_no_such_key(hubspot: Caller) -> None:
    settings = hubspot.emulator.settings()
    sales, west = settings.add_team("Sales Team", "Admin"), settings.add_team("West")
    hubspot.later(5)
    settings.join("Admin", west)
    admin, other = hubspot.get(OWNERS).json["results"]
    assert admin["teams"] == [
        {"id": sales, "name": "Sales Team", "primary": True},
        {"id": west, "name": "West", "primary": False},
    ]
    assert admin["updatedAt"] == "2026-09-21T14:13:25Z"
    assert "teams" not in other
    settings.join("Admin", west, primary=True)
    [first, second] = hubspot.get(f"{OWNERS}/{admin['id']}").json["teams"]
    assert (first["primary"], second["primary"], second["name"]) == (False, True, "West")


def test_a_queue_is_an_owner_of_its_own_type(hubspot: Caller) -> None:
    """type PERSON or QUEUE (hubspot-sdk, PublicOwner); beside the type nothing is documented of one."""
    id = hubspot.emulator.settings().add_queue("Inbound")
    found = hubspot.get(f"{OWNERS}/{id}").json
    assert (found["type"], found["firstName"], found["userId"]) == ("QUEUE", "Inbound", None)
    assert hubspot.value("contacts", hubspot.contact(firstname="Ada", hubspot_owner_id=id), "hubspot_owner_id") == id


def test_a_deactivated_user_comes_back_as_the_same_owner(hubspot: Caller) -> None:
    settings, user = hubspot.emulator.settings(), hubspot.emulator.users[1]
    owned = hubspot.contact(firstname="Ada", hubspot_owner_id=str(user.owner_id))
    hubspot.later(5)
    settings.deactivate("Sales")
    [gone] = hubspot.get(OWNERS, archived="true", email=user.email).json["results"]
    assert (gone["id"], gone["userId"], gone["updatedAt"]) == (str(user.owner_id), None, "2026-09-21T14:13:25Z")
    assert hubspot.get(OWNERS, email=user.email).json["results"] == []
    assert hubspot.value("contacts", owned, "hubspot_owner_id") == str(user.owner_id)
    settings.deactivate("Sales", active=True)
    assert hubspot.get(OWNERS, email=user.email).json["results"][0]["userId"] == user.user_id
