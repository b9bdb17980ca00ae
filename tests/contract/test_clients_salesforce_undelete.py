"""Restoring rows by the SOAP API, against the local Salesforce: what comes back, what is refused, and a token that is old."""

from __future__ import annotations

from tests.contract.test_clients_salesforce import OurOrg

from interlock.core.model import NotDone, Refused, Written


def test_rows_come_out_of_the_bin_with_what_went_along_and_what_is_not_in_it_is_refused() -> None:
    org = OurOrg()
    account = org.person.create("Account", {"Name": "Acme"})
    contact = org.person.create("Contact", {"LastName": "Byron", "AccountId": account})
    there, purged = org.contacts(2)

    async def story() -> None:
        org.person.delete("Contact", purged)
        org.crm.empty_recycle_bin()
        org.person.delete("Account", account)
        found = await org.client.undelete([account, there, purged], purpose="write")
        assert found[account] == Written(account)
        for id_ in (there, purged):
            refused = found[id_]
            assert isinstance(refused, Refused)
            assert refused.code == "UNDELETE_FAILED"
            assert "recycle bin" in refused.message
        assert org.person.get("Contact", contact)["AccountId"] == account

    org.run(story())


def test_many_rows_take_a_call_for_two_hundred() -> None:
    org = OurOrg()
    ids = org.contacts(201)

    async def story() -> None:
        for id_ in ids:
            org.person.delete("Contact", id_)
        found = await org.client.undelete(ids, purpose="write")
        assert all(isinstance(outcome, Written) for outcome in found.values())
        assert len(org.wire.requests) == 2
        assert set(org.person.ids("Contact")) == set(ids)

    org.run(story())


class Renewed:
    """A sign-in whose token has run out."""

    def __init__(self, good: str) -> None:
        self.now, self.good = "00D000000000001!old", good

    async def token(self) -> str:
        return self.now

    async def refresh(self, stale: str) -> str:
        self.now = self.good
        return self.now


def test_a_token_that_soap_refuses_is_renewed_and_goes_into_the_envelope() -> None:
    org = OurOrg()
    org.client._calls._tokens = Renewed(org.crm.token)  # type: ignore[assignment]
    (id_,) = org.contacts(1)

    async def story() -> None:
        org.person.delete("Contact", id_)
        assert await org.client.undelete([id_], purpose="write") == {id_: Written(id_)}
        assert org.wire.statuses == [500, 200]

    org.run(story())


def test_where_no_token_is_good_nothing_is_done() -> None:
    org = OurOrg(token="00D000000000001!wrong")
    (id_,) = org.contacts(1)

    async def story() -> None:
        org.person.delete("Contact", id_)
        found = await org.client.undelete([id_], purpose="write")
        assert isinstance(found[id_], NotDone)
        assert org.person.ids("Contact") == []

    org.run(story())
