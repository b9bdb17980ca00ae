"""`interlock users` and `interlock setup-link`: people, from where Interlock runs. Whoever can open its folder may do this."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from interlock.cli.base import Answer, Page, Run, checked_public_url, with_common

if TYPE_CHECKING:
    from interlock.store.people import Person
    from interlock.wiring import Interlock

EmailArgument = Annotated[str, typer.Argument(metavar="EMAIL", help="The e-mail by which the person signs in.")]
PasswordFileOption = Annotated[
    str | None,
    typer.Option(
        "--password-file",
        metavar="FILE",
        help="Take the password from there (- is standard input), instead of a link to choose one.",
    ),
]
PublicUrlOption = Annotated[
    str | None,
    typer.Option(
        "--public-url", metavar="URL", help="The address of the pages, for the link; overrides interlock.yaml."
    ),
]


async def list_users(run: Run) -> Answer:
    """List who can sign in."""
    from interlock.app.people import manage
    from interlock.app.people.documents import person_document, state_of

    async with run.open() as opened:
        people = await manage.list_(opened.store)

    def page(out: Page) -> None:
        from interlock.app.times import rfc3339, shown

        if not people:
            out.line("Nobody has an account yet. Next: interlock setup-link")
            return
        rows = [
            (
                person.email,
                person.name,
                person.role,
                state_of(person).replace("_", " "),
                shown(rfc3339(person.signed_in_at_us)),
            )
            for person in people
        ]
        out.table(("E-mail", "Name", "Role", "State", "Last sign-in"), rows, keep=("E-mail",))

    return Answer({"users": [person_document(person) for person in people]}, page)


async def add(
    run: Run,
    email: EmailArgument,
    name: Annotated[
        str | None, typer.Option("--name", help="How colleagues know the person; the e-mail's first half otherwise.")
    ] = None,
    role: Annotated[
        str, typer.Option("--role", help="viewer (looks), operator (also syncs and resolves), or admin (everything).")
    ] = "viewer",
    password_file: PasswordFileOption = None,
    public_url: PublicUrlOption = None,
) -> Answer:
    """Add a person. Prints a one-time link to choose a password, unless one is given."""
    from interlock.app.people import manage
    from interlock.app.people.passwords import Passwords
    from interlock.app.people.roles import role_of
    from interlock.app.people.visitor import BY_COMMAND

    public_url, password = checked_public_url(public_url), _password(password_file)
    passwords = Passwords() if password is not None else None
    async with run.open() as opened:
        person, token = await manage.add(
            opened.store, BY_COMMAND, email, name or email.partition("@")[0], role_of(role), passwords, password
        )
        link = await _link(opened, public_url, token)
    return _answer(person, link, f"{person.name} is added as {person.role}.")


async def reset_password(
    run: Run,
    email: EmailArgument,
    password_file: PasswordFileOption = None,
    public_url: PublicUrlOption = None,
) -> Answer:
    """Take a person's password away and sign them out. Prints a one-time link to choose a new one, unless one is given."""
    from interlock.app.people import manage
    from interlock.app.people.passwords import Passwords
    from interlock.app.people.visitor import BY_COMMAND

    public_url, password = checked_public_url(public_url), _password(password_file)
    async with run.open() as opened:
        found = await manage.find(opened.store, email)
        token = None
        if password is None:
            _, token = await manage.reset_password(opened.store, BY_COMMAND, found.id)
        else:
            await manage.set_password(opened.store, Passwords(), BY_COMMAND, found.id, password)
        person = await manage.find(opened.store, email)
        link = await _link(opened, public_url, token)
    return _answer(person, link, f"The old password of {person.name} works no more.")


async def setup_link(run: Run, public_url: PublicUrlOption = None) -> Answer:
    """Print a new one-time link that makes the first person; older ones work no more."""
    from interlock.app.people import links

    public_url = checked_public_url(public_url)
    async with run.open() as opened:
        link = await _link(opened, public_url, await links.setup_link(opened.store))
    return Answer({"link": link}, lambda out: out.line(f"Open this once, within a day, to make your account: {link}"))


def _answer(person: Person, link: str | None, said: str) -> Answer:
    from interlock.app.people.documents import person_document

    def page(out: Page) -> None:
        out.line(said)
        if link is not None:
            out.line(f"To choose a password, once, within three days: {link}")

    return Answer({"user": person_document(person), "link": link}, page)


async def _link(opened: Interlock, public_url: str | None, token: str | None) -> str | None:
    from interlock.app.people import links

    if token is None:
        return None
    pages = public_url or await opened.told_address() or opened.home.settings.browser_url
    return links.address_of(pages, token)


def _password(file: str | None) -> str | None:
    """Raises BadInput."""
    import sys

    from interlock.app.credentials import secret_text

    text = secret_text("--password-file", file, sys.stdin.read)
    # Editors and `echo` end a file with a line break, which nobody types into a form.
    return None if text is None else text.rstrip("\r\n")


def register(app: typer.Typer) -> None:
    group = typer.Typer(no_args_is_help=True, help="Who can sign in to the pages: add, list, reset-password.")
    group.command("add")(with_common("users-add", add))
    group.command("list")(with_common("users-list", list_users))
    group.command("reset-password")(with_common("users-reset-password", reset_password))
    app.add_typer(group, name="users")
    app.command("setup-link")(with_common("setup-link", setup_link))
