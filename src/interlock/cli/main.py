"""The `interlock` command: its table of commands, and `run()`, which turns every ending into the promised exit code.

0 done, 1 a person is needed, 2 usage or configuration, 3 a CRM unreachable or sign-in refused, 4 stopped on purpose,
5 not found, 6 held by another process, 70 a defect of ours, 130 interrupted.
"""

from __future__ import annotations

import gc
import sys
import traceback
from typing import TYPE_CHECKING, Annotated

import typer
from typer import _click

from interlock.cli import (
    backfill,
    backup,
    conflicts,
    connect,
    connections,
    demo_entry,
    disconnect,
    doctor,
    duplicates,
    emulate,
    erase,
    explain,
    find,
    import_,
    issues,
    mappings,
    package,
    pause,
    plan,
    revoke_all,
    sbom,
    schema,
    serve,
    status,
    suggestions,
    sync,
    undo,
    users,
    worker,
)
from interlock.cli.base import BAD_USAGE, DEFECT, INTERRUPTED, Current, Run, dumped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from interlock.app.errors import Failure

app = typer.Typer(
    name="interlock",
    help="Two-way sync between HubSpot and Salesforce: nothing overwritten silently, everything explained.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from interlock import __version__

        sys.stdout.write(f"interlock {__version__}\n")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = (
        False
    ),
) -> None:
    """Two-way sync between HubSpot and Salesforce: nothing overwritten silently, everything explained."""


# In the order in which a person meets them.
for _command in (
    demo_entry,
    emulate,
    connect,
    connections,
    doctor,
    duplicates,
    plan,
    sync,
    import_,
    backfill,
    status,
    issues,
    conflicts,
    suggestions,
    find,
    explain,
    undo,
    erase,
    pause,
    mappings,
    package,
    disconnect,
    serve,
    users,
    worker,
    backup,
    revoke_all,
    sbom,
    schema,
):
    _command.register(app)

# Help texts are plain: `[default: ...]` is a default and no mark-up, which would swallow it.
for _typer in (app, *(group.typer_instance for group in app.registered_groups)):
    if _typer is not None:
        _typer.rich_markup_mode = None


def run() -> None:
    """The entry point of the installed command."""
    # Records come and go by the thousand and hold no cycles: looking for some after every 700 allocations took a quarter
    # of a first sync. A batch of a thousand pairs is about 50,000 objects: most are gone before they are looked at.
    gc.set_threshold(200_000, 20, 20)
    code = main(sys.argv[1:])
    # The process ends and gives all of its memory back at once: to look through every module for cycles first takes a
    # quarter of what a short command does.
    gc.freeze()
    sys.exit(code)


def main(arguments: Sequence[str]) -> int:
    try:
        code = app(args=list(arguments), prog_name="interlock", standalone_mode=False)
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted. What was done is saved; run it again to continue.\n")
        return INTERRUPTED
    except typer.Abort:
        return INTERRUPTED
    except _click.exceptions.ClickException as error:
        return _usage(error, arguments)
    except BrokenPipeError:
        # Whoever read our output has enough; what is left in the buffer has nowhere to go.
        sys.stdout = None
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001  (the outermost place: every error ends as an exit code)
        return _failed(error, arguments)
    # Typer turns Ctrl-C inside a command into Exit(130) and returns its code.
    return code if isinstance(code, int) else 0


def _usage(error: _click.exceptions.ClickException, arguments: Sequence[str]) -> int:
    from interlock.app.errors import Failure

    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "interlock"
    message = error.format_message()
    message = message if message.endswith((".", "!", "?")) else f"{message}."
    failure = Failure("bad_usage", message, BAD_USAGE, fix=f"See `{path} --help`.", docs="docs/cli.md")
    return _tell(failure, _asked_for_json(arguments))


def _failed(error: BaseException, arguments: Sequence[str]) -> int:
    from interlock.app.errors import as_failure

    failure = as_failure(_cause(error))
    debug = "--debug" in arguments
    if failure is None:
        return _defect(error, arguments)
    if debug:
        traceback.print_exception(error)
    return _tell(failure, _asked_for_json(arguments))


def _cause(error: BaseException) -> BaseException:
    """A task group hands over its members' errors as one; the first is the story."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _defect(error: BaseException, arguments: Sequence[str]) -> int:
    from interlock.app.errors import Failure

    if "--debug" in arguments:
        traceback.print_exception(error)
    report = _write_report(error, arguments)
    failure = Failure(
        "defect",
        f"This is a defect of Interlock: {type(error).__name__}. The report is in {report}.",
        DEFECT,
        cause=type(error).__name__,
        fix="Read the report (it holds no secrets), then open an issue with it.",
        docs=None,
    )
    return _tell(failure, _asked_for_json(arguments))


def _write_report(error: BaseException, arguments: Sequence[str]) -> str:
    import platform
    import tempfile

    from interlock import __version__

    # The words typed may hold a record's e-mail but never a secret: secrets come from files and the environment only.
    lines = [
        f"interlock {__version__}, Python {platform.python_version()}, {platform.system()}",
        f"arguments: {' '.join(arguments)}",
        "",
        *traceback.format_exception(error),
    ]
    with tempfile.NamedTemporaryFile(
        "w", prefix="interlock-report-", suffix=".txt", delete=False, encoding="utf-8"
    ) as file:
        file.write("\n".join(lines))
    return file.name


def _tell(failure: Failure, as_json: bool) -> int:
    if as_json:
        from interlock.app.documents import error_document

        sys.stdout.write(dumped(error_document(failure), "error") + "\n")
    else:
        sys.stderr.write(f"{failure.message}\n")
        if failure.fix:
            sys.stderr.write(f"What to do: {failure.fix}\n")
    return failure.exit_code


def _asked_for_json(arguments: Sequence[str]) -> bool:
    run: Run | None = Current.run
    return run.json if run is not None else "--json" in arguments
