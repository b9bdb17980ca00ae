"""Every address of the pages and of the JSON API, with the one action that it needs: the table of who gets to what.

`need` None: open to everybody. A test asks each of these as nobody, viewer, operator and admin.
"""

from __future__ import annotations

from functools import partial

from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, compile_path

from interlock.app.people.roles import Action
from interlock.objects.registry import SPECS
from interlock.web import access, hubspot_card
from interlock.web.access import Endpoint
from interlock.web.address import API, Address, Operation, Signed
from interlock.web.api.addresses import OPERATIONS
from interlock.web.api.door import door
from interlock.web.hosts import check_host
from interlock.web.pages import (
    account,
    api_tokens,
    audit_log,
    conflicts,
    connection,
    deal_pipelines,
    disconnect,
    duplicates,
    health,
    issues,
    mapping_changes,
    metrics,
    new_sandbox,
    notifications,
    object_changes,
    object_filters,
    objects,
    org_work,
    overview,
    owners,
    people,
    person_rules,
    progress,
    property_options,
    records,
    role_labels,
    settings,
    sign_in,
    sign_in_again,
    status,
    suggestions,
    undo,
    welcome,
)
from interlock.web.pages.setup import callback, colleague
from interlock.web.pages.setup import pages as setup
from interlock.web.site import Site
from interlock.web.whence import refusal, whence

__all__ = ["ADDRESSES", "API", "Address", "Operation", "routes"]


class _Id(Convertor[int]):
    """{id:int}: of a size that both databases hold. A longer one is an address that is not there."""

    regex = "[0-9]{1,18}"

    def convert(self, value: str) -> int:
        return int(value)

    def to_string(self, value: int) -> str:
        return str(value)


register_url_convertor("int", _Id())

CONNECTION = "/connections/{id:int}"


def _of_object(slug: str) -> list[Address]:
    here = f"{CONNECTION}/{slug}"
    return [
        Address("GET", here, Action.SEE, objects.show),
        Address("POST", f"{here}/turn", Action.CONFIGURE, objects.turn),
        Address("POST", f"{here}/rules", Action.CONFIGURE, objects.save_rules),
        Address("GET", f"{here}/lists", Action.CONFIGURE, objects.lists),
        Address("POST", f"{here}/list", Action.CONFIGURE, objects.save_list),
        Address("GET", f"{here}/filters", Action.CONFIGURE, object_filters.show),
        Address("POST", f"{here}/filters", Action.CONFIGURE, object_filters.send),
        Address("GET", f"{here}/change/{{job}}", Action.CONFIGURE, object_changes.show),
        Address("POST", f"{here}/change/{{job}}/save", Action.CONFIGURE, object_changes.save),
        Address("POST", f"{here}/import", Action.OPERATE, objects.ask_import),
        Address("POST", f"{here}/backfill", Action.CONFIGURE, objects.take_up),
        Address("GET", f"{here}/options/{{property}}", Action.CONFIGURE, property_options.show),
        Address("POST", f"{here}/options/{{property}}", Action.CONFIGURE, property_options.change),
        Address("POST", f"{here}/resync", Action.OPERATE, objects.ask_resync),
        Address("GET", f"{here}/add", Action.CONFIGURE, mapping_changes.add),
        Address("POST", f"{here}/add", Action.CONFIGURE, mapping_changes.read_again),
        Address("POST", f"{here}/add/property", Action.CONFIGURE, mapping_changes.make_property),
        Address("POST", f"{here}/mappings/preview", Action.CONFIGURE, mapping_changes.preview),
        Address("POST", f"{here}/mappings/save", Action.CONFIGURE, mapping_changes.save),
        Address("GET", f"{here}/mappings/{{pair}}", Action.CONFIGURE, mapping_changes.edit),
    ]


