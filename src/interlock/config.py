"""Process settings: where state lives, the database, addresses, the key file. Nothing about connections or mappings.

Read from `interlock.yaml` in the home folder; a key that is not known is refused with its name and line, because a
misspelt setting that is silently ignored is worse than none. Connections, mappings and rules live in the database.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from interlock.app.errors import BadInput

CONFIG_NAME = "interlock.yaml"
_ALL_OF_VERSION_4 = IPv6Network("::ffff:0:0/96")


class SmtpSettings(BaseModel):
    """The mail server by which notifications go. The password may be in $INTERLOCK_SMTP_PASSWORD instead of a file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str
    port: int = Field(default=587, ge=1, le=65_535)
    security: Literal["starttls", "tls", "none"] = "starttls"
    sender: str
    user: str | None = None
    password_file: str | None = None


class ProcessSettings(BaseModel):
    """Every key of interlock.yaml. Relative paths are relative to the home folder."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    database: str = "interlock.db"
    key_file: str = "secret.key"
    host: str = "127.0.0.1"
    port: int = Field(default=8090, ge=0, le=65_535)
    public_url: str | None = None
    trusted_proxies: tuple[str, ...] = ()  # addresses whose X-Forwarded-For and -Proto are believed
    allowed_addresses: tuple[str, ...] = ()  # addresses and networks from which it is reached; none: from everywhere
    api_addresses: tuple[str, ...] = ()  # of those, the ones from which programs use tokens; none: all of them
    smtp: SmtpSettings | None = None
    webhooks_to_private_addresses: bool = False  # whether notifications may be posted inside the own network
    ca_file: str | None = None  # an extra certificate authority for the two CRMs, as `emulate --tls` makes one

    @field_validator("public_url")
    @classmethod
    def _is_an_address(cls, url: str | None) -> str | None:
        return None if url is None else public_address(url)

    @field_validator("allowed_addresses", "api_addresses", "trusted_proxies")
    @classmethod
    def _are_networks(cls, listed: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(str(_network(each)) for each in listed)

    @field_validator("trusted_proxies")
    @classmethod
    def _are_not_everybody(cls, listed: tuple[str, ...]) -> tuple[str, ...]:
        for each in listed:
            found = ip_network(each)
            if found.prefixlen == 0:
                raise ValueError(
                    f"{each} is everybody, and then anybody could say in X-Forwarded-For to be somebody else"
                )
            if _is_no_proxys(found):
                raise ValueError(
                    f"{each} is more addresses than a proxy has, and all who have one of them could say in X-Forwarded-For to be"
                    " somebody else: give the address of the proxy, or a network of at most 10.0.0.0/8 or fc00::/7"
                )
        return listed

    def who_may_come(self) -> list[str]:
        """From where it is reached, for whoever starts it with a list; nothing where there is none."""
        said = []
        if self.allowed_addresses:
            said.append(f"It is reached from {', '.join(self.allowed_addresses)} only (allowed_addresses).")
        if self.api_addresses:
            said.append(f"Tokens work from {', '.join(self.api_addresses)} only (api_addresses).")
        if said and self.trusted_proxies:
            said.append(f"From where somebody asks is believed of {', '.join(self.trusted_proxies)} (trusted_proxies).")
        return said

    @property
    def browser_url(self) -> str:
        """The address by which browsers reach the pages, as far as the settings tell."""
        host = browser_host(self.host)
        return self.public_url or f"http://{f'[{host}]' if ':' in host else host}:{self.port}"


def _is_no_proxys(found: IPv4Network | IPv6Network) -> bool:
    """Larger than the largest private network of its kind, or with all of version 4 in it: two halves are everybody too."""
    if isinstance(found, IPv4Network):
        return found.prefixlen < 8
    return found.prefixlen < 7 or found.supernet_of(_ALL_OF_VERSION_4)


def _network(listed: str) -> IPv4Network | IPv6Network:
    """Raises ValueError. An address of version 4 that is written as one of version 6 (::ffff:203.0.113.7) is taken as what it is,
    as whoever asks from it is."""
    try:
        found = ip_network(listed, strict=False)
    except ValueError:
        raise ValueError(
            f"{listed!r} is no address or network like 203.0.113.7 or 10.0.0.0/8; no name is looked up, and * would be everybody"
        ) from None
    mapped = found.network_address.ipv4_mapped if isinstance(found, IPv6Network) else None
    return found if mapped is None or found.prefixlen < 96 else IPv4Network((mapped, found.prefixlen - 96))


def browser_host(host: str) -> str:
    """The name by which a browser on this machine reaches what listens on `host`: without https both CRMs send people back to
    http://localhost alone, by no other name of it."""
    return "localhost" if host in ("127.0.0.1", "::1", "0.0.0.0", "::", "") else host  # noqa: S104  (a comparison)


