"""From cases to verdicts: runs are trained, replayed and assessed, several at a time."""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from benchmarks.alerts.inhibition import Policy
from benchmarks.alerts.runs import Case, recorded
from benchmarks.alerts.verdict import Verdict, verdicts
from simulation.replay import replay

#: Runs that are replayed side by side: with many more, promtool refuses to hold that many samples.
TOGETHER = 10


def assessed(cases: Sequence[Case], processes: int, cache: Path | None = None) -> list[Verdict]:
    """Train these runs, replay some of them side by side, and assess them.

    Args:
        cases: The runs.
        processes: How many work at a time; 0 to do it in this process.
        cache: A folder that keeps what was recorded and replayed, so that it is not done twice.
    """
    groups = [cases[at : at + TOGETHER] for at in range(0, len(cases), TOGETHER)]
    assess = partial(_assessed_together, cache=cache)
    if not processes:
        return [verdict for group in groups for verdict in assess(group)]
    # The arrays are small: threads within an operation would only get in each other's way.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    found: list[Verdict] = []
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        for verdicts_of_group in pool.map(assess, groups):
            found += verdicts_of_group
            print(f"{len(found)} of {len(cases)} runs", file=sys.stderr, flush=True)
    return found


def _assessed_together(cases: Sequence[Case], cache: Path | None) -> list[Verdict]:
    series = {name: values for case in cases for name, values in recorded(case, cache).items()}
    return verdicts(cases, replay(series, max(case.seconds for case in cases), cache), Policy.shipped())
