"""Running a process and counting what it alone used: CPU and peak memory, as the kernel tells for one ended child."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import msgspec
from benchmarks.local_crms import LocalCrms

COMMAND = str(Path(sys.executable).parent / "interlock")
# Compiled imports of the measured programs, as an installed program has them, whatever this machine's settings are.
_BYTECODE = Path(tempfile.gettempdir()) / "interlock-benchmark-bytecode"


class Used(msgspec.Struct):
    cpu_s: float
    peak_mb: float  # ru_maxrss, which is VmHWM
    told: dict[str, Any]


def run(crms: LocalCrms, command: list[str], arguments: list[str]) -> Used:
    """Runs to the end. `told`: the JSON object that it printed. Raises SystemExit when it fails."""
    environment = os.environ | {
        "INTERLOCK_HUBSPOT_TOKEN": crms.hubspot_token,
        "INTERLOCK_SALESFORCE_TOKEN": crms.salesforce_token,
        "PYTHONPYCACHEPREFIX": str(_BYTECODE),
    }
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    process = subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, env=environment)
    assert process.stdout is not None
    told = process.stdout.read()
    # wait4 gives what this one child used.
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}: {told.decode()[-2_000:]}")
    return Used(used.ru_utime + used.ru_stime, used.ru_maxrss / 1_024, json.loads(told))


def connect(crms: LocalCrms, home: Path, existing: str = "link") -> Used:
    addresses = ["--hubspot-url", crms.hubspot_url, "--salesforce-url", crms.salesforce_url]
    return run(crms, [COMMAND, "connect"], ["--home", str(home), "--json", "--existing", existing, *addresses])


def first_sync(crms: LocalCrms, home: Path) -> Used:
    return run(crms, [COMMAND, "sync"], ["--home", str(home), "--once", "--json"])
