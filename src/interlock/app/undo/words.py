"""Why something was not undone, as a sentence. Tables only: the codes are the stable part, the words may be made better."""

from __future__ import annotations

from interlock.store.undos import WAITING

WHY_LEFT = {
    "edited_since": "It was edited since, on either side, and that edit stands.",
    "not_mapped": "The two fields are not mapped to each other any more.",
    "gone": "A record of the pair is gone, or the two are not linked any more.",
    "not_in_list": "It is outside of what syncs: of the list or the filter that limits it, or in a pipeline that does not.",
    "another_record": "It was written to a record that the pair has moved on from since, and is taken back on no other.",
    "not_together": "It goes back only together with another, an amount with its currency, a pipeline with its stage, and that one"
    " does not.",
    "type_off": "Records of its Salesforce type do not sync.",
    "has_children": "Something hangs on the record by now: activities, or other records.",
    "not_proven": "The CRM does not show whether somebody has used the record since, so it is not deleted.",
    "not_shown": "A sync has written it after this was shown, so it stays. Look again to take that back too.",
    "refused": "The CRM refused to delete it; the issue says why.",
    "not_confirmed": "It was created by a sync, and deleting it was not confirmed.",
    "merge": "Records were merged there, which no program can take apart again.",
    "conversion": "A lead was converted there, which cannot be taken back.",
    "stage": "HubSpot moves a lifecycle stage only forward for a program: set it there by hand.",
    "delete": "It was deleted there because its counterpart had been. Restore both by hand, each from the recycle bin of its CRM.",
    "moved": "The pair went over to another record with the same address, which was edited later.",
    "opt_out": "Somebody opted out of e-mail there, and only that person may opt in again.",
    "association": "Records were joined to or parted from each other there, or given or taken a role or label; do that by"
    " hand where it is wrong.",
    WAITING: "It is still due: it was refused, could not be read, or a request for the record may still land. See its issues.",
}
