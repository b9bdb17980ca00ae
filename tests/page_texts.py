"""The two gettext catalogues, and their translations brought up to them: what the pages say, from the templates and the pages' own
modules, and what they show of what use cases and CRM clients say (said_texts.py).

python -m tests.page_texts      writes them anew; a test says when that is due. What has no translation yet has an empty one
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po
from jinja2.ext import babel_extract

from tests import said_texts

WEB = Path(__file__).parents[1] / "src" / "interlock" / "web"
LOCALE = WEB / "locale"
DOMAINS = PAGES, SAID = "interlock", "said"
HEAD = """\
# Texts of Interlock's pages. A translation is locale/<language>/LC_MESSAGES/{domain}.po, written by python -m tests.page_texts.
msgid ""
msgstr "Content-Type: text/plain; charset=UTF-8\\n"
"""

# A text, or one for one thing and one for several.
Message = str | tuple[str, str]


def messages(domain: str) -> list[Message]:
    if domain == SAID:
        return list(said_texts.messages())
    return sorted({*_in_templates(), *_in_modules()}, key=lambda each: each if isinstance(each, str) else each[0])


def _in_templates() -> Iterator[Message]:
    for template in (WEB / "templates").rglob("*.html"):
        with template.open("rb") as file:
            for _line, function, message, _comments in babel_extract(file, ("_", "ngettext"), [], {}):
                if function == "ngettext":
                    yield str(message[0]), str(message[1])
                else:
                    # With values to fill in, a tuple whose first is the text.
                    yield str(message if isinstance(message, str) else message[0])


def _in_modules() -> Iterator[Message]:
    for source in WEB.rglob("*.py"):
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("_", "_n"):
                texts = [each.value for each in node.args if isinstance(each, ast.Constant)]
                if len(texts) < (1 if node.func.id == "_" else 2):
                    raise AssertionError(
                        f"{source}:{node.lineno}: a text that is made up while running is in no catalogue"
                    )
                yield str(texts[0]) if node.func.id == "_" else (str(texts[0]), str(texts[1]))


def source(domain: str) -> Path:
    return LOCALE / f"{domain}.pot"


def catalogue(domain: str) -> str:
    head = HEAD.replace("{domain}", domain)
    return head + "".join(f"\n{_ids(message)}{_empty(message, 2)}" for message in messages(domain))


def translations() -> list[Path]:
    return sorted(LOCALE.glob("*/LC_MESSAGES/*.po"))


def read(file: Path) -> Catalog:
    with file.open("rb") as source:
        return read_po(source, locale=file.parents[1].name, abort_invalid=True)


def translated(file: Path) -> str:
    """A translation with the texts of today: those that are gone left out, the new ones empty."""
    old = read(file)
    head = file.read_text(encoding="utf-8").partition("\n\n")[0] + "\n"
    return head + "".join(f"\n{_ids(message)}{_strings(message, old)}" for message in messages(file.stem))


def _strings(message: Message, old: Catalog) -> str:
    found = old.get(message if isinstance(message, str) else message[0])
    if found is None or not found.string or isinstance(found.string, str) is not isinstance(message, str):
        return _empty(message, old.num_plurals)
    if isinstance(found.string, str):
        return f'msgstr "{_quoted(found.string)}"\n'
    return "".join(f'msgstr[{form}] "{_quoted(string)}"\n' for form, string in enumerate(found.string))


def _ids(message: Message) -> str:
    if isinstance(message, str):
        return f'msgid "{_quoted(message)}"\n'
    return f'msgid "{_quoted(message[0])}"\nmsgid_plural "{_quoted(message[1])}"\n'


def _empty(message: Message, forms: int) -> str:
    return 'msgstr ""\n' if isinstance(message, str) else "".join(f'msgstr[{form}] ""\n' for form in range(forms))


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


if __name__ == "__main__":
    for name in DOMAINS:
        source(name).write_text(catalogue(name), encoding="utf-8")
    for each in translations():
        each.write_text(translated(each), encoding="utf-8")
