"""Every sentence of the pages comes through here: one gettext catalogue (`locale/`), in the language of whoever asks.

The catalogue's source is what is in the repository (`interlock.po`); it is compiled when it is first needed. A text without a
translation is shown in English. What the use cases themselves say (reasons, what to do) is looked up by `said.py`.
"""

from __future__ import annotations

import gettext
from contextvars import ContextVar
from functools import cache
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

LOCALE = Path(__file__).parent / "locale"
DOMAIN = "interlock"
ENGLISH = "en"
# By their own names: whoever cannot read the page must find the way out of it.
LANGUAGES = {ENGLISH: "English", "pl": "Polski"}

# Of the request that is being answered.
_language: ContextVar[str] = ContextVar("language", default=ENGLISH)


def _(message: str) -> str:
    return catalogue(_language.get()).gettext(message)


def _n(one: str, many: str, number: int) -> str:
    """The form that goes with a number; `%(num)s` in it is still to be filled in."""
    return catalogue(_language.get()).ngettext(one, many, number)


def language() -> str:
    return _language.get()


def speak(language: str) -> None:
    """From here on, in this task: one request is one task."""
    _language.set(language if language in LANGUAGES else ENGLISH)


def preferred(accept_language: str) -> str:
    """The first that we have of what a browser asks for (RFC 9110, 12.5.4: a list with weights from 0 to 1)."""
    wanted: list[tuple[float, str]] = []
    for each in accept_language.split(",")[:20]:
        tag, _semicolon, weight = each.partition(";")
        try:
            wanted.append((float(weight.strip().removeprefix("q=") or 1), tag.strip().lower().split("-")[0]))
        except ValueError:
            continue
    # Sorting keeps the order of those with one weight.
    for weight_, tag in sorted(wanted, key=lambda each: -each[0]):
        if weight_ > 0 and tag in LANGUAGES:
            return tag
    return ENGLISH


@cache
def catalogue(language: str) -> gettext.NullTranslations:
    if language == ENGLISH:
        return gettext.NullTranslations()
    compiled = BytesIO()
    write_mo(compiled, read(language, DOMAIN))
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


def read(language: str, domain: str) -> Catalog:
    with (LOCALE / language / "LC_MESSAGES" / f"{domain}.po").open("rb") as source:
        return read_po(source, locale=language)
