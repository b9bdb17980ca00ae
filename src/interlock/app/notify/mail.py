"""Sending an e-mail by the SMTP server of the settings. In a thread: smtplib waits, and messages are few."""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from email.message import EmailMessage
from email.utils import formatdate

import msgspec

from interlock.app.notify.sending import NotDelivered

TIMEOUT_S = 20.0
STARTTLS, TLS, NONE = "starttls", "tls", "none"


class Smtp(msgspec.Struct, frozen=True):
    """`security`: how the way to the server is secured; `none` for one on the same machine."""

    host: str
    port: int
    security: str
    sender: str
    user: str | None = None
    password: str | None = None
    ca_file: str | None = None

    def __repr__(self) -> str:
        return f"Smtp({self.host}:{self.port}, {self.security})"

    def __rich_repr__(self) -> list[tuple[str, object]]:
        return [("host", self.host), ("port", self.port), ("security", self.security)]


class Mail:
    def __init__(self, smtp: Smtp) -> None:
        self._smtp = smtp

    async def send(self, to: str, subject: str, text: str, message_id: str, at_s: int) -> None:
        """`message_id` is the same for each try of one message, so that a mailbox shows it once. Raises NotDelivered."""
        message = EmailMessage()
        message["From"] = self._smtp.sender
        message["To"] = to
        # A name may hold a line break, which would begin a header of its own.
        message["Subject"] = " ".join(subject.split())
        message["Date"] = formatdate(at_s)
        message["Message-ID"] = f"<{message_id}@interlock>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(text)
        try:
            await asyncio.to_thread(self._deliver, message)
        except smtplib.SMTPRecipientsRefused as error:
            codes = {code for code, _ in error.recipients.values()}
            raise NotDelivered(f"The mail server does not take mail for {to}.", again=max(codes) < 500) from error
        except smtplib.SMTPAuthenticationError as error:
            raise NotDelivered("The mail server refused user or password of the setting `smtp`.") from error
        except smtplib.SMTPException as error:
            raise NotDelivered(f"The mail server refused it: {_words(error)}.") from error
        except UnicodeError:
            # Not as its cause: it would show the letter and its place in a log.
            raise NotDelivered(
                "The user or the password of the setting `smtp` holds a letter that is not ASCII, which no mail server takes.",
                again=False,
            ) from None
        except OSError as error:
            where = f"{self._smtp.host}:{self._smtp.port}"
            raise NotDelivered(f"The mail server {where} could not be reached: {error}.") from error

    def _deliver(self, message: EmailMessage) -> None:
        smtp = self._smtp
        context = ssl.create_default_context(cafile=smtp.ca_file)
        opened = (
            smtplib.SMTP_SSL(smtp.host, smtp.port, timeout=TIMEOUT_S, context=context)
            if smtp.security == TLS
            else smtplib.SMTP(smtp.host, smtp.port, timeout=TIMEOUT_S)
        )
        with opened as server:
            if smtp.security == STARTTLS:
                server.starttls(context=context)
            if smtp.user is not None:
                server.login(smtp.user, smtp.password or "")
            server.send_message(message)


def _words(error: smtplib.SMTPException) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        said = error.smtp_error.decode("utf-8", "replace") if isinstance(error.smtp_error, bytes) else error.smtp_error
        return f"{error.smtp_code} {' '.join(said.split())[:200]}"
    return str(error)[:200] or type(error).__name__
