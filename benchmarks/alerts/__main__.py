"""``python -m benchmarks.alerts``: train, replay, and write the page and the results."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from benchmarks.alerts.assess import assessed
from benchmarks.alerts.faults import FAULTS
from benchmarks.alerts.healthy import HEALTHY
from benchmarks.alerts.report import TUNING, Report
from benchmarks.alerts.runs import Case, by_keras
from traingauge.stack.programs import find_programs

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "alert-benchmark.md"
RESULTS = Path(__file__).parents[1] / "results" / "alerts.json"

#: First seed of the proof: one on which no rule was tuned.
PROOF = 300


def _counts(kind: str, number: int, seeds: int) -> bool:
    """Whether a seed is one of a kind's; runs by Keras cost five times as much, and there are half as many."""
    return number < seeds and not (by_keras(kind) and number % 2)


def main() -> int:
    """Run the benchmark; the exit code is 1 where a target is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.alerts", description=__doc__)
    parser.add_argument(
        "--first-seed",
        type=int,
        default=PROOF,
        help=f"of the seeds (default: {PROOF}); rules are tuned on those from {TUNING} on and proven on others",
    )
    parser.add_argument("--seeds", type=int, default=20, help="runs of each fault (default: 20)")
    parser.add_argument(
        "--healthy", type=int, default=12, help="healthy runs of each kind (default: 12, which makes 114)"
    )
    parser.add_argument(
        "--only", nargs="+", choices=[*FAULTS, *HEALTHY], help="only these, and write no page"
    )
    parser.add_argument("--processes", type=int, default=2, help="how many work at a time (default: 2)")
    parser.add_argument(
        "--cache", type=Path, help="folder that keeps what was recorded and replayed for the next time"
    )
    options = parser.parse_args()
    # Seed by seed, so that what is kept of an interrupted benchmark is as much of each kind.
    cases = [
        Case(kind, options.first_seed + number)
        for number in range(max(options.seeds, options.healthy))
        for kind in options.only or [*FAULTS, *HEALTHY]
        if _counts(kind, number, options.seeds if kind in FAULTS else options.healthy)
    ]
    report = Report(assessed(cases, options.processes, options.cache), find_programs().promtool.version)
    print(report.page())
    if not options.only:
        PAGE.write_text(report.page(), encoding="utf-8")
        RESULTS.write_text(json.dumps(report.numbers(), indent=1) + "\n", encoding="utf-8")
    return 0 if report.met else 1


if __name__ == "__main__":
    sys.exit(main())
