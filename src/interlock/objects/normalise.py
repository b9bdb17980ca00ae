"""Keys under which the same person or company is found whatever its spelling: e-mail, domain, name, phone.

For finding and comparing only: no normalised form is ever written to a CRM. Pure text; nothing is looked up over the
network. The libraries are large and are loaded with the first call: starting a command must not pay for them.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

from interlock.objects.wordlists import (
    FREE_MAIL,
    LEGAL_FORMS,
    LEGAL_PHRASES,
    NAME_SUFFIXES,
    ROLE_NAMES,
    SHARED_SITES,
    TITLES,
)

if TYPE_CHECKING:
    from tldextract import TLDExtract


class Email(msgspec.Struct, frozen=True):
    """An address as it was given: `normal` is None when it is none, and `why` then says what is wrong with it."""

    normal: str | None
    why: str | None = None


# The shape of nearly every address: ASCII dot-atom and a host of letters. What fits needs no library to be judged.
_PLAIN_EMAIL = re.compile(r"[a-z0-9_+-]+(?:\.[a-z0-9_+-]+)*@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,24}")


def check_email(address: str) -> Email:
    """Lower-cased when it is an address (both CRMs treat e-mail without regard to case), else why it is not. No DNS."""
    lower = address.strip().lower()
    if _is_plain(lower):
        return Email(lower)
    from email_validator import EmailNotValidError, validate_email

    try:
        # test_environment: reserved names such as `example.test` are ordinary addresses in a sandbox.
        found = validate_email(lower, check_deliverability=False, test_environment=True)
    except EmailNotValidError as refused:
        return Email(None, str(refused))
    return Email(found.normalized.lower())


def normal_email(address: str) -> str | None:
    lower = address.strip().lower()
    return lower if _is_plain(lower) else check_email(lower).normal


def _is_plain(lower: str) -> bool:
    # 64 and 254 are the limits of the local part and of the whole (RFC 5321); `--` marks an encoded host name.
    return len(lower) <= 254 and bool(_PLAIN_EMAIL.fullmatch(lower)) and lower.index("@") <= 64 and "--" not in lower


def is_role_address(address: str) -> bool:
    """Whether nobody in particular reads it: two records that share it need not be one person."""
    local, at, _ = address.strip().lower().partition("@")
    return bool(at) and local.partition("+")[0] in ROLE_NAMES


@lru_cache(maxsize=1)
def _domain_extractor() -> TLDExtract:
    import tldextract

    # No list is fetched and nothing is cached on disk: the list that ships with the library is used.
    return tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)


_HOST = re.compile(r"^(?:[a-z][a-z0-9+.-]*:)?(?://)?(?:[^/?#@]*@)?([^/?#:\s]+)", re.IGNORECASE)


@lru_cache(maxsize=8_192)
def registrable_domain(address: str) -> str | None:
    """`https://www.shop.example.co.uk/x` and `ada@shop.example.co.uk` -> `example.co.uk`. None for what has none."""
    found = _HOST.match(address.strip())
    if found is None:
        return None
    parts = _domain_extractor()(found.group(1).rstrip(".").lower())
    if not parts.domain or not parts.suffix:
        return None
    domain: str = f"{parts.domain}.{parts.suffix}"
    try:
        return domain.encode("idna").decode("ascii") if not domain.isascii() else domain
    except UnicodeError:
        return None


def company_domain(site: str) -> str | None:
    """The domain that stands for a company; None where many companies share it."""
    domain = registrable_domain(site)
    return None if domain is None or domain in FREE_MAIL or domain in SHARED_SITES else domain


_ARTICLES = frozenset({"the"})


@lru_cache(maxsize=8_192)
def normal_company_name(name: str) -> str:
    """Lower case, without accents, punctuation, leading article and trailing legal forms. Empty if nothing is left."""
    words = _words(fold_text(name).replace("&", " and ").replace("+", " and "))
    if len(words) > 1 and words[0] == "the":
        words = words[1:]
    while drop := _trailing_form(words):
        words = words[:-drop]
    return " ".join(words)


def _trailing_form(words: list[str]) -> int:
    """How many words at the end are a legal form. A name that is nothing else keeps its first word."""
    for phrase in LEGAL_PHRASES:
        if len(words) > len(phrase) and tuple(words[-len(phrase) :]) == phrase:
            return len(phrase)
    # `and` goes with the form it joined ("GmbH & Co. KG").
    return 1 if len(words) > 1 and (words[-1] in LEGAL_FORMS or words[-1] == "and") else 0


_APOSTROPHES = re.compile("['’`´]")
_NOT_WORD = re.compile(r"[\W_]+")


def _words(folded: str) -> list[str]:
    """Words without punctuation; single letters side by side are one: `S.p.A.`, `S p A` and `SpA` are `spa`."""
    words: list[str] = []
    letters = ""
    for word in _NOT_WORD.sub(" ", _APOSTROPHES.sub("", folded)).split():
        if len(word) == 1 and "a" <= word <= "z":
            letters += word
            continue
        if letters:
            words.append(letters)
            letters = ""
        words.append(word)
    return [*words, letters] if letters else words


# What decomposition leaves whole: letters that are no base letter with a mark.
_LETTERS = str.maketrans(
    {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "ł": "l", "ħ": "h", "ı": "i", "ŋ": "n"}
)


def fold_text(value: str) -> str:
    """Lower case without accents: `Ångström` -> `angstrom`. Other scripts stay as they are."""
    if value.isascii():
        return value.lower()
    # Decomposed first: the letters of `𝑨𝒅𝒂` have no lower case of their own. And again, for what folding put together.
    folded = unicodedata.normalize("NFKD", value).casefold().translate(_LETTERS)
    decomposed = unicodedata.normalize("NFKD", folded)
    return "".join(character for character in decomposed if not unicodedata.combining(character))


@lru_cache(maxsize=8_192)
def normal_phone(number: str, default_region: str | None = None) -> str | None:
    """E.164 with the extension (`+441632960123;ext=7`), None when it is no possible number.

    `default_region` (ISO 3166, `GB`) is where a number without country code is taken to be; without one such a number
    is None, since to guess the country would join strangers.
    """
    import phonenumbers

    try:
        parsed = phonenumbers.parse(number, default_region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(parsed):
        return None
    plain = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    whole = f"{plain};ext={parsed.extension}" if parsed.extension else plain
    # Of several zeros before the national number one is taken away at a time. Italy's is part of the number, and stays.
    zero_left = plain.startswith(f"+{parsed.country_code}0")
    return whole if not zero_left or whole == number else normal_phone(whole)


@lru_cache(maxsize=8_192)
def normal_person_name(name: str) -> str:
    """Lower case, without accents, punctuation, titles and degrees; `Lovelace, Ada` reads `ada lovelace`."""
    folded = fold_text(name)
    family, comma, given = folded.partition(",")
    # A comma puts the family name first, unless what follows is a degree ("Ada Lovelace, PhD").
    if comma and "," not in given and not NAME_SUFFIXES.issuperset(_words(given)):
        folded = f"{given} {family}"
    words = _words(folded)
    while len(words) > 1 and words[0] in TITLES:
        words = words[1:]
    while len(words) > 1 and words[-1] in NAME_SUFFIXES:
        words.pop()
    return " ".join(words)