_PIPELINES = (
    Address("GET", f"{CONNECTION}/deals/pipelines", Action.CONFIGURE, deal_pipelines.show),
    Address("POST", f"{CONNECTION}/deals/pipelines", Action.CONFIGURE, deal_pipelines.save),
    Address("POST", f"{CONNECTION}/deals/pipelines/make", Action.CONFIGURE, deal_pipelines.make),
    Address("GET", f"{CONNECTION}/deals/role-labels", Action.CONFIGURE, role_labels.show),
    Address("POST", f"{CONNECTION}/deals/role-labels", Action.CONFIGURE, role_labels.make),
)


ADDRESSES: tuple[Address, ...] = (
    Address("GET", "/", Action.SEE, status.show),
    Address("GET", "/health", None, status.health),
    Address("GET", "/healthz", None, status.health),
    # For programs too, and no document of the JSON API.
    Operation(
        "GET", "/metrics", Action.SEE, metrics.metrics, name="metrics", summary="Numbers for Prometheus", answers=None
    ),
    Address("GET", "/sign-in", None, sign_in.show),
    Address("POST", "/sign-in", None, sign_in.send),
    Address("POST", "/sign-out", Action.OWN_ACCOUNT, sign_in.sign_out),
    Address("GET", "/welcome/{token}", None, welcome.show),
    Address("POST", "/welcome/{token}", None, welcome.send),
    Address("GET", "/account", Action.OWN_ACCOUNT, account.show),
    Address("POST", "/account/language", Action.OWN_ACCOUNT, account.choose_language),
    Address("POST", "/account/password", Action.OWN_ACCOUNT, account.change_password),
    Address("POST", "/account/sign-out-elsewhere", Action.OWN_ACCOUNT, account.sign_out_elsewhere),
    Address("GET", "/people", Action.MANAGE_PEOPLE, people.show),
    Address("POST", "/people", Action.MANAGE_PEOPLE, people.add),
    Address("POST", "/people/{id:int}/role", Action.MANAGE_PEOPLE, people.change_role),
    Address("POST", "/people/{id:int}/disable", Action.MANAGE_PEOPLE, people.disable),
    Address("POST", "/people/{id:int}/enable", Action.MANAGE_PEOPLE, people.enable),
    Address("POST", "/people/{id:int}/reset-password", Action.MANAGE_PEOPLE, people.reset_password),
    Address("GET", "/api-tokens", Action.MANAGE_TOKENS, api_tokens.show),
    Address("POST", "/api-tokens", Action.MANAGE_TOKENS, api_tokens.make),
    Address("POST", "/api-tokens/{id:int}/revoke", Action.MANAGE_TOKENS, api_tokens.revoke),
    Address("GET", "/audit-log", Action.SEE_AUDIT_LOG, audit_log.show),
    Address("GET", "/settings", Action.SEE, settings.show),
    Address("GET", "/notifications", Action.OWN_ACCOUNT, notifications.show),
    Address("POST", "/notifications", Action.CONFIGURE, notifications.add),
    Address("POST", "/notifications/mine", Action.OWN_ACCOUNT, notifications.save_mine),
    Address("POST", "/notifications/mine/test", Action.OWN_ACCOUNT, notifications.test_mine),
    Address("POST", "/notifications/{id:int}/events", Action.CONFIGURE, notifications.change),
    Address("POST", "/notifications/{id:int}/remove", Action.CONFIGURE, notifications.remove),
    Address("POST", "/notifications/{id:int}/test", Action.CONFIGURE, notifications.test),
    Address("POST", "/notifications/threshold/{id:int}", Action.CONFIGURE, notifications.save_threshold),
    Address("GET", "/notices", Action.SEE, notifications.notices),
    Address("POST", "/notices/read", Action.OWN_ACCOUNT, notifications.mark_read),
    Address("GET", f"{CONNECTION}/overview", Action.SEE, overview.show),
    Address("GET", f"{CONNECTION}/live", Action.SEE, overview.live),
    Address("GET", f"{CONNECTION}/health", Action.SEE, health.show),
    Address("POST", f"{CONNECTION}/health/allocation", Action.CONFIGURE, health.allocate),
    Address("POST", f"{CONNECTION}/health/clear", Action.OPERATE, health.clear),
    Address("GET", f"{CONNECTION}/issues", Action.SEE, issues.show),
    Address("GET", f"{CONNECTION}/issues/export", Action.SEE, issues.export),
    Address("POST", f"{CONNECTION}/issues/resync", Action.OPERATE, issues.resync),
    Address("POST", f"{CONNECTION}/issues/ignore", Action.OPERATE, issues.ignore),
    Address("POST", f"{CONNECTION}/issues/merge", Action.OPERATE, issues.merge),
    Address("GET", f"{CONNECTION}/not-synced", Action.SEE, health.not_synced),
    Address("GET", f"{CONNECTION}/not-synced/export", Action.SEE, health.export_not_synced),
    *(address for slug in SPECS for address in _of_object(slug)),
    Address("GET", f"{CONNECTION}/contacts/lead-or-contact", Action.CONFIGURE, person_rules.show),
    Address("POST", f"{CONNECTION}/contacts/lead-or-contact", Action.CONFIGURE, person_rules.send),
    *_PIPELINES,
    Address("GET", f"{CONNECTION}/records", Action.SEE, records.show),
    Address("GET", f"{CONNECTION}/records/{{key}}", Action.SEE, records.one),
    Address("POST", f"{CONNECTION}/records/{{key}}/sync", Action.OPERATE, records.sync),
    Address("GET", f"{CONNECTION}/undo", Action.OPERATE, undo.show),
    Address("POST", f"{CONNECTION}/undo/look", Action.OPERATE, undo.look),
    Address("GET", f"{CONNECTION}/undo/{{job}}", Action.OPERATE, undo.job),
    Address("GET", f"{CONNECTION}/undo/{{job}}/export", Action.OPERATE, undo.export),
    Address("POST", f"{CONNECTION}/undo/{{job}}/run", Action.OPERATE, undo.run),
    Address("GET", f"{CONNECTION}/conflicts", Action.SEE, conflicts.show),
    Address("POST", f"{CONNECTION}/conflicts/resolve", Action.OPERATE, conflicts.resolve_all),
    Address("POST", f"{CONNECTION}/conflicts/{{conflict:int}}/resolve", Action.OPERATE, conflicts.resolve),
    Address("GET", f"{CONNECTION}/duplicates", Action.SEE, duplicates.show),
    Address("POST", f"{CONNECTION}/duplicates/look", Action.OPERATE, duplicates.look),
    Address("GET", f"{CONNECTION}/suggestions", Action.SEE, suggestions.show),
    Address("POST", f"{CONNECTION}/suggestions/look", Action.OPERATE, suggestions.look),
    Address("POST", f"{CONNECTION}/suggestions/decide", Action.OPERATE, suggestions.decide),
    Address("GET", f"{CONNECTION}/connection", Action.SEE, connection.show),
    Address("POST", f"{CONNECTION}/connection/pause", Action.OPERATE, connection.pause),
    Address("POST", f"{CONNECTION}/connection/resume", Action.OPERATE, connection.resume),
    Address("POST", f"{CONNECTION}/connection/package", Action.CONFIGURE, connection.bring_package),
    Address("GET", f"{CONNECTION}/owners", Action.SEE, owners.show),
    Address("POST", f"{CONNECTION}/owners/pair", Action.CONFIGURE, owners.pair),
    Address("POST", f"{CONNECTION}/owners/part", Action.CONFIGURE, owners.part),
    Address("POST", f"{CONNECTION}/org-work/{{run}}/again", Action.CONFIGURE, org_work.again),
    Address("GET", f"{CONNECTION}/disconnect", Action.CONFIGURE, disconnect.ask),
    Address("POST", f"{CONNECTION}/disconnect", Action.CONFIGURE, disconnect.begin),
    Address("GET", f"{CONNECTION}/disconnect/{{job}}", Action.CONFIGURE, disconnect.job),
    Address("GET", f"{CONNECTION}/new-sandbox", Action.CONFIGURE, new_sandbox.show),
    Address("POST", f"{CONNECTION}/new-sandbox/sign-in", Action.CONFIGURE, new_sandbox.begin_sign_in),
    Address("POST", f"{CONNECTION}/new-sandbox/connect", Action.CONFIGURE, new_sandbox.connect),
    Address("POST", f"{CONNECTION}/new-sandbox/give-up", Action.CONFIGURE, new_sandbox.give_up),
    Address("POST", f"{CONNECTION}/new-sandbox/again", Action.CONFIGURE, new_sandbox.again),
    Address("POST", f"{CONNECTION}/new-sandbox/begin", Action.CONFIGURE, new_sandbox.begin),
    Address("GET", f"{CONNECTION}/links.csv", Action.CONFIGURE, disconnect.links),
    Address("POST", f"{CONNECTION}/connection/{{side}}/sign-in", Action.CONFIGURE, sign_in_again.begin),
    Address("POST", f"{CONNECTION}/connection/{{object}}/pause", Action.OPERATE, connection.pause),
    Address("POST", f"{CONNECTION}/connection/{{object}}/resume", Action.OPERATE, connection.resume),
    Address("GET", f"{CONNECTION}/mappings.yaml", Action.SEE, connection.download),
    Address("POST", f"{CONNECTION}/mappings/upload", Action.CONFIGURE, connection.upload),
    Address("POST", f"{CONNECTION}/mappings/apply", Action.CONFIGURE, connection.apply),
    Address("GET", "/settings/progress", Action.SEE, progress.show),
    Address("GET", "/settings/progress/events", Action.SEE, progress.events),
    *(Address(method, path, Action.CONFIGURE, handler) for method, path, handler in setup.addresses()),
    *(Address(method, path, None, handler) for method, path, handler in colleague.addresses(setup.PAGES)),
    Address("GET", "/oauth/hubspot/callback", None, callback.hubspot),
    Address("GET", "/oauth/salesforce/callback", None, callback.salesforce),
    Signed("GET", "/hubspot/card", None, hubspot_card.answer),
    Signed("POST", "/hubspot/card", None, hubspot_card.answer),
    *OPERATIONS,
)


