"""Three processes and one refresh token that works once, on virtual time: whatever the network and the scheduler do.

What must hold, seed by seed:
- with answers that arrive, nobody is ever signed out, and no old refresh token ever reaches Salesforce;
- a sign-in is called dead only if an answer with a new refresh token was truly lost;
- otherwise, once the trouble is over, every process gets an access token that works.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import cast
from urllib.parse import parse_qs

import pytest

from crm_emulator.kernel.clock import Clock
from crm_emulator.salesforce import SalesforceEmulator
from interlock.app.crms import Crms
from interlock.app.stored_tokens import StoredTokens
from interlock.core.model import Side
from interlock.crm.calls import TOKENS_A_CALL
from interlock.crm.errors import GrantDead, Unreachable
from interlock.crm.seam import forbid_network
from interlock.crm.transport import AsgiTransport, NotSent, OutcomeUnknown, Request, Response
from interlock.store import Store, connections, crm_apps, grants, keyring
from interlock.store.grants import Grant, Tokens
from tests.contract.conftest import a_connection
from tests.simulation.virtual_time import _PROCESS, VirtualTimeLoop, run

HOST = "login.salesforce.com"
INSTANCE = "https://acme.my.salesforce.com"
PROCESSES = 3
ROUNDS = 12
SESSION_S = 600
SEEDS = range(25)


class Network:
    """A request that has left goes on without its sender, and may be carried out after the sender has given up."""

    def __init__(self, org: SalesforceEmulator, chance: random.Random, lossy: bool) -> None:
        self._inside = AsgiTransport({HOST: org.app})
        self._chance = chance
        self._lossy = lossy
        self.refused: list[str] = []
        self.waiting: set[str | None] = set()  # processes that have a request on its way

    async def send(self, request: Request, deadline_s: float) -> Response:
        loop = cast(VirtualTimeLoop, asyncio.get_running_loop())
        if self._lossy and self._chance.random() < 0.1:
            raise NotSent("connection refused")
        most_s = 20.0 if self._lossy else 10.0
        there_s, back_s = self._chance.uniform(0, most_s), self._chance.uniform(0, most_s)
        answered: asyncio.Future[Response] = loop.create_future()

        async def travel() -> None:
            await asyncio.sleep(there_s)
            answer = await self._inside.send(request, deadline_s)
            if answer.status != 200:
                self.refused.append(parse_qs((request.body or b"").decode())["refresh_token"][0])
            await asyncio.sleep(back_s)
            if not answered.done():
                answered.set_result(answer)

        loop.outside(travel())
        process = _PROCESS.get()
        self.waiting.add(process)
        try:
            return await asyncio.wait_for(answered, deadline_s)
        except TimeoutError as error:
            raise OutcomeUnknown(f"no answer within {deadline_s:g} s") from error
        finally:
            self.waiting.discard(process)


class Story:
    def __init__(self, path: Path, seed: int, *, lossy: bool) -> None:
        self.path = path
        self.chance = random.Random(f"{seed}:{lossy}")
        self.lossy = lossy
        self.keys = keyring.generate()
        self.dead: list[str] = []
        self.killed = False
        self.unusable = 0  # calls that got no token that works: each would sign the connection out

    def clock(self) -> int:
        return cast(VirtualTimeLoop, asyncio.get_running_loop()).now_us()

    async def store(self) -> Store:
        return await Store.open(
            str(self.path),
            clock_us=self.clock,
            synchronous="OFF",
            threadless=True,
            keyring=self.keys,
            forbid_network=forbid_network,
        )

    async def tell(self, trouble: Callable[[Story, VirtualTimeLoop], Awaitable[None]] | None = None) -> None:
        loop = cast(VirtualTimeLoop, asyncio.get_running_loop())
        self.org = SalesforceEmulator(
            Clock(self.clock), instance_url=INSTANCE, rotate_refresh_tokens=True, session_s=SESSION_S
        )
        self.network = Network(self.org, self.chance, self.lossy)
        self.own = await self.store()
        await self.sign_in()
        workers = [loop.in_process(f"p{number}", self.work(number)) for number in range(PROCESSES)]
        if trouble is not None:
            await trouble(self, loop)
        done, left = await asyncio.wait(workers, timeout=100_000)
        assert len(left) == self.killed, "whoever lives comes to an end"
        for task in done:
            task.result()

    async def sign_in(self) -> None:
        sessions, user = self.org.sessions, self.org.users[1].id
        refresh = sessions.issue_refresh(user, sessions.client_id, "api refresh_token")
        access = sessions.issue(user, sessions.client_id, "api refresh_token", refresh_token=refresh)
        async with self.own.write(None) as tx:
            self.connection_id = await connections.create(tx, a_connection(salesforce_url=INSTANCE))
            app = await crm_apps.put(tx, "salesforce", sessions.client_id, sessions.client_secret)
            grant = Grant(
                side="salesforce",
                app_id=app,
                login_url=f"https://{HOST}",
                account_id=self.org.org_id,
                who={},
                scopes=[],
                tokens=Tokens(access, refresh),
                connection_id=self.connection_id,
            )
            await grants.create(tx, grant)

    def tokens(self, store: Store) -> StoredTokens:
        crms = Crms(self.network, self.clock)
        return StoredTokens(store, crms, Side.SALESFORCE, connection_id=self.connection_id)

    async def work(self, number: int) -> None:
        store = await self.store()
        tokens = self.tokens(store)
        for _ in range(ROUNDS):
            with suppress(Unreachable):
                try:
                    await self.use(tokens)
                except GrantDead as error:
                    self.dead.append(str(error))
            await asyncio.sleep(self.chance.uniform(0, 3 * SESSION_S))
        await store.close()

    async def use(self, tokens: StoredTokens) -> str:
        """As a client does: try the token, and where it is refused ask for another one, and once more."""
        token = await tokens.token()
        for _ in range(TOKENS_A_CALL):
            if self.org.sessions.find(token) is not None:
                return token
            token = await tokens.refresh(token)
        if self.org.sessions.find(token) is None:
            self.unusable += 1
        return token

    async def some_steps(self, loop: VirtualTimeLoop) -> None:
        """To a moment inside the work, where there is work."""
        await asyncio.wait([loop.after_steps(self.chance.randrange(20, 400))], timeout=SESSION_S)

    async def one_is_killed_while_it_refreshes(self, loop: VirtualTimeLoop) -> None:
        """If one still does."""
        dead = loop.create_future()

        def look() -> None:
            victims = self.network.waiting & {"p1", "p2"}
            if victims and not dead.done():
                loop.kill(str(victims.pop()))
                dead.set_result(None)

        loop.after_step = look
        await asyncio.wait([dead], timeout=ROUNDS * SESSION_S)
        self.killed = dead.done()

    async def grant(self) -> Grant:
        async with self.own.read(self.connection_id) as tx:
            return (await grants.in_use(tx))["salesforce"]

    async def settled(self) -> None:
        """What must hold in the end."""
        grant = await self.grant()
        assert grant.tokens is not None
        assert grant.tokens.refresh is not None
        alive = not self.org.sessions.refresh[grant.tokens.refresh].revoked
        # Of all that Salesforce gave out one is alive at any time: ours, or one whose answer was lost.
        assert sum(not each.revoked for each in self.org.sessions.refresh.values()) == 1
        if grant.state == grants.DEAD:
            assert not alive, "a sign-in that works was called dead"
            return
        self.network._lossy = False
        tokens = self.tokens(self.own)
        if alive:
            assert self.org.sessions.find(await self.use(tokens)) is not None
        else:
            # The answer was lost and nobody has asked since: the next one finds out, and a person is asked.
            with pytest.raises(GrantDead):
                await tokens.refresh(await tokens.token())


async def freezes_and_a_kill(told: Story, loop: VirtualTimeLoop) -> None:
    for _ in range(2):
        await told.some_steps(loop)
        loop.freeze("p0")
        await asyncio.sleep(told.chance.uniform(1, 120))
        loop.thaw("p0")
    await told.one_is_killed_while_it_refreshes(loop)


@pytest.mark.parametrize("seed", SEEDS)
def test_where_every_answer_arrives_nobody_is_signed_out_and_no_old_token_is_sent(seed: int, tmp_path: Path) -> None:
    async def story() -> None:
        told = Story(tmp_path / "interlock.db", seed, lossy=False)
        await told.tell()
        assert told.dead == []
        assert told.network.refused == []
        assert told.unusable == 0
        grant = await told.grant()
        # It was refreshed, and not once for each process.
        assert 1 < grant.generation <= 1 + PROCESSES * ROUNDS
        await told.settled()

    run(story(), seed)


@pytest.mark.parametrize("seed", SEEDS)
def test_where_answers_are_lost_only_what_is_truly_dead_is_called_so(seed: int, tmp_path: Path) -> None:
    async def story() -> None:
        told = Story(tmp_path / "interlock.db", seed, lossy=True)
        await told.tell()
        await told.settled()

    run(story(), seed)


@pytest.mark.parametrize("seed", SEEDS)
def test_processes_that_freeze_or_die_at_any_step_leave_nothing_that_waits_for_ever(seed: int, tmp_path: Path) -> None:
    async def story() -> None:
        told = Story(tmp_path / "interlock.db", seed, lossy=False)
        await told.tell(freezes_and_a_kill)
        await told.settled()

    run(story(), seed)


def test_the_stories_are_not_all_the_same(tmp_path: Path) -> None:
    """That the seeds above do lose answers, and do prove sign-ins dead: else they would show nothing."""
    ends: list[str] = []
    killed: list[bool] = []

    async def story(seed: int) -> None:
        told = Story(tmp_path / f"{seed}.db", seed, lossy=True)
        await told.tell()
        ends.append((await told.grant()).state)
        told = Story(tmp_path / f"{seed}.killed.db", seed, lossy=False)
        await told.tell(freezes_and_a_kill)
        killed.append(told.killed)

    for seed in SEEDS:
        run(story(seed), seed)
    assert set(ends) == {grants.GOOD, grants.DEAD}
    assert sum(killed) >= 5
