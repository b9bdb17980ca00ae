"""The step that brings the package into the org: who sees its fields, whether the org may trust this address, and the install.

The install runs behind the page and goes on when the browser is closed. Its record says what was asked for before anything is
sent; a process that dies is continued by the next look at it (`standing`), which follows the deployment that is under way.

    none -> running -> done     the step is done
                    -> failed   said with what to do; *Try again* begins another
"""

from __future__ import annotations

from typing import Literal

import msgspec

from interlock.app import owned_work
from interlock.app.background import failure_of
from interlock.app.errors import BadInput
from interlock.app.package import deploy, parts, plan, rights, scope
from interlock.app.package.failures import Trouble
from interlock.app.package.install import PackageFailed, install
from interlock.app.package.lines import Line, lines_of
from interlock.app.package.parts import Address, address_of
from interlock.app.package.plan import Plan
from interlock.app.package.scope import Profile, Scope, Who
from interlock.app.people.log import record
from interlock.app.people.visitor import By
from interlock.app.setup import connect, opened, state
from interlock.app.setup.opened import Opened, SetupKeeper, task_name
from interlock.crm.salesforce.deploy import Deployment
from interlock.store import setup_work
from interlock.store.lease import Lease
from interlock.store.setups import Setup

slug = "package"
WORK = "package"
# After this long the page says that it may be left (interface, Salesforce package).
LONG_US = 60_000_000
INSTALL = "Install it here, or ask a colleague."
NOT_TRUSTED = "access for this Interlock's address was not granted"


class Values(msgspec.Struct, frozen=True):
    """`installed_for`: the org and sync user that the package is there for (`_whom`); another sign-in takes another install."""

    who: Who = "all"
    profiles: tuple[str, ...] = ()
    trusts_address: bool = False
    installed_for: str = ""

    @property
    def scope(self) -> Scope:
        return Scope(self.who, self.profiles if self.who == "profiles" else ())


class Run(msgspec.Struct, frozen=True):
    """One install, as it is remembered. `refused`: people who could not be given the fields, and why."""

    state: Literal["running", "done", "failed"]
    who: Who
    profiles: tuple[str, ...]
    origin: str | None  # the address that the org shall trust
    by: str
    began_at_us: int
    ended_at_us: int | None = None
    status: str = ""
    done: int = 0
    total: int = 0
    lines: list[Line] = []
    troubles: list[Trouble] = []
    users: int = 0
    refused: dict[str, str] = {}
    rolled_back: bool = False  # it failed in Salesforce, which then has changed nothing

    @property
    def took_long(self) -> bool:
        """Of one that has ended: whether somebody was told meanwhile that the page may be left."""
        return self.ended_at_us is not None and self.ended_at_us - self.began_at_us >= LONG_US

    def long(self, now_us: int) -> bool:
        return self.state == "running" and now_us - self.began_at_us >= LONG_US


def values_of(setup: Setup) -> Values:
    return state.kept(setup, slug, Values)


def applies(setup: Setup) -> bool:
    return True


def done(setup: Setup) -> bool:
    return values_of(setup).installed_for == _whom(setup)


def _whom(setup: Setup) -> str:
    signed_in = connect.values_of(setup).salesforce
    return "nobody" if signed_in is None else f"{signed_in.identity.account_id}/{sync_user_id(setup)}"


def sync_user_id(setup: Setup) -> str:
    """Whom the permission set of the sync goes to."""
    values = connect.values_of(setup)
    user = values.sync_user or values.salesforce
    assert user is not None, "this step comes after both sign-ins"
    return user.identity.user_id


async def look(interlock: Opened, setup: Setup, public_url: str) -> Plan:
    """What of the package the org holds. Raises CrmError."""
    async with interlock.setup_clients(setup, deploying=True) as clients:
        return await plan.look(clients.salesforce, sync_user_id(setup), _address(setup, public_url))


async def zipped(interlock: Opened, setup: Setup, public_url: str) -> bytes:
    """What would be deployed, with the address whether it was granted or not. Raises CrmError."""
    async with interlock.setup_clients(setup, deploying=True) as clients:
        found = await plan.look(clients.salesforce, sync_user_id(setup), _address(setup, public_url))
        return parts.package(address_of(public_url), await rights.held(clients.salesforce, found))


async def take_as_it_is(interlock: Opened, by: By, setup: Setup, public_url: str) -> Setup:
    """Somebody put the package there before, and gave it to whom the sync runs as: the step is done without an install, also for a
    key that may not install. Raises BadInput where it is not so, CrmError."""
    if not (await look(interlock, setup, public_url)).complete:
        raise BadInput(
            "The package is not installed yet.", code="package_missing", fix=may_not_install(setup) or INSTALL
        )
    whom = _whom(setup)
    return await state.change(
        interlock.store, by, setup.id, slug, Values, lambda now: msgspec.structs.replace(now, installed_for=whom)
    )


def may_not_install(setup: Setup) -> str:
    """What to do where the key's user is known to lack the right; empty where somebody else can sign in to install."""
    signed_in = connect.values_of(setup).salesforce
    if signed_in is None or signed_in.grant is not None or signed_in.identity.may_install is not False:
        return ""
    user = signed_in.identity.user_name
    return (
        f"{user}, whom the key signs in as, may not install the package. Download it, let an administrator of the org deploy it"
        f" with Salesforce's own tools and give the permission set Interlock Integration to {user}; then press Next."
    )


