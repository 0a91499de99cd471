"""``python -m benchmarks.drift.power``: measure false alarms and power, and write their page."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from benchmarks.drift.power.bench import AGAIN, KEPT, TRIALS, Bench, cells, repeated
from benchmarks.drift.power.report import page

PAGE = Path(__file__).parents[3] / "docs" / "explanation" / "drift-power.md"

#: Trials of a quick run.
QUICK = 20


def main() -> None:
    """Write the page, or print a quick one."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.drift.power", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="the cheap cells, a tenth of the trials, only printed"
    )
    parser.add_argument("--resume", action="store_true", help=f"continue from benchmarks/results/{KEPT.name}")
    parser.add_argument(
        "--processes",
        type=int,
        default=os.cpu_count() or 1,
        help="how many measure (default: one a processor)",
    )
    options = parser.parse_args()
    # For the processes that measure: a thread more within an operation would only take the others' time.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    if options.quick:
        bench = Bench(None, options.processes)
        bench.measure(cells(quick=True), QUICK)
        print(page(bench, QUICK, quick=True))
        return
    if not options.resume:
        KEPT.unlink(missing_ok=True)
    bench = Bench(KEPT, options.processes)
    bench.measure(cells(), TRIALS)
    bench.measure(repeated(bench.known(cells(), TRIALS)), AGAIN)
    PAGE.write_text(page(bench, TRIALS), encoding="utf-8")


if __name__ == "__main__":
    main()
