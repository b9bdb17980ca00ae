"""The gettext catalogue of the pages, from the templates and the pages' own modules.

python -m tests.page_texts      writes it anew; a test says when that is due
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from jinja2.ext import babel_extract

WEB = Path(__file__).parents[1] / "src" / "interlock" / "web"
FILE = WEB / "locale" / "interlock.pot"
HEAD = """\
# Texts of Interlock's pages. A translation is a copy of this file, locale/<language>/LC_MESSAGES/interlock.po, compiled.
msgid ""
msgstr "Content-Type: text/plain; charset=UTF-8\\n"
"""


def messages() -> list[str]:
    return sorted({*_in_templates(), *_in_modules()})


def _in_templates() -> Iterator[str]:
    for template in (WEB / "templates").rglob("*.html"):
        with template.open("rb") as file:
            for _line, _function, message, _comments in babel_extract(file, ("_",), [], {}):
                # With values to fill in, a tuple whose first is the text.
                yield str(message if isinstance(message, str) else message[0])


def _in_modules() -> Iterator[str]:
    for source in WEB.rglob("*.py"):
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "_":
                text = node.args[0]
                if isinstance(text, ast.Constant):
                    yield str(text.value)
                elif source.name != "texts.py":
                    raise AssertionError(
                        f"{source}:{node.lineno}: a text that is made up while running is in no catalogue"
                    )


def catalogue() -> str:
    entries = (f'\nmsgid "{_quoted(text)}"\nmsgstr ""\n' for text in messages())
    return HEAD + "".join(entries)


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


if __name__ == "__main__":
    FILE.write_text(catalogue(), encoding="utf-8")
