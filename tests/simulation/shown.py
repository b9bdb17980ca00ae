"""Whether HubSpot shows which of its records stayed although their Salesforce records were deleted, and no others."""

from __future__ import annotations

from collections.abc import Iterator

from interlock.core.model import LinkState
from tests.simulation.kinds import Kind
from tests.simulation.world import Story

SHOWN = "salesforcedeleted"


def deletes_are_shown(story: Story, kind: Kind) -> Iterator[str]:
    hugo = story.hubspot.user()
    live = set(hugo.ids(kind.slug))
    rows = story.salesforce.org.tables[kind.sobject].rows
    # Where nothing syncs, nothing is shown either.
    outside = {id_ for theme in story.recipe.told for id_ in theme.outside(story, kind)}
    for link in story.links:
        if link.hubspot.type != kind.slug or link.hubspot_id not in live or link.hubspot_id in outside:
            continue
        says = hugo.get(kind.slug, link.hubspot_id).get(SHOWN) == "true"
        row = rows.get(link.salesforce_id)
        # What was merged away lives on, and was not deleted.
        deleted = row is not None and row.deleted_s is not None and row.master_id is None
        if link.state is LinkState.SALESFORCE_DELETED and deleted and not says:
            yield f"shown: {link.salesforce} was deleted, and {link.hubspot} does not say so"
        if link.state is LinkState.LINKED and says:
            yield f"shown: {link.hubspot} says that {link.salesforce} was deleted, and the two are a pair"
