"""One of a list, or several of it. Options are joined by value; spelling (`BANKING`, `Banking`) does not part them.

The canonical value of an option that both sides know is the Salesforce one. An option that only one side knows keeps
its own name, so it can be read, compared and named in an issue, and is refused only when it would have to be written.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from interlock.core.codec.base import Codec, CodecError, FieldShape, not_of_this_codec, sendable
from interlock.core.codec.simple import shown
from interlock.core.model import Raw
from interlock.core.values import BLANK, Choice, Choices, Unknown, Value

_NOT_TEXT = Unknown("not text")


def fold(option: str) -> str:
    """Letters and digits in one case."""
    return "".join(character for character in option.casefold() if character.isalnum())


def align(hubspot: Sequence[str], salesforce: Sequence[str], said: Sequence[tuple[str, str]] = ()) -> dict[str, str]:
    """HubSpot option -> Salesforce value for those that differ in spelling alone, where just one of each fits; and before these
    those that somebody said are the same."""
    exact = set(hubspot) & set(salesforce)
    chosen = _chosen(set(hubspot) - exact, set(salesforce) - exact, said)
    exact |= {*chosen, *chosen.values()}
    taken = {fold(option) for option in exact}
    loose_hubspot = _unique_folds(option for option in hubspot if option not in exact)
    loose_salesforce = _unique_folds(option for option in salesforce if option not in exact)
    return chosen | {
        option: loose_salesforce[folded]
        for folded, option in loose_hubspot.items()
        if folded in loose_salesforce and folded not in taken
    }


def _chosen(hubspot: set[str], salesforce: set[str], said: Sequence[tuple[str, str]]) -> dict[str, str]:
    """One to one, of what is there and has no namesake: an option is never another value than the one it is called."""
    found: dict[str, str] = {}
    for here, there in said:
        if here in hubspot and there in salesforce and here not in found and there not in found.values():
            found[here] = there
    return found


def _unique_folds(options: Iterable[str]) -> dict[str, str]:
    found: dict[str, list[str]] = {}
    for option in dict.fromkeys(options):
        found.setdefault(fold(option), []).append(option)
    return {folded: same[0] for folded, same in found.items() if folded and len(same) == 1}


def unmatched_options(shape: FieldShape) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Options that only HubSpot has, and values that only Salesforce has: what is to be added on the other side."""
    pairs = align(shape.hubspot_options, shape.picklist, shape.joined)
    in_salesforce, in_hubspot = set(shape.picklist), set(shape.hubspot_options)
    joined = set(pairs.values())
    return (
        tuple(each for each in shape.hubspot_options if each not in in_salesforce and each not in pairs),
        tuple(each for each in shape.picklist if each not in in_hubspot and each not in joined),
    )


class _Options(Codec):
    """What a single and a multiple choice share: the two lists and the way between them."""

    __slots__ = ("_hubspot", "_salesforce", "_to_hubspot", "_to_salesforce", "length")

    def __init__(
        self,
        *,
        hubspot_options: tuple[str, ...] = (),
        picklist: tuple[str, ...] = (),
        restricted: bool = False,
        length: int | None = None,
        nillable: bool = True,
        joined: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(nillable=nillable)
        self._to_salesforce = align(hubspot_options, picklist, joined)
        self._to_hubspot = {there: here for here, there in self._to_salesforce.items()}
        # An empty list is one that the CRM does not tell (external options), not one that allows nothing.
        self._hubspot = frozenset(hubspot_options) or None
        self._salesforce = (frozenset(picklist) or None) if restricted else None
        self.length = length or None

    def _common(self, option: str) -> str:
        return self._to_salesforce.get(option, option)

    def _hubspot_option(self, option: str) -> str:
        name = self._to_hubspot.get(option, option)
        if self._hubspot is not None and name not in self._hubspot:
            raise CodecError("INVALID_OPTION", f'"{shown(name)}" is not an option of the HubSpot property')
        return sendable(name)

    def _salesforce_value(self, option: str) -> str:
        if self._salesforce is not None and option not in self._salesforce:
            raise CodecError("INVALID_OPTION", f'"{shown(option)}" is not a value of the Salesforce picklist')
        return sendable(option)

    def _check_length(self, text: str) -> str:
        if self.length is not None and len(text) > self.length:
            raise CodecError("STRING_TOO_LONG", f"{len(text):,} characters, the Salesforce field holds {self.length:,}")
        return text


class ChoiceCodec(_Options):
    """A dropdown or radio select and a picklist, or a look-up whose ids are the options."""

    __slots__ = ()

    kind = "choice"

    def from_hubspot(self, raw: Raw) -> Value:
        if raw is None:
            return BLANK
        if raw.__class__ is not str:
            return _NOT_TEXT
        option = raw.strip()
        return Choice(self._to_salesforce.get(option, option)) if option else BLANK

    # A Salesforce value is canonical already, and is never an option that `align` renames.
    from_salesforce = from_hubspot

    def canon(self, value: Value) -> Value:
        return self.from_hubspot(value.value) if type(value) is Choice else value

    def render_hubspot(self, value: Value) -> str:
        if type(value) is not Choice:
            raise not_of_this_codec(self, value)
        return self._hubspot_option(value.value)

    def render_salesforce(self, value: Value) -> Raw:
        if type(value) is not Choice:
            raise not_of_this_codec(self, value)
        return self._check_length(self._salesforce_value(value.value))


class CurrencyCodec(ChoiceCodec):
    """The currency of a deal. One that names none is in the account's own (HubSpot knowledge base, currencies), and so is its
    amount: taken for blank, it would get whatever currency the sync user has in Salesforce."""

    __slots__ = ("_own",)

    null_is_blank = False
    absent = ""

    def __init__(self, own: str, hubspot_options: tuple[str, ...], picklist: tuple[str, ...], restricted: bool) -> None:
        super().__init__(hubspot_options=hubspot_options, picklist=picklist, restricted=restricted)
        self._own = own

    def from_hubspot(self, raw: Raw) -> Value:
        return super().from_hubspot(self._own if raw is None else raw)


class ChoicesCodec(_Options):
    """Multiple checkboxes and a multi-select picklist: a set, joined with `;` by either CRM in its own order."""

    __slots__ = ()

    kind = "choices"

    def from_hubspot(self, raw: Raw) -> Value:
        if raw is None:
            return BLANK
        if raw.__class__ is not str:
            return _NOT_TEXT
        return self._set_of(raw.split(";"))

    from_salesforce = from_hubspot

    def canon(self, value: Value) -> Value:
        return self._set_of(value.values) if type(value) is Choices else value

    def _set_of(self, options: Iterable[str]) -> Value:
        rename = self._to_salesforce
        common = sorted({rename.get(option, option) for each in options if (option := each.strip())})
        return Choices(tuple(common)) if common else BLANK

    def render_hubspot(self, value: Value) -> str:
        if type(value) is not Choices:
            raise not_of_this_codec(self, value)
        return ";".join(self._hubspot_option(option) for option in value.values)

    def render_salesforce(self, value: Value) -> Raw:
        if type(value) is not Choices:
            raise not_of_this_codec(self, value)
        return self._check_length(";".join(self._salesforce_value(option) for option in value.values))
