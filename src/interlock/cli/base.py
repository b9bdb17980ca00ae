"""What every command shares: the common options, running its coroutine, one JSON document or a page of text, exit codes.

No command's own work is here. Nothing heavy is imported at the top, here or in any command's file: `interlock --help`
must not wait for a database driver.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rich.console import Console
    from rich.table import Table

    from interlock.wiring import Interlock

Json = dict[str, Any]

# A contract: docs/cli.md tells it, and a test holds the two equal.
DONE, NEEDS_A_PERSON, BAD_USAGE, CRM_UNREACHABLE, STOPPED, NOT_FOUND, HELD, DEFECT, INTERRUPTED = (
    0,
    1,
    2,
    3,
    4,
    5,
    6,
    70,
    130,
)


@dataclass
class Answer:
    """What a command found: the document for --json, the page for a person, and the exit code."""

    document: Json | None = None
    page: Callable[[Page], None] | None = None
    exit_code: int = DONE


@dataclass
class Run:
    """One invocation. `schema` is the name of its documents."""

    schema: str
    home: str | None = None
    connection: str | None = None
    json: bool = False
    quiet: bool = False
    debug: bool = False
    no_color: bool = False
    _page: Page | None = field(default=None, repr=False)

    @property
    def page(self) -> Page:
        if self._page is None:
            self._page = Page(self.no_color)
        return self._page

    def home_path(self) -> Path:
        from interlock.config import home_folder

        return home_folder(self.home, os.environ)

    def open(self) -> AbstractAsyncContextManager[Interlock]:
        from interlock.wiring import open_interlock

        return open_interlock(self.home_path())

    def emit(self, document: Json) -> None:
        """One document on standard output; a command that keeps running emits one a line."""
        sys.stdout.write(dumped(document, self.schema) + "\n")
        sys.stdout.flush()

    def say(self, text: str) -> None:
        """Progress, on standard error: never part of the result."""
        if not self.quiet:
            sys.stderr.write(text + "\n")
            sys.stderr.flush()

    def confirm(self, question: str, yes: bool) -> None:
        """Ask, where there is somebody to ask. Raises BadInput without a terminal and without --yes; exits on no."""
        from interlock.app.errors import BadInput, Stopped

        if yes:
            return
        if not sys.stdin.isatty():
            raise BadInput(
                f"{question} There is no terminal to answer on.",
                code="confirmation_needed",
                fix="Add --yes, or --plan to see what would be done.",
            )
        sys.stderr.write(f"{question} [y/N] ")
        sys.stderr.flush()
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            raise Stopped("Nothing was changed.", code="declined")


def checked_public_url(url: str | None) -> str | None:
    """Raises BadInput."""
    from interlock.app.errors import BadInput
    from interlock.config import public_address

    try:
        return None if url is None else public_address(url)
    except ValueError as error:
        raise BadInput(
            f"--public-url {url} cannot be used: {error}.",
            code="bad_address",
            field="--public-url",
            fix="Give the address that people type into their browsers.",
        ) from error


class Page:
    """Writes for a person: tables that never cut an id, plain text where there is no terminal."""

    def __init__(self, no_color: bool) -> None:
        from rich.console import Console

        plain = no_color or bool(os.environ.get("NO_COLOR"))
        self.console: Console = Console(no_color=plain, highlight=False, emoji=False, markup=False)

    def line(self, text: str = "", style: str | None = None) -> None:
        self.console.print(text, style=style, soft_wrap=True)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[object]], keep: Sequence[str] = ()) -> None:
        """`keep` names the columns that are never wrapped (ids, keys, counts)."""
        from rich.measure import Measurement
        from rich.table import Table

        table: Table = Table(box=None, pad_edge=False, header_style="bold")
        for name in columns:
            table.add_column(name, no_wrap=name in keep, overflow="fold")
        for row in rows:
            table.add_row(*("" if cell is None else str(cell) for cell in row))
        # Rich cuts when a table is wider than the console; we rather let the terminal wrap a line than lose an id.
        wide = self.console.options.update(max_width=10_000)
        needed = Measurement.get(self.console, wide, table)
        width = max(self.console.width if self.console.is_terminal else needed.maximum, needed.minimum)
        # A print is never wider than its console, whatever width it is given.
        console_width, self.console.width = self.console.width, width
        self.console.print(table, crop=False, overflow="ignore", no_wrap=True)
        self.console.width = console_width


def dumped(document: Json, schema: str) -> str:
    """A document with the head that every one carries."""
    import time

    from interlock.app.documents import with_head

    return json.dumps(with_head(document, schema, time.time_ns() // 1_000), ensure_ascii=True)


# --- the common options ------------------------------------------------------------------------------------------------

HomeOption = Annotated[
    str | None,
    typer.Option("--home", metavar="DIR", help="Where state lives [default: $INTERLOCK_HOME, else ~/.interlock]."),
]
ConnectionOption = Annotated[
    str | None, typer.Option("--connection", metavar="NAME", help="Which connection; needed when there are several.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document, see `interlock schema`.")]
QuietOption = Annotated[bool, typer.Option("--quiet", help="No progress.")]
DebugOption = Annotated[bool, typer.Option("--debug", help="Show the traceback of a defect.")]
NoColorOption = Annotated[bool, typer.Option("--no-color", help="No colours (also: NO_COLOR in the environment).")]

# For commands that take them.
ObjectsOption = Annotated[
    list[str] | None, typer.Option("--object", metavar="OBJECT", help="contacts, companies or deals; repeatable.")
]
PlanOption = Annotated[bool, typer.Option("--plan", help="Say what would be done, and do nothing.")]
YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask.")]

_COMMON: tuple[tuple[str, Any, Any], ...] = (
    ("home", HomeOption, None),
    ("connection", ConnectionOption, None),
    ("json", JsonOption, False),
    ("quiet", QuietOption, False),
    ("debug", DebugOption, False),
    ("no_color", NoColorOption, False),
)
_NAMES = tuple(name for name, _, _ in _COMMON)


def with_common(schema: str, function: Callable[..., Coroutine[Any, Any, Answer]]) -> Callable[..., int | None]:
    """The function that Typer sees: the command's own options and the common ones; runs it and presents its answer."""
    hints = get_type_hints(function, include_extras=True)
    own = [
        parameter.replace(annotation=hints[parameter.name], kind=inspect.Parameter.KEYWORD_ONLY)
        for parameter in inspect.signature(function).parameters.values()
        if parameter.name != "run"
    ]
    common = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        for name, annotation, default in _COMMON
    ]

    def command(**values: Any) -> int | None:
        context = values.get("context")
        if context is not None and context.invoked_subcommand is not None:
            return None
        run = Run(schema, **{name: values.pop(name) for name in _NAMES})
        Current.run = run
        return present(run, asyncio.run(function(run, **values)))

    command.__name__ = function.__name__
    command.__doc__ = function.__doc__
    parameters = [*own, *common]
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return command


class Current:
    """The invocation that is running, for the error handler. One a process."""

    run: Run | None = None


def stop_on_signals() -> asyncio.Event:
    """For a command that runs until it is told to end: set by SIGTERM and Ctrl-C."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


def present(run: Run, answer: Answer) -> int:
    if run.json:
        if answer.document is not None:
            run.emit(answer.document)
    elif answer.page is not None:
        answer.page(run.page)
    return answer.exit_code
