"""`kill -9` in the middle of a sync, a few times: benchmarks/kill.py in small, so that what it shows stays true."""

from __future__ import annotations

from benchmarks.kill import WORKING_AGAIN_MOST_S, run

from interlock.engine.context import Settings

KILLS = 5


def test_a_process_killed_again_and_again_loses_nothing_and_makes_nothing_twice() -> None:
    # Calls as slow as those of a CRM far away, so that a kill falls between them. What the local CRMs have not carried out when
    # its sender dies they never will, so nobody has to wait as long as for the real ones.
    verdict = run(200, KILLS, seed=7, latency_ms=60, park_s=0.5, life_s=(0.02, 0.8))
    assert verdict.lost == []
    assert verdict.duplicated == []
    assert verdict.kills == KILLS
    assert max(verdict.redone_by_kill.values(), default=0) <= Settings().batch_rows
    assert verdict.sent_again_without_kill == 0
    assert verdict.refused_starts == 0, "a process that was killed was waited for"
    assert verdict.working_again_s
    assert max(verdict.working_again_s) < WORKING_AGAIN_MOST_S