async def profiles(interlock: Opened, setup: Setup) -> list[Profile]:
    """Raises CrmError."""
    async with interlock.setup_clients(setup, deploying=True) as clients:
        return await scope.profiles(clients.salesforce)


def _address(setup: Setup, public_url: str) -> Address:
    """A site that was put there before is looked at too; a new one comes only where it was granted."""
    return address_of(public_url) if values_of(setup).trusts_address else Address(None, NOT_TRUSTED)


async def begin(interlock: Opened, by: By, setup: Setup, public_url: str) -> None:
    """What is kept of the step says how. Raises BadInput, CrmError. Nothing happens while one runs."""
    values = values_of(setup)
    if values.who == "profiles":
        scope.check(values.scope, await profiles(interlock, setup))
    before = await opened.load(interlock.store, setup.id, WORK, Run)
    if before is not None and before.state == "running" and await owned_work.runs(interlock, task_name(setup.id, WORK)):
        return
    origin = _address(setup, public_url).origin
    run = Run("running", values.who, values.scope.profiles, origin, by.actor, interlock.clock_us())
    async with interlock.store.write(None) as tx:
        await setup_work.put(tx, setup.id, WORK, msgspec.to_builtins(run))
        await record(
            tx, by, "package_installed", state.subject_of(setup.id), scope=values.who, address=origin or "none"
        )
    _start(interlock, by, setup.id)


async def standing(interlock: Opened, setup: Setup) -> Run | None:
    """The newest install of this set-up as it stands, live where it runs in this process and some seconds old where it does in
    another; one that a process left is continued."""
    run = await opened.load(interlock.store, setup.id, WORK, Run)
    name = task_name(setup.id, WORK)
    interlock.background.raise_defect(name)
    if run is None or run.state != "running":
        return run
    if not interlock.background.runs(name):
        _start(interlock, By(run.by), setup.id)
    told = interlock.background.told(name)
    return run if told is None else with_deployment(run, told)


async def go_on_with_what_was_left(interlock: Opened) -> None:
    """Installs that a process left when it died: whoever was told that the page may be left waits for word of them."""
    for setup in await state.under_way(interlock.store):
        await standing(interlock, setup)


async def wait(interlock: Opened, setup_id: int) -> None:
    await interlock.background.wait(task_name(setup_id, WORK))


def with_deployment(run: Run, deployment: Deployment) -> Run:
    return msgspec.structs.replace(
        run,
        status=deployment.status,
        done=deployment.number_components_deployed,
        total=deployment.number_components_total,
        lines=lines_of(deployment),
    )


def _start(interlock: Opened, by: By, setup_id: int) -> None:
    async def load() -> Run | None:
        return await opened.load(interlock.store, setup_id, WORK, Run)

    async def work(run: Run, lease: Lease) -> None:
        await _install(interlock, by if by.actor == run.by else By(run.by), setup_id, run, lease)

    owned_work.carry_on(interlock, task_name(setup_id, WORK), load, work)


async def _install(interlock: Opened, by: By, setup_id: int, run: Run, lease: Lease) -> None:
    """Ends in `done` or `failed`; cut short by the end of the process it stays `running`, to be continued."""
    store, name = interlock.store, task_name(setup_id, WORK)
    latest: list[Deployment] = []

    def progress(deployment: Deployment) -> None:
        latest[:] = [deployment]
        interlock.background.tell(name, deployment)

    def reached() -> Run:
        return with_deployment(run, latest[-1]) if latest else run

    async def keep(reached: Run) -> None:
        await opened.keep(store, setup_id, WORK, reached, lease)

    try:
        # Of now: somebody may sign in to another org meanwhile.
        whom = _whom(await state.load(store, setup_id))
        async with owned_work.shared(reached, keep):
            ended = await _installed(interlock, setup_id, run, progress)
        # Before the word about it: whoever reads that it is done finds the step done.
        await state.change(
            store, by, setup_id, slug, Values, lambda now: msgspec.structs.replace(now, installed_for=whom)
        )
    except Exception as error:  # noqa: BLE001  (what nobody remembers would be begun anew by every look)
        rolled_back = isinstance(error, PackageFailed)
        ended = msgspec.structs.replace(run, state="failed", troubles=_troubles(error), rolled_back=rolled_back)
    if latest:
        ended = with_deployment(ended, latest[-1])
    ended = msgspec.structs.replace(ended, ended_at_us=interlock.clock_us())
    await owned_work.at_last(lambda: opened.keep(store, setup_id, WORK, ended, lease))


async def _installed(interlock: Opened, setup_id: int, run: Run, progress: deploy.Progress) -> Run:
    setup = await state.load(interlock.store, setup_id)
    address = Address(run.origin, None if run.origin else NOT_TRUSTED)
    keeper = SetupKeeper(interlock.store, setup_id)
    async with interlock.setup_clients(setup, deploying=True) as clients:
        installed = await install(
            clients.salesforce, keeper, sync_user_id(setup), address, interlock.clock_us, progress
        )
        assert installed.after.user_set_id is not None
        given = await scope.give(clients.salesforce, installed.after.user_set_id, Scope(run.who, run.profiles))
    return msgspec.structs.replace(run, state="done", users=given.users, refused=given.refused)


def _troubles(error: Exception) -> list[Trouble]:
    if isinstance(error, PackageFailed):
        return error.troubles
    failure = failure_of(error)
    return [Trouble(None, None, failure.message, failure.fix)]
