"""The Salesforce client: everything Interlock asks of an org, one method per operation, each a line or two.

How a request is built and an answer parsed stands in requests.py, composite.py and in the module named by the method's
body; how it is sent, paced and repeated in ../calls.py. Records are deleted only where a person asked for it (`delete_made`).

Reads raise the errors of ../errors.py. Writes raise none of them: every write gets an outcome.
`purpose` (detect, fetch, match, write, verify, setup) is what the call is counted under.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from interlock.core.model import Observation, Outcome, Raw, RecordKey, Refused, Side
from interlock.crm.budget import Governor
from interlock.crm.calls import Calls
from interlock.crm.salesforce import (
    deploy,
    permission_sets,
    queries,
    record_types,
    removal,
    schema,
    undelete,
    writes,
)
from interlock.crm.salesforce.model import (
    Deleted,
    FieldDef,
    Identity,
    Limit,
    Organization,
    PicklistChoice,
    QueryResult,
    Queue,
    RecordType,
    SalesforceCreate,
    SalesforceInsert,
    SalesforceWrite,
    SObjectName,
    User,
)
from interlock.crm.salesforce.requests import API_VERSION, CALL_OPTIONS, read_refusal, to_observation
from interlock.crm.tokens import TokenSource
from interlock.crm.transport import Transport


class SalesforceClient:
    def __init__(
        self,
        instance_url: str,
        transport: Transport,
        tokens: TokenSource,
        governor: Governor,
        clock_us: Callable[[], int],
    ) -> None:
        self.governor = governor
        self.api_version = API_VERSION
        self._clock_us = clock_us
        self._calls = Calls(
            Side.SALESFORCE, instance_url, transport, tokens, governor, clock_us, read_refusal, CALL_OPTIONS
        )

    @property
    def base_url(self) -> str:
        """Where its API is, without a slash at the end."""
        return self._calls.base_url

    def clock_ahead_s(self) -> float | None:
        """As of the last answer; see calls.py."""
        return self._calls.clock_ahead_s()

    # --- the org and its schema ------------------------------------------------------------------------------------

    async def identity(self, *, purpose: str = "setup") -> Identity:
        return await schema.identity(self._calls, purpose)

    async def organization(self, *, purpose: str = "setup") -> Organization:
        return await schema.organization(self._calls, purpose)

    async def limits(self, *, purpose: str = "setup") -> dict[str, Limit]:
        return await schema.limits(self._calls, purpose)

    async def describe(self, sobject: str, *, purpose: str = "setup") -> list[FieldDef]:
        return await schema.describe(self._calls, sobject, purpose)

    async def record_types(self, sobject: str, *, purpose: str = "setup") -> list[RecordType]:
        return await record_types.record_types(self._calls, sobject, purpose)

    async def values_of(
        self, sobject: str, record_type: str, field: str, *, purpose: str = "setup"
    ) -> list[PicklistChoice]:
        return await record_types.values_of(self._calls, sobject, record_type, field, purpose)

    async def objects(self, *, purpose: str = "setup") -> list[SObjectName]:
        return await schema.objects(self._calls, purpose)

    async def users(self, *, purpose: str = "setup") -> list[User]:
        return await schema.users(self._calls, purpose)

    async def queues(self, *, purpose: str = "setup") -> list[Queue]:
        return await schema.queues(self._calls, purpose)

    async def tooling_rows(self, soql: str, *, purpose: str = "setup") -> list[dict[str, Raw]]:
        """Every row of a query of the Tooling API: set-up as it is, also what the user's field access hides."""
        return await deploy.tooling_rows(self._calls, soql, purpose)

    async def start_deployment(self, zipped: bytes, *, ignore_warnings: bool = False, purpose: str = "setup") -> str:
        """The id of a deployment that has begun; all of it or nothing. Raises NotStarted, StartUnknown (deploy.py)."""
        return await deploy.start(self._calls, zipped, ignore_warnings=ignore_warnings, purpose=purpose)

    async def deployment(self, id_: str, *, purpose: str = "setup") -> deploy.Deployment:
        """Where it stands, with a row for each component that was worked through."""
        return await deploy.look(self._calls, id_, purpose)

    async def cancel_deployment(self, id_: str, *, purpose: str = "setup") -> None:
        await deploy.cancel(self._calls, id_, purpose)

    async def unfinished_deployments(self, *, purpose: str = "setup") -> list[deploy.Unfinished]:
        """Everybody's deployments that may still change the org, oldest first."""
        return await deploy.unfinished(self._calls, purpose)

    async def assign_permission_set(self, set_id: str, user_id: str, *, purpose: str = "setup") -> None:
        """Nothing happens when the user has it."""
        await permission_sets.assign(self._calls, set_id, user_id, purpose)

    async def assign_permission_set_to(
        self, set_id: str, user_ids: Sequence[str], *, purpose: str = "setup"
    ) -> dict[str, str]:
        """User id -> why not, of those who could not be given it. 1,000 users an API call."""
        return await permission_sets.assign_to(self._calls, set_id, user_ids, purpose)

    async def grant_fields(
        self, set_id: str, grants: Mapping[str, bool], *, purpose: str = "setup"
    ) -> dict[str, Refused]:
        """`Object.Field` -> whether it may be edited; added to what the set grants. Gives those that were refused."""
        return await permission_sets.grant_fields(self._calls, set_id, grants, purpose)

    async def permission_set_holders(self, set_id: str, *, purpose: str = "setup") -> dict[str, str]:
        """Id of the assignment -> the user's."""
        return await permission_sets.holders(self._calls, set_id, purpose)

    async def take_permission_set(self, assignments: Sequence[str], *, purpose: str = "setup") -> None:
        """1,000 assignments an API call. A permission set that somebody has cannot be deleted."""
        await permission_sets.unassign(self._calls, assignments, purpose)

    # --- reading records -------------------------------------------------------------------------------------------

    async def query_many(
        self, soqls: Sequence[str], include_deleted: bool = False, *, purpose: str
    ) -> list[QueryResult]:
        """The first page of each query, in order; five queries are one API call."""
        return await queries.query_many(self._calls, soqls, include_deleted, purpose)

    async def query_more(self, next_urls: Sequence[str], *, purpose: str) -> list[QueryResult]:
        """The next page of each; five pages are one API call."""
        return await queries.query_more(self._calls, next_urls, purpose)

    async def query_all_rows(self, soql: str, include_deleted: bool = False, *, purpose: str) -> list[dict[str, Raw]]:
        """Every page of one query, for small tables (users, roles of a few records)."""
        return await queries.query_all_rows(self._calls, soql, include_deleted, purpose)

    async def query_by_ids(
        self,
        sobject: str,
        ids: Sequence[str],
        fields: Sequence[str] | str,
        include_deleted: bool = False,
        *,
        purpose: str,
    ) -> list[dict[str, Raw]]:
        """Rows by id; with `include_deleted` also from the recycle bin. `fields` may be one comma-separated text."""
        names = [name.strip() for name in fields.split(",")] if isinstance(fields, str) else fields
        return await queries.query_by_ids(self._calls, sobject, ids, names, include_deleted, purpose)

    async def query_where_in(
        self,
        sobject: str,
        fields: Sequence[str],
        values: Mapping[str, Sequence[str]],
        include_deleted: bool = False,
        *,
        purpose: str,
    ) -> list[Observation]:
        """Records that hold one of the values in one of the fields, each once; five queries an API call."""
        return await queries.query_where_in(self._calls, sobject, fields, values, include_deleted, purpose)

    async def matching(
        self, sobject: str, ids: Sequence[str], condition: str, include_deleted: bool = False, *, purpose: str
    ) -> set[str]:
        """Those of these records that fit a condition which a person wrote (condition.py); some 2,000 ids an API call.

        Raises CallRefused where Salesforce does not take it."""
        return await queries.matching(self._calls, sobject, ids, condition, include_deleted, purpose)

    async def values_holding(self, sobject: str, field: str, texts: Sequence[str], *, purpose: str) -> list[str]:
        """What this field holds of records where it holds one of these texts anywhere, in whatever case."""
        return await queries.values_holding(self._calls, sobject, field, texts, purpose)

    async def count(self, sobject: str, condition: str | None = None, *, purpose: str = "setup") -> int:
        """How many records there are that the sync user may see, or how many of them fit the condition."""
        return await queries.count(self._calls, sobject, condition, purpose)

    @staticmethod
    def to_observation(sobject: str, row: dict[str, Raw], read_us: int, fields: Sequence[str] = ()) -> Observation:
        """Takes `row` over (it is changed in place). Parents become dotted names, Account: {Name: x} -> "Account.Name";
        give `fields` when dotted names were asked for, so that a record without a parent reads None and not absent."""
        return to_observation(sobject, row, read_us, fields)

    async def retrieve(
        self, sobject: str, ids: Sequence[str], fields: Sequence[str], *, purpose: str
    ) -> dict[str, Observation]:
        """Requested id -> observation, 2,000 a call. Deleted and unknown ids are left out. No parents' fields.

        An id may be asked for in either form; the key of the observation has 18 characters always."""
        return await queries.retrieve(self._calls, sobject, ids, fields, purpose)

    async def with_values(
        self, sobject: str, rows: Sequence[Observation], fields: Sequence[str], *, purpose: str
    ) -> list[Observation]:
        """The rows of a query that had no room for all `fields` (soql.fit), read again with them. Deleted rows stay as
        they are, and one that went since the query is left out."""
        return await queries.with_values(self._calls, sobject, rows, fields, purpose)

    async def deleted(self, sobject: str, since_us: int, until_us: int | None = None, *, purpose: str) -> Deleted:
        """Ids deleted since: what lies in the recycle bin, so 15 days back at most (REST API, sObject Get Deleted)."""
        until = self._clock_us() if until_us is None else until_us
        return await queries.deleted(self._calls, sobject, since_us, until, purpose)

    async def find(self, text: str, limit: int = 10, *, purpose: str = "match") -> list[Observation]:
        """Contacts, leads, accounts and opportunities whose name or e-mail holds `text`; one API call."""
        return await queries.find(self._calls, text, limit, purpose)

    # --- writing records -------------------------------------------------------------------------------------------

    async def update_with_before(
        self, sobject: str, to_write: Sequence[SalesforceWrite], before_fields: Sequence[str], *, purpose: str
    ) -> dict[str, Outcome]:
        """Id -> outcome, 400 records an API call. Written.before is the row read just before the write in the same
        call, Written.values the row after it; see writes.py for what that relies on."""
        return await writes.update_with_before(self._calls, sobject, to_write, before_fields, purpose)

    async def update_exact(
        self, sobject: str, write: SalesforceWrite, unmodified_since_us: int, *, purpose: str
    ) -> Outcome:
        """Refused(PRECONDITION_FAILED) when the record was modified after that second."""
        outcomes = await writes.update_exact(self._calls, sobject, [(write, unmodified_since_us)], purpose)
        return outcomes[write.id]

    async def update_exact_many(
        self, sobject: str, to_write: Sequence[tuple[SalesforceWrite, int]], *, purpose: str
    ) -> dict[str, Outcome]:
        """The same, 25 records an API call."""
        return await writes.update_exact(self._calls, sobject, to_write, purpose)

    async def create(
        self,
        sobject: str,
        key_field: str,
        to_write: Sequence[SalesforceCreate],
        auto_assign: bool = False,
        *,
        purpose: str,
    ) -> dict[str, Outcome]:
        """Key -> outcome, 1,000 records an API call. `auto_assign` runs the org's assignment rules (leads)."""
        return await writes.create(self._calls, sobject, key_field, to_write, auto_assign, purpose)

    async def insert(self, sobject: str, to_write: Sequence[SalesforceInsert], *, purpose: str) -> dict[str, Outcome]:
        """Trace -> outcome. Only for rows that link two others (writes.LINK_ROWS_ONLY); records are made by `create`."""
        return await writes.insert(self._calls, sobject, to_write, purpose)

    async def delete(self, sobject: str, ids: Sequence[str], *, purpose: str) -> dict[str, Outcome]:
        """Id -> outcome. Only for OpportunityContactRole; other records are deleted by `delete_made`."""
        return await writes.delete(self._calls, sobject, ids, purpose)

    async def children(self, sobject: str, ids: Sequence[str], *, purpose: str) -> list[tuple[str, RecordKey]]:
        """(id, a record that points to it) of whatever hangs on these records. Raises where that cannot be told."""
        return await removal.children(self._calls, sobject, ids, purpose)

    async def would_go_along(self, sobject: str, ids: Sequence[str], *, purpose: str) -> list[tuple[str, RecordKey]]:
        """(id, a record that Salesforce would delete with it) of what has a life of its own. Raises where that cannot be told."""
        return await removal.would_go_along(self._calls, sobject, ids, purpose)

    async def undelete(self, ids: Sequence[str], *, purpose: str) -> dict[str, Outcome]:
        """Id -> outcome, 200 a call: out of the recycle bin, with what went along. What is there or purged is refused."""
        return await undelete.undelete(self._calls, ids, purpose)

    async def delete_made(self, sobject: str, ids: Sequence[str], *, purpose: str) -> dict[str, Outcome]:
        """Id -> outcome, for records that a person has undone or erased, or wants gone with their counterparts. They go to the
        recycle bin, for 15 days."""
        return await removal.delete(self._calls, sobject, ids, purpose)