class Home(BaseModel):
    """The folder of one installation, with its settings."""

    model_config = ConfigDict(frozen=True)

    path: Path
    settings: ProcessSettings

    def reached_by(self, public_url: str) -> Home:
        """As this one, where the command line says the address."""
        return self.model_copy(update={"settings": self.settings.model_copy(update={"public_url": public_url})})

    @property
    def database(self) -> str:
        return self.database_at(self.settings.database)

    def check_reach(self, address: str | None) -> None:
        """Raises BadInput where a list of addresses would let everybody in: https at `address`, by which browsers reach it, is a
        proxy's, so all come from that proxy, whose own address is often inside of a listed network."""
        listed = [name for name in ("allowed_addresses", "api_addresses") if getattr(self.settings, name)]
        behind_proxy = (address or "").lower().startswith("https://")
        if not listed or self.settings.trusted_proxies or not behind_proxy:
            return
        raise BadInput(
            f"{self.path / CONFIG_NAME}: {' and '.join(listed)} cannot tell who asks: {address} is reached through a proxy, and"
            " without trusted_proxies everybody has the address of the proxy.",
            code="config_invalid",
            field="trusted_proxies",
            fix="Set trusted_proxies to the address of the proxy (127.0.0.1 where it runs on this machine), and let the proxy send"
            " X-Forwarded-For; or take the lists out.",
        )

    def database_at(self, named: str) -> str:
        """The address of a database that is named as in interlock.yaml."""
        return named if "://" in named else str(self._in(named))

    @property
    def key_file(self) -> Path:
        return self._in(self.settings.key_file)

    @property
    def ca_file(self) -> str | None:
        return str(self._in(self.settings.ca_file)) if self.settings.ca_file else None

    def smtp_password(self, environment: Mapping[str, str]) -> str | None:
        """Raises BadInput."""
        file = self.settings.smtp.password_file if self.settings.smtp is not None else None
        if file is None:
            return environment.get("INTERLOCK_SMTP_PASSWORD")
        try:
            return self._in(file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise BadInput(
                f"smtp.password_file {self._in(file)} cannot be read: {error}.",
                code="config_invalid",
                field="smtp.password_file",
                fix="Name a file that Interlock may read, with the password and nothing else.",
            ) from error

    def _in(self, name: str) -> Path:
        return self.path / Path(name).expanduser()


def public_address(url: str) -> str:
    """Raises ValueError for what no browser could open: links are made from it, and https in it makes the cookies secure."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path not in ("", "/") or parts.query:
        raise ValueError("it must be like https://sync.example.com, without a path")
    return url.rstrip("/")


def home_folder(given: str | None, environment: Mapping[str, str]) -> Path:
    """`--home`, else `$INTERLOCK_HOME`, else `~/.interlock`."""
    chosen = given or environment.get("INTERLOCK_HOME") or "~/.interlock"
    return Path(chosen).expanduser().absolute()


def load(path: Path) -> Home:
    """The settings of this home; the folder is made (mode 0700) when it is not there. Raises BadInput."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(
            f"The home folder {path} cannot be made: {error.strerror}.",
            code="home_unusable",
            fix="Choose another with --home, or correct its permissions.",
        ) from error
    if not os.access(path, os.W_OK):
        raise BadInput(f"The home folder {path} cannot be written.", code="home_unusable", fix="Choose another.")
    return Home(path=path, settings=_read(path / CONFIG_NAME))


def _read(file: Path) -> ProcessSettings:
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ProcessSettings()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(
            f"{file} cannot be read: {error}.",
            code="config_unreadable",
            fix="It must be text in UTF-8 that we may read.",
        ) from error
    values, lines = parse_yaml(text, str(file))
    if values is None:
        return ProcessSettings()
    if not isinstance(values, dict):
        known = ", ".join(ProcessSettings.model_fields)
        raise BadInput(
            f"{file} must hold keys and values.",
            code="config_invalid",
            fix=f"Write `key: value` lines. Known keys: {known}.",
        )
    try:
        return ProcessSettings.model_validate(values)
    except ValidationError as error:
        raise refused(error, lines, str(file), ProcessSettings) from error


def refused(
    error: ValidationError, lines: Mapping[tuple[str, ...], int], file: str, model: type[BaseModel]
) -> BadInput:
    """The first thing wrong, by key and line, as a sentence."""
    # A misspelt key is also a missing one, and the spelling is what helps.
    first = min(error.errors(include_url=False), key=lambda each: each["type"] != "extra_forbidden")
    path = tuple(str(part) for part in first["loc"])
    where = f"{file}, line {line_of(lines, path)}"
    name = ".".join(path) or "the document"
    if first["type"] == "extra_forbidden":
        message = f"{where}: the key {name!r} is not known."
        fix = f"Known keys: {', '.join(model.model_fields)}." if len(path) == 1 else "Remove it or correct its name."
        return BadInput(message, code="unknown_key", field=name, fix=fix)
    return BadInput(f"{where}: {name}: {first['msg']}.", code="config_invalid", field=name, fix="Correct the value.")


def line_of(lines: Mapping[tuple[str, ...], int], path: tuple[str, ...]) -> int:
    """The line of the deepest part of `path` that is in the file."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 1)


def parse_yaml(text: str, name: str) -> tuple[Any, dict[tuple[str, ...], int]]:
    """The values, and the line of every key and item by its path. Raises BadInput for what is not YAML."""
    import yaml

    class Plain(yaml.SafeLoader):
        """Without aliases: a few hundred bytes of them stand for more items than fit into any memory."""

        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.AliasEvent):
                mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
                raise yaml.MarkedYAMLError(problem="aliases (*name) are not taken", problem_mark=mark)
            return super().compose_node(parent, index)

    try:
        root = yaml.compose(text, Loader=Plain)
        values = yaml.load(text, Loader=Plain)  # noqa: S506  (of SafeLoader)
    except RecursionError as error:
        raise BadInput(
            f"{name} is nested too deeply.", code="config_invalid", fix="Write it as it is exported."
        ) from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark is not None else ""
        problem = getattr(error, "problem", None) or "it cannot be read"
        raise BadInput(
            f"{name}{line}: this is not YAML: {problem}.", code="config_invalid", fix="Correct that line."
        ) from error
    lines: dict[tuple[str, ...], int] = {}
    _note_lines(root, (), lines)
    return values, lines


def _note_lines(node: Any, path: tuple[str, ...], lines: dict[tuple[str, ...], int]) -> None:
    import yaml

    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here = (*path, str(key.value))
            lines[here] = key.start_mark.line + 1
            _note_lines(value, here, lines)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            here = (*path, str(index))
            lines[here] = item.start_mark.line + 1
            _note_lines(item, here, lines)
