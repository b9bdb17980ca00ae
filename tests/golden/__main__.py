"""Write the golden files anew: `python -m tests.golden`, or `make golden`. Then read the difference: it is a promise."""

from tests.golden.files import TABLES

for path, render in TABLES.items():
    text = render()
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")
        print(f"changed: {path.name}")  # noqa: T201
