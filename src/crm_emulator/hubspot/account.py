"""Who may call and who owns: users (with their owner ids), apps, tokens and authorization codes of one account.

It holds no CRM record and answers no request; `auth.py` reads it at the door and `routes_oauth.py` hands tokens out.
"""

from __future__ import annotations

import random

import msgspec

from crm_emulator.hubspot.config import Config
from crm_emulator.hubspot.records import Source

ACCESS_TOKEN_LIFETIME_S = 1_800  # OAuth: 30 minutes


class Team(msgspec.Struct, frozen=True, kw_only=True):
    """A team of the account, as one of its users has it."""

    id: str
    name: str
    primary: bool


class User(msgspec.Struct, kw_only=True):
    """A person of the account, or a queue. `owner_id` is what goes into hubspot_owner_id."""

    user_id: int
    owner_id: int
    email: str
    first_name: str
    last_name: str
    password: str = "local-crm"
    super_admin: bool = False
    archived: bool = False
    queue: bool = False
    teams: tuple[Team, ...] = ()
    created_ms: int = 0
    updated_ms: int = 0

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip()


class Token(msgspec.Struct, kw_only=True):
    """A private-app token (never expires) or an OAuth access token. `scopes` None: everything is granted."""

    value: str
    kind: str  # "private" | "oauth"
    app_id: int
    app_name: str
    user_id: int
    scopes: frozenset[str] | None = None
    expires_ms: int | None = None
    refresh_token: str | None = None
    revoked: bool = False


class Code(msgspec.Struct, frozen=True, kw_only=True):
    """An authorization code: what was agreed to on the consent page, by whom."""

    redirect_uri: str
    scopes: frozenset[str] | None
    issued_ms: int
    user_id: int
    challenge: str | None = None


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """Whoever writes: an app through the API, a person in the user interface, or HubSpot itself."""

    client: str
    user: str | None
    source: Source
    is_api: bool


class Account:
    def __init__(self, config: Config, seed: int) -> None:
        self._random = random.Random(f"hubspot-account:{seed}")
        self._config = config
        self.client_id = self._uuid()
        self.client_secret = self._uuid()
        self.users: list[User] = []
        self.teams: dict[str, str] = {}  # id -> name
        self.tokens: dict[str, Token] = {}
        self.codes: dict[str, Code] = {}
        self.add_user("Admin", "User", "admin@example.com").super_admin = True
        self.add_user("Sales", "User", "sales@example.com")
        self.private_token = self.issue_private_token().value

    def add_user(self, first_name: str, last_name: str, email: str) -> User:
        number = len(self.users)
        user = User(
            user_id=9_586_501 + 37 * number,
            owner_id=41_629_701 + 41 * number,
            email=email,
            first_name=first_name,
            last_name=last_name,
        )
        self.users.append(user)
        return user

    def add_queue(self, name: str, now_ms: int) -> User:
        """An owner that is nobody: Salesforce queues show as one of type QUEUE (owners API)."""
        made = self.add_user(name, "", "")
        made.queue = True
        made.created_ms = made.updated_ms = now_ms
        return made

    def add_team(self, name: str) -> str:
        """Returns its id."""
        id = str(368_389 + 17 * len(self.teams))
        self.teams[id] = name
        return id

    def join(self, user: User, team_id: str, now_ms: int, *, primary: bool) -> None:
        """The first team of a user is the primary one, until another one is."""
        held = [team for team in user.teams if team.id != team_id]
        first = primary or not held
        if first:
            held = [Team(id=team.id, name=team.name, primary=False) for team in held]
        user.teams = (*held, Team(id=team_id, name=self.teams[team_id], primary=first))
        user.updated_ms = now_ms

    def user(self, name: str | None = None) -> User:
        """By name or e-mail; without one, the first. Unknown names are an error, not a new person."""
        if name is None:
            return self.users[0]
        wanted = name.lower()
        for user in self.users:
            if wanted in (user.name.lower(), user.email, user.first_name.lower()):
                return user
        raise KeyError(f"no user {name!r} in this account: {[user.name for user in self.users]}")

    def owner(self, owner_id: str) -> User | None:
        return next((user for user in self.users if str(user.owner_id) == owner_id), None)

    def issue_private_token(self, scopes: frozenset[str] | None = None) -> Token:
        token = Token(
            value=f"pat-na1-{self._uuid()}",
            kind="private",
            app_id=self._config.app_id,
            app_name=self._config.app_name,
            user_id=self.users[0].user_id,
            scopes=scopes,
        )
        self.tokens[token.value] = token
        return token

    def issue_oauth_token(
        self,
        scopes: frozenset[str] | None,
        now_ms: int,
        refresh_token: str | None = None,
        lifetime_s: int | None = None,
        user_id: int | None = None,
    ) -> Token:
        lifetime = ACCESS_TOKEN_LIFETIME_S if lifetime_s is None else lifetime_s
        token = Token(
            value=f"{self._uuid()}{self._uuid()}".replace("-", ""),
            kind="oauth",
            app_id=self._config.app_id,
            app_name=self._config.app_name,
            user_id=self.users[0].user_id if user_id is None else user_id,
            scopes=scopes,
            expires_ms=now_ms + lifetime * 1_000,
            refresh_token=refresh_token or f"na1-{self._uuid()}",
        )
        self.tokens[token.value] = token
        return token

    def by_refresh_token(self, refresh_token: str) -> Token | None:
        found = [token for token in self.tokens.values() if token.refresh_token == refresh_token and not token.revoked]
        return found[-1] if found else None

    def revoke_refresh_token(self, refresh_token: str) -> None:
        for token in self.tokens.values():
            if token.refresh_token == refresh_token:
                token.revoked = True

    def issue_code(
        self,
        redirect_uri: str,
        scopes: frozenset[str] | None,
        now_ms: int,
        user_id: int | None = None,
        challenge: str | None = None,
    ) -> str:
        code = self._uuid()
        self.codes[code] = Code(
            redirect_uri=redirect_uri,
            scopes=scopes,
            issued_ms=now_ms,
            user_id=self.users[0].user_id if user_id is None else user_id,
            challenge=challenge,
        )
        return code

    def by_id(self, user_id: int) -> User:
        return next(user for user in self.users if user.user_id == user_id)

    def api_actor(self, token: Token, client: str) -> Actor:
        source = Source("INTEGRATION", str(token.app_id), token.app_name)
        return Actor(client=client, user=None, source=source, is_api=True)

    def user_actor(self, user: User) -> Actor:
        source = Source("CRM_UI", f"userId:{user.user_id}", user.email, user.user_id)
        return Actor(client="ui", user=user.email, source=source, is_api=False)

    def _uuid(self) -> str:
        bits = f"{self._random.getrandbits(128):032x}"
        return f"{bits[:8]}-{bits[8:12]}-{bits[12:16]}-{bits[16:20]}-{bits[20:]}"
