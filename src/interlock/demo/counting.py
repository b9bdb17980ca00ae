"""What the CRMs themselves counted: calls, writes, records made, records that people touched. Nothing is asked of Interlock.

`Marks` is a place in both CRMs' books; two of them bound a stretch of time.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from crm_emulator.kernel.journal import Journal, JournalEntry
from crm_emulator.kernel.stats import Stats
from interlock.demo.reading import CLIENT as CHECK
from interlock.demo.world import World

# How Interlock calls itself (User-Agent, Sforce-Call-Options), and a person in the pages of a CRM.
INTERLOCK, PERSON = "Interlock", "ui"
# POST calls of HubSpot that only read, by the end of their path.
_READS = ("/search", "/batch/read")
# Salesforce: POST to an object's collection reads by ids; a composite call carries reads and writes, whose writes show in
# the records' stamps; a token changes no record.
_NOT_WRITES = ("/composite/sobjects/{object}", "/composite", "/services/oauth2/token")
OBJECTS = {"Account": "companies", "Contact": "contacts", "Lead": "contacts", "Opportunity": "deals"}


@dataclass(frozen=True)
class Marks:
    hubspot_seq: int
    salesforce_seq: int
    hubspot_calls: int
    salesforce_calls: int
    hubspot_writes: int
    salesforce_writes: int


def mark(world: World) -> Marks:
    return Marks(
        world.hubspot.journal.last_seq,
        world.salesforce.journal.last_seq,
        _calls(world.hubspot.stats),
        _calls(world.salesforce.stats),
        sum(n for endpoint, n in world.hubspot.stats.by_endpoint.items() if _writes_in_hubspot(endpoint)),
        sum(n for endpoint, n in world.salesforce.stats.by_endpoint.items() if _writes_in_salesforce(endpoint)),
    )


def _calls(stats: Stats) -> int:
    """Every call but those of the check, which is no part of a sync."""
    return stats.calls - stats.by_client.get(CHECK, 0)


def _writes_in_hubspot(endpoint: str) -> bool:
    method, _, path = endpoint.partition(" ")
    return method != "GET" and not path.endswith(_READS)


def _writes_in_salesforce(endpoint: str) -> bool:
    method, _, path = endpoint.partition(" ")
    return method not in ("GET", "POST") or (method == "POST" and not path.endswith(_NOT_WRITES))


def writes(before: Marks, after: Marks, stamps_before: dict[str, str], stamps_after: dict[str, str]) -> int:
    """Calls that write, journal entries where no such call was counted, and Salesforce records whose stamp moved."""
    calls = after.hubspot_writes - before.hubspot_writes + after.salesforce_writes - before.salesforce_writes
    journalled = after.hubspot_seq - before.hubspot_seq + after.salesforce_seq - before.salesforce_seq
    moved = sum(stamps_before.get(id_) != stamp for id_, stamp in stamps_after.items())
    return max(calls + moved, journalled)


def created(world: World, since: Marks) -> Counter[tuple[str, str]]:
    """(object, "created_in_hubspot" | "created_in_salesforce") -> records that Interlock made."""
    found: set[tuple[str, str, str]] = set()
    for entry in _by(world.hubspot.journal, since.hubspot_seq, INTERLOCK):
        if entry.action == "create":
            found.add((entry.object, "created_in_hubspot", entry.id))
    for entry in _by(world.salesforce.journal, since.salesforce_seq, INTERLOCK):
        if entry.action == "create" and entry.object in OBJECTS:
            found.add((OBJECTS[entry.object], "created_in_salesforce", entry.id))
    return Counter((object_, side) for object_, side, _ in found)


def touched_by_people(world: World, since: Marks) -> int:
    """Records that people changed, each once a side."""
    found = {("hubspot", each.object, each.id) for each in _by(world.hubspot.journal, since.hubspot_seq, PERSON)}
    found |= {
        ("salesforce", each.object, each.id) for each in _by(world.salesforce.journal, since.salesforce_seq, PERSON)
    }
    return len(found)


def _by(journal: Journal, after: int, client: str) -> list[JournalEntry]:
    return [entry for entry in journal.entries(after) if entry.client == client]
