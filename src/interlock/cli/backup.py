"""`interlock backup`, `restore` and `rotate-key`: keeping an installation, putting it back, replacing its key."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from interlock.cli.base import DONE, NEEDS_A_PERSON, Answer, Json, Page, PlanOption, Run, YesOption, with_common
from interlock.cli.counted import counted

if TYPE_CHECKING:
    from interlock.app.backup import Prepared

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="The backup.")]


async def backup(
    run: Run,
    file: FileArgument,
    with_key: Annotated[
        bool,
        typer.Option(
            "--with-key", help="Put the key file into it: whoever has the backup can then use the stored sign-ins."
        ),
    ] = False,
) -> Answer:
    """Write a backup, also while `serve` runs. Without the key file unless --with-key says so."""
    from interlock import config
    from interlock.app import backup as use_case
    from interlock.wiring import wall_clock_us

    home = config.load(run.home_path())
    made = use_case.make(home.database, home.key_file, file, wall_clock_us(), with_key=with_key)
    document = {"file": made.path, "size_bytes": made.size_bytes, **use_case.as_document(made.manifest)}

    def page(out: Page) -> None:
        out.line(f"The backup is in {made.path} ({made.size_bytes:,} bytes).", style="bold")
        if with_key:
            out.line(
                "The key file is in it: whoever has the backup can use the stored sign-ins. Keep it like a password."
            )
        else:
            out.line(f"The key file is not in it. Keep a copy of {home.key_file} apart from the backups.")

    return Answer(document, page)


async def restore(
    run: Run,
    file: FileArgument,
    over_newer: Annotated[
        bool, typer.Option("--over-newer", help="Also where the installation has gone on since the backup was made.")
    ] = False,
    over_another: Annotated[
        bool,
        typer.Option(
            "--over-another",
            help="Also if the backup is of another installation, or of a copy that went its own way: its people then get in.",
        ),
    ] = False,
    plan: PlanOption = False,
    yes: YesOption = False,
) -> Answer:
    """Put a backup in the place of the database, which is kept beside it. Everything must be stopped."""
    from interlock import config
    from interlock.app import backup as use_case
    from interlock.app.times import rfc3339
    from interlock.wiring import wall_clock_us

    home = config.load(run.home_path())
    asked = use_case.prepared(home.database, file, wall_clock_us, over_newer=over_newer, over_another=over_another)
    async with asked as ready:
        made_at = rfc3339(ready.manifest.made_at_us)
        document = {"file": str(file), **use_case.as_document(ready.manifest), "installation": ready.over}
        # Where the database knows who was let in and is so no more, that counts, and nobody gains anything.
        told = "" if ready.over == "same" else f" {ready.lets_in}"
        if plan:
            return _would_restore(file, made_at, document, ready, told)
        run.confirm(f"Replace the database by the backup of {made_at}?{told}", yes)
        done = await use_case.put_back(ready, home.database, home.key_file, wall_clock_us)
    document |= {
        "planned": False,
        "kept": done.kept,
        "key_taken": done.key_taken,
        "sign_ins_readable": done.readable,
        "connections": done.connections,
        "lets_in": done.lets_in.as_document(),
    }

    def page(out: Page) -> None:
        out.line(f"Restored, as it was at {made_at}: {counted(done.connections, 'connection')}.", style="bold")
        if done.kept is not None:
            out.line(f"What was there before is in {done.kept}.")
        if not done.readable:
            out.line(
                f"The key file {home.key_file} does not open the sign-ins: put the one of then in its place, or sign in again."
            )
        out.line("People have to sign in again. The next sync looks at everything that happened since.")
        out.line(str(done.lets_in))
        out.line("Next: interlock plan")

    return Answer(document, page, DONE if done.readable else NEEDS_A_PERSON)


def _would_restore(file: Path, made_at: str | None, document: Json, ready: Prepared, told: str) -> Answer:
    would = {
        "planned": True,
        "kept": None,
        "key_taken": False,
        "sign_ins_readable": None,
        "connections": None,
        "lets_in": ready.lets_in.as_document() if told else None,
    }
    return Answer({**document, **would}, lambda out: out.line(f"{file} is of {made_at}. Nothing was changed.{told}"))


async def after_restore(
    run: Run,
    replaced: Annotated[
        str | None,
        typer.Option(
            "--replaced",
            metavar="DATABASE",
            help="The database that was there before, as interlock.yaml names it: it knows what was taken away since the backup.",
        ),
    ] = None,
    plan: PlanOption = False,
    yes: YesOption = False,
) -> Answer:
    """After other tools have put the database back: take away again what was taken away since. Everything must be stopped."""
    from interlock import config
    from interlock.app import after_restore as use_case
    from interlock.store import keyring
    from interlock.wiring import wall_clock_us

    home = config.load(run.home_path())
    before = None if replaced is None else home.database_at(replaced)
    would = await use_case.plan(home.database, before, wall_clock_us)
    if plan:
        planned = {
            "planned": True,
            "connections": None,
            "withdrawn": would.withdrawn,
            "sign_ins_readable": None,
            "lets_in": would.lets_in.as_document(),
        }

        def planned_page(out: Page) -> None:
            out.line("Everybody would be signed out. Nothing was changed.")
            if would.withdrawn is not None:
                taken = _listed(would.withdrawn)
                out.line(f"Would be taken away again: {taken}. Who was erased since would be forgotten again.")
            out.line(str(would.lets_in))

        return Answer(planned, planned_page)
    unknown = "" if replaced else " Without --replaced nothing is known of what was taken away since the backup."
    run.confirm(f"Sign everybody out, and take away again what was taken away since?{unknown} {would.lets_in}", yes)
    done = await use_case.settle(home.database, before, keyring.load_or_create(home.key_file), wall_clock_us)
    document = {
        "planned": False,
        "connections": done.connections,
        "withdrawn": done.withdrawn,
        "sign_ins_readable": done.readable,
        "lets_in": done.lets_in.as_document(),
    }

    def page(out: Page) -> None:
        out.line(f"{done.connections} connections are as they were then, and everybody is signed out.", style="bold")
        if done.withdrawn is None:
            out.line(
                "What was taken away since the backup is given back: erase people again, revoke tokens, disable people, pause and"
                " disconnect connections, and remove webhooks, as you have since."
            )
        else:
            out.line(f"Taken away again: {_listed(done.withdrawn)}. Who was erased since was forgotten again.")
        out.line(str(done.lets_in))
        if not done.readable:
            out.line(
                f"The key file {home.key_file} does not open the sign-ins: put the one of then in its place, or sign in again."
            )
        out.line("Next: interlock plan")

    return Answer(document, page, DONE if done.readable else NEEDS_A_PERSON)


def _listed(withdrawn: dict[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in withdrawn.items())


async def rotate_key(run: Run, plan: PlanOption = False, yes: YesOption = False) -> Answer:
    """Make a new key and seal every stored secret with it. Interrupted, it is run again. Everything must be stopped."""
    from interlock.app import key_rotation

    async with run.open() as opened:
        await key_rotation.check(opened.store, opened.clock_us)
        if plan:
            return Answer(
                {"planned": True, "key_file": str(opened.home.key_file), "sealed": None, "resumed": None},
                lambda out: out.line("Every stored secret would be sealed anew. Nothing was changed."),
            )
        run.confirm(f"Replace the key in {opened.home.key_file}? Backups made before need the old one.", yes)
        done = await key_rotation.rotate(opened.store, opened.home.key_file, opened.clock_us)
    document = {
        "planned": False,
        "key_file": str(opened.home.key_file),
        "sealed": done.sealed,
        "resumed": done.resumed,
    }

    def page(out: Page) -> None:
        out.line(f"{done.sealed:,} secrets are sealed with a new key, and the old one is gone.", style="bold")
        out.line(f"Keep a copy of {opened.home.key_file}. On several machines, copy it to each before you start them.")

    return Answer(document, page)


def register(app: typer.Typer) -> None:
    app.command("backup")(with_common("backup", backup))
    app.command("restore")(with_common("restore", restore))
    app.command("after-restore")(with_common("after-restore", after_restore))
    app.command("rotate-key")(with_common("rotate-key", rotate_key))