_SHOWN = [(compile_path(each.path)[0], each.shown) for each in ADDRESSES]


def shown(path: str) -> str:
    """As it stands in the table, for what keeps no text that somebody sent."""
    return next((shown for pattern, shown in _SHOWN if pattern.match(path)), "unknown")


def routes(site: Site) -> list[Route]:
    return [_route(site, address) for address in ADDRESSES]


def _route(site: Site, address: Address) -> Route:
    if isinstance(address, Operation):
        endpoint = door(site, address)
    elif isinstance(address, Signed):
        endpoint = partial(_signed, site, address)
    elif address.need is None:
        endpoint = access.open_page(site, address.handler, address.shown)
    else:
        endpoint = access.page(site, address.handler, address.need, address.shown)
    return Route(address.path, _for_us(site, address, endpoint), methods=[address.method])


async def _signed(site: Site, address: Address, request: Request) -> Response:
    return await address.handler((site, request))


def _for_us(site: Site, address: Address, endpoint: Endpoint) -> Endpoint:
    by_api = isinstance(address, Operation)

    async def checked(request: Request) -> Response:
        check_host(request, site.public_url)
        # Of everything else OnlyFrom has seen to it.
        if by_api and not site.whence.allows(whence(request), by_api=True):
            await site.denials.address(address.shown, whence(request), by_api=True)
            raise refusal(request)
        return await endpoint(request)

    return checked
