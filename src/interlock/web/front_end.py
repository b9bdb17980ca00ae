"""Whether the files of others that pages load are there: `frontend/build.py` brings them when Interlock is installed.

Looked at before anything is started. Loads nothing itself, so that a command can ask first.
"""

from __future__ import annotations

from pathlib import Path

from interlock.app.errors import BadInput

FOLDER = Path(__file__).parent / "static"
# What no page can do without. The rest is for single pages, and comes with these or not at all.
NEEDED = ("vendor/slds/slds.min.css", "vendor/slds/utility.svg", "vendor/htmx/htmx.min.js")


class FrontEndMissing(BadInput):
    code = "front_end_missing"


def refuse_without_front_end(folder: Path = FOLDER) -> None:
    """Raises FrontEndMissing: pages without their style sheet would look broken and say nothing of why."""
    missing = [name for name in NEEDED if not (folder / name).is_file()]
    if not missing:
        return
    root = Path(__file__).parents[3]
    in_a_check_out = (root / "frontend" / "build.py").is_file()
    raise FrontEndMissing(
        f"Files that the pages load are missing from {folder}: {', '.join(missing)}.",
        fix=f"Run `make setup` in {root}, or there `python -m pip install --editable .`: it fetches them."
        if in_a_check_out
        else "Install Interlock again: `python -m pip install --force-reinstall --no-deps interlock`.",
    )
