"""What signing in and managing people refuses, beside BadInput and Missing.

AppError
|-- BadInput
|   |-- SignInRefused    no such person, wrong password, disabled: one message for all of them
|   `-- LastAdmin        nobody would be left who can manage people
|-- Missing
|   `-- LinkVoid         a one-time link that was used, replaced, or is too old
`-- HeldBack             too many tries: wait
"""

from __future__ import annotations

from interlock.app.errors import AppError, BadInput, Missing


class SignInRefused(BadInput):
    code = "sign_in_refused"

    def __init__(self) -> None:
        super().__init__(
            "This e-mail and password do not fit together.",
            field="email",
            fix="Check both. Who has no password any more asks an admin for a new link.",
        )


class LastAdmin(BadInput):
    code = "last_admin"

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is the only admin who can sign in.", fix="Make somebody else an admin first.")


class LinkVoid(Missing):
    code = "link_void"

    def __init__(self) -> None:
        super().__init__(
            "This link works no more: it was used, a newer one replaced it, or its time is over.",
            fix="Ask an admin for a new one. For the very first person: run `interlock setup-link`.",
        )


class HeldBack(AppError):
    code = "held_back"

    def __init__(self, wait_s: int) -> None:
        seconds = "1 second" if wait_s == 1 else f"{wait_s} seconds"
        super().__init__("There were too many tries to sign in.", fix=f"Wait {seconds}, then try again.")
        self.wait_s = wait_s
