"""``python -m benchmarks.life``: play every situation, replay it, and write the page and the results."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from benchmarks.alerts.report import TUNING
from benchmarks.life.assess import Case, outcomes
from benchmarks.life.report import Report
from benchmarks.life.situation import situations
from traingauge.stack.programs import find_programs

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "ordinary-life.md"
RESULTS = Path(__file__).parents[1] / "results" / "life.json"

#: Seed of the proof at the first interval, and those after it at the others: seeds on which no rule was tuned.
PROOF = 500

#: Seconds between two scrapes: a short interval, and Prometheus' default.
INTERVALS = (15.0, 60.0)


def main() -> int:
    """Run the benchmark; the exit code is 1 where a target is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.life", description=__doc__)
    parser.add_argument(
        "--first-seed",
        type=int,
        default=PROOF,
        help=f"of the seeds (default: {PROOF}); rules are tuned on those from {TUNING} on and proven on others",
    )
    parser.add_argument(
        "--intervals", nargs="+", type=float, default=INTERVALS, help="between scrapes (default: 15 60)"
    )
    parser.add_argument("--only", nargs="+", choices=[*situations()], help="only these, and write no page")
    parser.add_argument("--processes", type=int, default=2, help="how many work at a time (default: 2)")
    parser.add_argument(
        "--cache", type=Path, help="folder that keeps what was recorded and replayed for the next time"
    )
    options = parser.parse_args()
    cases = [
        Case(name, options.first_seed + number, interval)
        for number, interval in enumerate(options.intervals)
        for name in options.only or situations()
    ]
    report = Report(outcomes(cases, options.processes, options.cache), find_programs().promtool.version)
    print(report.page())
    if not options.only:
        PAGE.write_text(report.page(), encoding="utf-8")
        RESULTS.write_text(json.dumps(report.numbers(), indent=1) + "\n", encoding="utf-8")
    return 0 if report.met else 1


if __name__ == "__main__":
    sys.exit(main())
