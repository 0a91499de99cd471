"""``python -m benchmarks.alerts``: train, replay, and write ``docs/alert-benchmark.md`` and ``.json`` beside it."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.alerts.faults import FAULTS
from benchmarks.alerts.healthy import HEALTHY
from benchmarks.alerts.inhibition import Policy
from benchmarks.alerts.replay import replay
from benchmarks.alerts.report import Report
from benchmarks.alerts.runs import Case, Series, record
from benchmarks.alerts.verdict import Verdict, verdicts
from deploy.native.programs import find_programs

PAGE = Path(__file__).parents[2] / "docs" / "alert-benchmark.md"

#: Runs that are replayed side by side: more need more memory, fewer more time.
TOGETHER = 20


def judged(cases: Sequence[Case], processes: int, cache: Path | None = None) -> list[Verdict]:
    """Train these runs, replay them, and judge."""
    policy, found = Policy.shipped(), []
    batch: list[tuple[Case, Series]] = []
    for number, (case, series) in enumerate(record(cases, processes, cache), start=1):
        batch.append((case, series))
        if len(batch) == TOGETHER or number == len(cases):
            found += _replayed(batch, policy)
            print(f"{number} of {len(cases)} runs", file=sys.stderr, flush=True)
            batch = []
    return found


def _replayed(batch: Iterable[tuple[Case, Series]], policy: Policy) -> list[Verdict]:
    batch = list(batch)
    series = {name: values for _, recorded in batch for name, values in recorded.items()}
    cases = [case for case, _ in batch]
    return verdicts(cases, replay(series, max(case.seconds for case in cases)), policy)


def main() -> int:
    """Run the benchmark; the exit code is 1 where a target is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.alerts", description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, help="runs of each fault (default: 20)")
    parser.add_argument(
        "--healthy", type=int, default=12, help="healthy runs of each kind (default: 12, which makes 108)"
    )
    parser.add_argument(
        "--only", nargs="+", choices=[*FAULTS, *HEALTHY], help="only these, and write no page"
    )
    parser.add_argument("--processes", type=int, default=2, help="runs that train at a time (default: 2)")
    parser.add_argument("--cache", type=Path, help="folder that keeps recorded runs for the next time")
    options = parser.parse_args()
    cases = [
        Case(kind, seed)
        for kind in options.only or [*FAULTS, *HEALTHY]
        for seed in range(options.seeds if kind in FAULTS else options.healthy)
    ]
    report = Report(judged(cases, options.processes, options.cache), find_programs().promtool.version)
    print(report.page())
    if not options.only:
        PAGE.write_text(report.page(), encoding="utf-8")
        PAGE.with_suffix(".json").write_text(json.dumps(report.numbers(), indent=1) + "\n", encoding="utf-8")
    return 0 if report.met else 1


if __name__ == "__main__":
    sys.exit(main())
