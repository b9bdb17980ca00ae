"""The generated table of docs/troubleshoot.md: every code of an issue with its category and what to do, as the engine knows it.

python -m tests.issue_codes      writes it anew; a test says when that is due
"""

from __future__ import annotations

from pathlib import Path

from interlock.engine.explanations import known

FILE = Path(__file__).parents[1] / "docs" / "troubleshoot.md"
BEGIN, END = "<!-- codes:begin -->", "<!-- codes:end -->"


def renewed(text: str) -> str:
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    rows = [f"| `{code}` | {category.value} | {fix.format(crm='the other CRM')} |" for code, category, fix in known()]
    table = "\n".join(["| Code | Category | What to do |", "| --- | --- | --- |", *rows])
    return f"{before}{BEGIN}\n{table}\n{END}{after}"


if __name__ == "__main__":
    FILE.write_text(renewed(FILE.read_text(encoding="utf-8")), encoding="utf-8")
