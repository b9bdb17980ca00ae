"""Whether a password is one that is tried early: well-known words with decoration, rows of the keyboard, repetitions. Pure.

Lists of leaked passwords hold few of 12 characters and more, and those are nearly all of these three kinds (OWASP ASVS 5.0,
6.2.4; the product's own words: 6.2.11). A rule finds next year's as well.
"""

from __future__ import annotations

import re

# Words of the start of such lists, the seasons and months that forced changes breed, and what this program is about.
_LISTED = """
password passwort passwd pass word secret geheim welcome willkommen letmein login signin access admin administrator root user test
guest default changeme changeit master qwerty qwertz azerty iloveyou love dragon monkey football baseball soccer hockey princess
sunshine superman batman starwars pokemon whatever computer internet freedom trustno hello hallo google facebook company office
spring summer autumn fall winter january february march april may june july august september october november december
interlock hubspot salesforce contacts sales crm sync
"""
_WORDS = frozenset(_LISTED.split())
_LONGEST_WORD = max(map(len, _WORDS))
_ROWS = (
    "01234567890123456789",
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiopasdfghjklzxcvbnm",
    "qwertzuiopasdfghjklyxcvbnm",
    "azertyuiopqsdfghjklmwxcvbn",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
)
_DIGITS_FOR_LETTERS = str.maketrans("013457", "oieast")
_SIGNS_FOR_LETTERS = str.maketrans("013457@$!", "oieastasi")
_LONGEST_REPEATED = 4


def is_common(password: str) -> bool:
    plain = password.casefold()
    letters = "".join(filter(str.isalnum, plain))
    return _only_words(plain) or _in_rows(letters) or _repeats(letters)


def _only_words(plain: str) -> bool:
    """`Salesforce2026!`, `P@ssw0rd-P@ssw0rd`: known words alone, once decoration and letters written as digits are gone."""
    core = re.sub(r"^[\W\d_]+|[\W\d_]+$", "", plain)
    read = (core, core.translate(_DIGITS_FOR_LETTERS), core.translate(_SIGNS_FOR_LETTERS))
    return any(_made_of_words(re.sub(r"[\W\d_]+", "", text)) for text in read)


def _made_of_words(text: str) -> bool:
    """Not by a regular expression, which would try every way to cut: `password` is a word, and two."""
    reached = {0}
    for end in range(1, len(text) + 1):
        starts = range(max(0, end - _LONGEST_WORD), end)
        if any(start in reached and text[start:end] in _WORDS for start in starts):
            reached.add(end)
    return bool(text) and len(text) in reached


def _in_rows(letters: str) -> bool:
    """`1234567890qwerty`: runs of four and more along a row, forwards or backwards, and nothing else."""
    place = 0
    while place < len(letters):
        end = place + 4
        while end <= len(letters) and _is_run(letters[place:end]):
            end += 1
        if end == place + 4:
            return False
        place = end - 1
    return bool(letters)


def _is_run(part: str) -> bool:
    return any(part in row or part in row[::-1] for row in _ROWS)


def _repeats(letters: str) -> bool:
    """`abc1abc1abc1`: a few characters again and again."""
    return any(
        letters == (letters[:size] * len(letters))[: len(letters)]
        for size in range(1, _LONGEST_REPEATED + 1)
        if len(letters) >= 3 * size
    )
