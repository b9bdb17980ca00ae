"""The sentences that say why two records may be one. One for each likeness of each trait; no values of records are in them."""

from __future__ import annotations

from interlock.core.identity.evidence import Likeness, Trait

SAME, CLOSE, CROSSED = Likeness.SAME, Likeness.CLOSE, Likeness.CROSSED
SHARED, UNLIKE = Likeness.SHARED, Likeness.UNLIKE

SENTENCES: dict[tuple[Trait, Likeness], str] = {
    (Trait.EMAIL, SAME): "They have an e-mail address in common.",
    (Trait.EMAIL, CLOSE): "Their e-mail addresses differ by a slip, or have one mailbox name at two providers.",
    (Trait.EMAIL, SHARED): "They have an e-mail address in common that is a function's, which several people may read.",
    (Trait.EMAIL, UNLIKE): "Their e-mail addresses are different.",
    (Trait.PHONE, SAME): "They have a phone number in common.",
    (Trait.PHONE, CLOSE): "Their phone numbers are the same but for a country or area code that one of them lacks.",
    (Trait.PHONE, UNLIKE): "Their phone numbers are different.",
    (Trait.BORN, SAME): "The same date of birth.",
    (Trait.BORN, CLOSE): "Dates of birth that differ by a digit, or by day and month swapped.",
    (Trait.BORN, UNLIKE): "Different dates of birth.",
    (Trait.GIVEN, SAME): "The same first name.",
    (Trait.GIVEN, CLOSE): "First names that differ by a slip, or one is short for the other.",
    (Trait.GIVEN, CROSSED): "The first name of the one stands as the last name of the other.",
    (Trait.GIVEN, UNLIKE): "Different first names.",
    (Trait.FAMILY, SAME): "The same last name.",
    (Trait.FAMILY, CLOSE): "Last names that differ by a slip.",
    (Trait.FAMILY, CROSSED): "The last name of the one stands as the first name of the other.",
    (Trait.FAMILY, UNLIKE): "Different last names.",
    (Trait.NAME, SAME): "The same company name.",
    (Trait.NAME, CLOSE): "Company names that differ by a slip, or by a word at the end.",
    (Trait.NAME, UNLIKE): "Different company names.",
    (Trait.DOMAIN, SAME): "They have a web domain in common.",
    (Trait.DOMAIN, SHARED): "Their sites are on one domain, where anybody gets a page.",
    (Trait.DOMAIN, UNLIKE): "Different web domains.",
    (Trait.STREET, SAME): "The same street address.",
    (Trait.STREET, CLOSE): "Street addresses that resemble each other.",
    (Trait.STREET, UNLIKE): "Different street addresses.",
    (Trait.CITY, SAME): "The same city.",
    (Trait.CITY, CLOSE): "City names that differ by a slip.",
    (Trait.CITY, UNLIKE): "Different cities.",
    (Trait.POSTCODE, SAME): "The same postal code.",
    (Trait.POSTCODE, CLOSE): "Postal codes that differ by a character, or one is a part of the other.",
    (Trait.POSTCODE, UNLIKE): "Different postal codes.",
    (Trait.EMPLOYER, SAME): "The same employer.",
    (Trait.EMPLOYER, CLOSE): "Employers whose names resemble each other.",
    (Trait.EMPLOYER, UNLIKE): "Different employers.",
}
