"""The HubSpot client: everything Interlock asks of a HubSpot account, one method per operation, each a line or two.

How a request is built and an answer parsed stands in requests.py and in the module named by the method's body; how it
is sent, paced and repeated in ../calls.py. There is no merge here, on purpose,
and what removes records (removal.py) is for what a person undoes or has erased.

Reads raise the errors of ../errors.py. Writes raise none of them: every write gets an outcome.
`purpose` (detect, fetch, match, write, verify, setup) is what the call is counted under.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence

from interlock.core.model import Observation, Outcome, Side
from interlock.crm.budget import Governor
from interlock.crm.calls import Calls
from interlock.crm.hubspot import (
    associations,
    changes,
    history,
    lists,
    new_pipelines,
    records,
    removal,
    schema,
    subscriptions,
    writes,
)
from interlock.crm.hubspot.associations import Labelled
from interlock.crm.hubspot.model import (
    AccountInfo,
    AssociationLabel,
    AssociationRow,
    Filter,
    HistoryEntry,
    HubSpotWrite,
    ListPage,
    MemberPage,
    NewProperty,
    NewStage,
    Option,
    Owner,
    Page,
    Pipeline,
    PropertyDef,
    PropertyRoom,
    RecordList,
    SearchPage,
    TokenInfo,
)
from interlock.crm.hubspot.requests import read_refusal
from interlock.crm.tokens import TokenSource
from interlock.crm.transport import Transport


class HubSpotClient:
    def __init__(
        self,
        base_url: str,
        transport: Transport,
        tokens: TokenSource,
        governor: Governor,
        clock_us: Callable[[], int],
    ) -> None:
        self.governor = governor
        self._tokens = tokens
        self._calls = Calls(Side.HUBSPOT, base_url, transport, tokens, governor, clock_us, read_refusal)
        self._subscriptions = subscriptions.Subscriptions(self._calls)

    @property
    def base_url(self) -> str:
        """Where its API is, without a slash at the end."""
        return self._calls.base_url

    def clock_ahead_s(self) -> float | None:
        """As of the last answer; see calls.py."""
        return self._calls.clock_ahead_s()

    # --- the account and its schema ------------------------------------------------------------------------------

    async def account(self, *, purpose: str = "setup") -> AccountInfo:
        return await schema.account(self._calls, purpose)

    async def token_info(self, *, purpose: str = "setup") -> TokenInfo | None:
        """The scopes granted; None where HubSpot does not tell (it does for the tokens of private apps)."""
        return await schema.token_info(self._calls, await self._tokens.token(), purpose)

    async def properties(self, object: str, *, purpose: str = "setup") -> list[PropertyDef]:
        return await schema.properties(self._calls, object, purpose)

    async def associated_types(self, object: str, *, purpose: str = "setup") -> list[str]:
        """Ids of the object types whose records can hang on a record of this one. Raises where that cannot be told."""
        return await schema.associated_types(self._calls, object, purpose)

    async def property_room(self, *, purpose: str = "setup") -> dict[str, PropertyRoom]:
        """Object type id -> how many custom properties there are and may be."""
        return await schema.property_room(self._calls, purpose)

    async def create_property(self, object: str, new: NewProperty, *, purpose: str = "setup") -> None:
        """A property of that name that exists already is fine; whether it fits is the caller's to check."""
        await schema.create_property(self._calls, object, new, purpose)

    async def change_options(
        self, object: str, name: str, add: Sequence[Option], labels: Mapping[str, str], *, purpose: str = "setup"
    ) -> list[Option]:
        """The options that it has then. None that is there goes."""
        return await schema.change_options(self._calls, object, name, add, labels, purpose)

    async def create_group(self, object: str, name: str, label: str, *, purpose: str = "setup") -> None:
        await schema.create_group(self._calls, object, name, label, purpose)

    async def owners(self, *, purpose: str = "setup") -> list[Owner]:
        """Active owners first, then archived ones (records may still name them)."""
        return await schema.owners(self._calls, purpose)

    async def pipelines(self, object: str, *, purpose: str = "setup") -> list[Pipeline]:
        return await schema.pipelines(self._calls, object, purpose)

    async def create_pipeline(
        self, object: str, label: str, stages: Sequence[NewStage], *, purpose: str = "setup"
    ) -> Pipeline:
        """The one of that label, made where there is none."""
        return await new_pipelines.create_pipeline(self._calls, object, label, stages, purpose)

    async def create_stage(
        self, object: str, pipeline: str, stage: NewStage, order: int, *, purpose: str = "setup"
    ) -> None:
        await new_pipelines.create_stage(self._calls, object, pipeline, stage, order, purpose)

    async def change_stage(
        self,
        object: str,
        pipeline: str,
        stage: str,
        *,
        label: str | None = None,
        means: tuple[float, bool] | None = None,
        order: int | None = None,
        purpose: str = "setup",
    ) -> None:
        """`means`: probability, and whether it closes a deal. What is None stays."""
        await new_pipelines.change_stage(self._calls, object, pipeline, stage, label, means, order, purpose)

    # --- reading records -----------------------------------------------------------------------------------------

    async def list_page(
        self,
        object: str,
        properties: Sequence[str],
        after: str | None = None,
        limit: int = 100,
        archived: bool = False,
        *,
        purpose: str,
    ) -> Page:
        return await records.list_page(self._calls, object, properties, after, limit, archived, purpose)

    async def read(
        self,
        object: str,
        ids: Sequence[str],
        properties: Sequence[str],
        id_property: str | None = None,
        archived: bool = False,
        *,
        purpose: str,
    ) -> dict[str, Observation]:
        """Requested id -> observation, 100 a call, a few calls at once. An id that HubSpot does not find is left out.

        With `id_property` the keys are the requested values. A record found by its additional e-mail counts as found.
        `values` holds what HubSpot sent: the requested properties (None when empty, absent when not readable) and the
        stamps and hs_object_id, which it always sends.
        """
        return await records.read(self._calls, object, ids, properties, id_property, archived, purpose)

    async def read_by_id(
        self, object: str, id: str, properties: Sequence[str], archived: bool = False, *, purpose: str
    ) -> Observation | None:
        """One record. The id of a merged-away record answers with its survivor: compare `key.id`."""
        return await records.read_by_id(self._calls, object, id, properties, archived, purpose)

    async def search_changed(
        self,
        object: str,
        properties: Sequence[str],
        since_us: int,
        until_us: int | None = None,
        after_id: str | None = None,
        limit: int = 200,
        *,
        purpose: str,
    ) -> SearchPage:
        """One page of what changed at or after `since_us`, oldest first; or, with `after_id`, of what changed in
        exactly that millisecond and has a higher id, by id."""
        return await changes.search_changed(
            self._calls, object, properties, since_us, until_us, after_id, limit, purpose
        )

    def changed(
        self,
        object: str,
        properties: Sequence[str],
        since_us: int,
        until_us: int | None = None,
        limit: int = 200,
        *,
        purpose: str,
    ) -> AsyncIterator[list[Observation]]:
        """Everything changed at or after `since_us`, oldest first, in pages; survives any number in one millisecond."""
        return changes.changed(self._calls, object, properties, since_us, until_us, limit, purpose)

    async def search(
        self, object: str, filters: Sequence[Filter], properties: Sequence[str], limit: int = 100, *, purpose: str
    ) -> list[Observation]:
        return await changes.search(self._calls, object, filters, properties, limit, purpose)

    async def count(self, object: str, groups: Sequence[Sequence[Filter]], *, purpose: str) -> int:
        """How many records pass all filters of one of the groups. The search index lags by some seconds."""
        return await changes.count(self._calls, object, groups, purpose)

    async def read_history(
        self, object: str, ids: Sequence[str], properties: Sequence[str], archived: bool = False, *, purpose: str
    ) -> dict[str, dict[str, list[HistoryEntry]]]:
        """Id -> property -> versions, newest first, 50 records a call. Ids not found are left out."""
        return await history.read_history(self._calls, object, ids, properties, archived, purpose)

    # --- lists ---------------------------------------------------------------------------------------------------

    async def lists(
        self, object_type_id: str, query: str = "", offset: int = 0, count: int = 100, *, purpose: str
    ) -> ListPage:
        """Lists of an object (`0-1` contacts, `0-2` companies, `0-3` deals) whose name contains `query`; all without one."""
        return await lists.search(self._calls, object_type_id, query, offset, count, purpose)

    async def list_by_id(self, list_id: str, *, purpose: str) -> RecordList | None:
        """None: there is none, or it was deleted."""
        return await lists.read(self._calls, list_id, purpose)

    async def memberships(
        self, object_type_id: str, list_id: str, ids: Sequence[str], *, purpose: str
    ) -> dict[str, bool]:
        """Id -> whether that record is in the list, 100 a call. A record that HubSpot says nothing of is left out."""
        return await lists.memberships(self._calls, object_type_id, list_id, ids, purpose)

    async def list_members(self, list_id: str, after: str | None = None, *, purpose: str) -> MemberPage | None:
        """A page of up to 100 members, first come first. None: the list is not there."""
        return await lists.members(self._calls, list_id, after, purpose)

    # --- writing records -----------------------------------------------------------------------------------------

    async def update(self, object: str, to_write: Sequence[HubSpotWrite], *, purpose: str) -> dict[str, Outcome]:
        """Trace -> outcome, 100 a call. A record that makes HubSpot refuse the call is found and refused alone."""
        return await writes.update(self._calls, object, to_write, purpose)

    async def upsert(
        self, object: str, id_property: str, to_write: Sequence[HubSpotWrite], *, purpose: str
    ) -> dict[str, Outcome]:
        """As `update`, but `id` is the value of the unique property `id_property`; Written.created tells which."""
        return await writes.upsert(self._calls, object, id_property, to_write, purpose)

    async def archive(self, object: str, ids: Sequence[str], *, purpose: str) -> dict[str, Outcome]:
        """Id -> outcome, 100 a call, for records that a person has undone, or wants gone with their counterparts. They can be
        restored for 90 days."""
        return await removal.archive(self._calls, object, ids, purpose)

    async def merge(self, object: str, primary: str, other: str, *, purpose: str) -> Outcome:
        """`other` becomes a part of `primary`, for good. One call. Both may go on under a new id."""
        return await removal.merge(self._calls, object, primary, other, purpose)

    async def erase_contact(self, contact_id: str, *, purpose: str) -> Outcome:
        """For ever. One that HubSpot does not know counts as written."""
        return await removal.erase(self._calls, contact_id, purpose)

    # --- associations and subscriptions ----------------------------------------------------------------------------

    async def associations(
        self, from_object: str, to_object: str, ids: Sequence[str], *, purpose: str
    ) -> dict[str, list[AssociationRow]]:
        """Every requested id -> its associations (an empty list for none), 1,000 a call."""
        return await associations.read(self._calls, from_object, to_object, ids, purpose)

    async def associate(
        self, from_object: str, to_object: str, pairs: Sequence[tuple[str, str, int]], *, purpose: str
    ) -> dict[tuple[str, str, int], Outcome]:
        return await associations.associate(self._calls, from_object, to_object, pairs, purpose)

    async def associate_default(
        self, from_object: str, to_object: str, pairs: Sequence[tuple[str, str]], *, purpose: str
    ) -> dict[tuple[str, str], Outcome]:
        return await associations.associate_default(self._calls, from_object, to_object, pairs, purpose)

    async def disassociate(
        self, from_object: str, to_object: str, pairs: Sequence[tuple[str, str]], *, purpose: str
    ) -> dict[tuple[str, str], Outcome]:
        """Takes every type of association between the two records away."""
        return await associations.disassociate(self._calls, from_object, to_object, pairs, purpose)

    async def association_labels(self, from_object: str, to_object: str, *, purpose: str) -> list[AssociationLabel]:
        return await associations.labels(self._calls, from_object, to_object, purpose)

    async def create_label(
        self, from_object: str, to_object: str, name: str, label: str, *, purpose: str = "setup"
    ) -> None:
        """The same label in both directions. `name`: letters, digits and underscores, a letter first."""
        await associations.create_label(self._calls, from_object, to_object, name, label, purpose)

    async def label(
        self, from_object: str, to_object: str, pairs: Sequence[Labelled], *, purpose: str
    ) -> dict[Labelled, Outcome]:
        """Replaces the labels of each pair of records."""
        return await associations.label(self._calls, from_object, to_object, pairs, purpose)

    async def unlabel(
        self, from_object: str, to_object: str, pairs: Sequence[Labelled], *, purpose: str
    ) -> dict[Labelled, Outcome]:
        """Takes these labels away; the two stay associated."""
        return await associations.unlabel(self._calls, from_object, to_object, pairs, purpose)

    async def opt_out(self, emails: Sequence[str], *, purpose: str) -> dict[str, Outcome]:
        """Unsubscribe from all e-mail. An address that is opted out already counts as written. There is no way back."""
        return await self._subscriptions.opt_out(emails, purpose)

    async def opted_out(self, email: str, *, purpose: str) -> bool:
        return await self._subscriptions.opted_out(email, purpose)
