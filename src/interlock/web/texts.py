"""Every sentence of the pages comes through here: one gettext catalogue (`locale/`), English where it has no translation."""

from __future__ import annotations

import gettext
from pathlib import Path

LOCALE = Path(__file__).parent / "locale"
DOMAIN = "interlock"

_translations = gettext.translation(DOMAIN, LOCALE, languages=["en"], fallback=True)


def _(message: str) -> str:
    return _translations.gettext(message)


def translations() -> gettext.NullTranslations:
    return _translations
