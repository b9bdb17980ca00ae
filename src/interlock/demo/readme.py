"""`python -m interlock.demo.readme [FILE]`: plays the demo and writes its last lines into the README, between the markers.

The lines are the demo's own; a test holds the README to them. How long it took is the one figure that is not kept to.
"""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from interlock.demo import excerpt, play, report, stage

BEGIN, END = "<!-- demo:begin -->", "<!-- demo:end -->"
_BLOCK = re.compile(re.escape(BEGIN) + r"\n.*?" + re.escape(END), re.DOTALL)
_SECONDS = re.compile(r"\b\d+ seconds\b")


class NoMarkers(Exception):
    """The file has no place for the block."""


def block(lines: list[str]) -> str:
    return "\n".join((BEGIN, "```", *lines, "```", END))


def shown(text: str) -> str | None:
    """The block that `text` holds; None where it has no markers."""
    found = _BLOCK.search(text)
    return found[0] if found else None


def timeless(text: str) -> str:
    """Without the figure that differs from machine to machine."""
    return _SECONDS.sub("N seconds", text)


def replaced(text: str, new_block: str) -> str:
    if shown(text) is None:
        raise NoMarkers(f"there is no {BEGIN} ... {END}")
    return _BLOCK.sub(lambda _: new_block, text)


async def played_lines() -> list[str]:
    with TemporaryDirectory(prefix="interlock-demo-") as folder:
        async with stage.opened(excerpt.packaged(), Path(folder), (0, 0)) as opened:
            played = await play.play(opened, lambda told: None)
    return report.summary(played)


def main(arguments: list[str]) -> int:
    file = Path(arguments[0] if arguments else "README.md")
    try:
        new = replaced(file.read_text(encoding="utf-8"), block(asyncio.run(played_lines())))
    except (OSError, NoMarkers) as error:
        sys.stderr.write(f"{file}: {error}\n")
        return 2
    file.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
