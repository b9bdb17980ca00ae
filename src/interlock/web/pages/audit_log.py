"""The audit log: what people, tokens and commands did, and whether the chain is whole."""

from __future__ import annotations

from starlette.responses import Response

from interlock.app.people import audit_log
from interlock.web import settings
from interlock.web.access import Asked
from interlock.web.texts import _


async def show(asked: Asked) -> Response:
    text = asked.request.query_params.get("before", "")
    before = int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else None
    return asked.page(
        "audit_log.html",
        200,
        log=await audit_log.read(asked.site.store, before),
        words=words(),
        **await settings.installation_tabs(asked, "audit-log"),
    )


def words() -> dict[str, str]:
    """{action of a deed: how the page says it}. A test holds that every action has its words."""
    return {
        "address_refused": _("asked from an address that is not allowed for"),
        "all_revoked": _("revoked everything of"),
        "allocation_changed": _("changed how many API calls are allocated"),
        "colleague_asked": _("asked a colleague to sign in for"),
        "colleague_done": _("has done a colleague's part of"),
        "colleague_link_taken_back": _("took back a colleague's link of"),
        "conflict_resolved": _("chose for the conflict"),
        "backfill_asked": _("asked for a backfill"),
        "backfill_stopped": _("stopped a backfill"),
        "conflicts_resolved": _("chose for conflicts"),
        "connected": _("connected"),
        "crm_sign_in_refused": _("came back from a sign-in that was not begun here, or is over:"),
        "crm_signed_in": _("signed in to a CRM for"),
        "denied": _("was refused, by role:"),
        "disconnected": _("disconnected"),
        "erased": _("had a person erased from"),
        "first_person_made": _("came in as the first person"),
        "exported": _("took a file of"),
        "form_refused": _("sent a form that no page of this Interlock made:"),
        "import_asked": _("asked for an import"),
        "issues_ignored": _("ignored issues"),
        "issues_resynced": _("resynced issues"),
        "labels_made": _("made labels of deals and contacts in HubSpot for"),
        "key_rotated": _("replaced the key of"),
        "mappings_changed": _("changed mappings"),
        "merges_confirmed": _("confirmed merges in HubSpot"),
        "new_sandbox_begun": _("began to sync with the new sandbox of"),
        "new_sandbox_connected": _("connected a new sandbox to"),
        "new_sandbox_given_up": _("stayed with the old sandbox of"),
        "new_sandbox_offered": _("signed in to a new sandbox for"),
        "notification_added": _("added somebody to be notified"),
        "notification_changed": _("changed what somebody is notified of"),
        "notification_removed": _("removed somebody who was notified"),
        "notification_threshold_changed": _("changed from how many issues on people are notified"),
        "object_turned_off": _("turned an object off"),
        "object_turned_on": _("turned an object on"),
        "property_made": _("made a HubSpot property for"),
        "options_joined": _("said which options and values are the same for"),
        "options_changed": _("changed the options of a HubSpot property for"),
        "pipeline_changed": _("changed a HubSpot pipeline as Salesforce has it, for"),
        "pipeline_made": _("made a HubSpot pipeline"),
        "stages_added": _("added stages to a HubSpot pipeline"),
        "package_installed": _("began to install the Salesforce package of"),
        "package_removed": _("began to take the Salesforce package out of"),
        "password_changed": _("changed the own password"),
        "password_chosen": _("chose a password by a link"),
        "password_reset": _("took the password away and gave a link"),
        "password_set": _("set the password"),
        "paused": _("paused"),
        "person_added": _("added"),
        "person_disabled": _("disabled"),
        "person_enabled": _("enabled"),
        "record_synced": _("asked for a sync of a record"),
        "restored": _("restored a backup of"),
        "resumed": _("resumed"),
        "role_changed": _("changed the role"),
        "setup_begun": _("began to set up"),
        "setup_finished": _("finished the set-up"),
        "setup_finishing": _("began to finish"),
        "setup_given_up": _("gave up the set-up"),
        "setup_link_made": _("made a link for the first person"),
        "setup_saved": _("saved a step of the set-up"),
        "sign_in_failed": _("did not get in"),
        "sign_in_link_made": _("made a link that signs in"),
        "signed_in": _("signed in"),
        "signed_out": _("signed out"),
        "signed_out_elsewhere": _("signed out everywhere else"),
        "resync_asked": _("asked for a resync of"),
        "sync_asked": _("asked for a sync of"),
        "token_made": _("made the token"),
        "token_refused": _("sent a token that does not work:"),
        "token_revoked": _("revoked the token"),
        "tried_first": _("tried the sync with some records of"),
        "owners_paired": _("paired two owners of"),
        "owners_parted": _("took apart a pair of owners of"),
        "what_syncs_chosen": _("chose what syncs of"),
        "suggestion_accepted": _("accepted a suggestion of"),
        "suggestion_refused": _("refused a suggestion of"),
        "suggestions_looked_for": _("looked for suggestions in"),
        "undone": _("undid what was carried over by"),
    }
