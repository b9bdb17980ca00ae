"""The written copies of what the JSON API says of itself: docs/api.json, and the table in docs/api.md.

python -m tests.api_reference      writes them anew; a test says when that is due
"""

from __future__ import annotations

import json
from pathlib import Path

from interlock.web.address import Operation
from interlock.web.api import openapi
from interlock.web.api.addresses import OPERATIONS

DOCS = Path(__file__).parents[1] / "docs"
OPENAPI, PAGE = DOCS / "api.json", DOCS / "api.md"
BEGIN, END = "<!-- reference:begin -->", "<!-- reference:end -->"


def described() -> str:
    return json.dumps(openapi.document(OPERATIONS), indent=1, ensure_ascii=False) + "\n"


def renewed(text: str) -> str:
    before, _, rest = text.partition(BEGIN)
    return before + "\n".join([BEGIN, "", *_reference(), END]) + rest.partition(END)[2]


def _reference() -> list[str]:
    lines: list[str] = []
    for tag in dict.fromkeys(each.tag for each in OPERATIONS):
        lines += [
            f"### {tag[0].upper()}{tag[1:]}",
            "",
            "| Address | Does | Role | Answer |",
            "| --- | --- | --- | --- |",
        ]
        lines += [_row(each) for each in OPERATIONS if each.tag == tag]
        again = [
            f"- `{each.method} {each.shown}`: {each.again}" for each in OPERATIONS if each.tag == tag and each.again
        ]
        lines += ["", *(["Sent once more:", "", *again, ""] if again else [])]
    return lines


def _row(each: Operation) -> str:
    names = [name for type_ in (each.query, each.body) if type_ is not None for name in type_.__struct_fields__]
    takes = f" Takes {', '.join(f'`{name}`' for name in names)}." if names else ""
    answer = f"{each.status} `{each.answers}`" if each.answers is not None else "a file"
    return f"| `{each.method} {each.shown}` | {each.summary}{takes} | {openapi.role_needed(each)} | {answer} |"


if __name__ == "__main__":
    OPENAPI.write_text(described(), encoding="utf-8")
    PAGE.write_text(renewed(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
