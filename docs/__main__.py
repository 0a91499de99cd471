"""``python -m docs``: write the generated pages, or with ``--check`` compare with what is committed."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.alerts.__main__ import RESULTS
from benchmarks.alerts.report import Report
from benchmarks.delivery.report import RESULTS as DELIVERED
from benchmarks.delivery.report import page as delivered
from benchmarks.drift.power.bench import KEPT, TRIALS, Bench
from benchmarks.drift.power.report import page as drift_power
from benchmarks.life.__main__ import RESULTS as LIFE
from benchmarks.life.report import Report as LifeReport
from benchmarks.trackers import report as trackers
from docs.generators import alerts, api, dashboards, errors, metrics

HOME = Path(__file__).parent

#: Every generated page, and what writes it.
PAGES: Mapping[str, Callable[[], str]] = {
    "reference/metrics.md": metrics.page,
    "reference/api.md": api.page,
    "reference/errors.md": errors.page,
    "reference/alerts.md": alerts.page,
    "reference/dashboards.md": dashboards.page,
    "explanation/alert-benchmark.md": lambda: Report.read(
        json.loads(RESULTS.read_text(encoding="utf-8"))
    ).page(),
    "explanation/ordinary-life.md": lambda: LifeReport.read(
        json.loads(LIFE.read_text(encoding="utf-8"))
    ).page(),
    "explanation/delivery.md": lambda: delivered(json.loads(DELIVERED.read_text(encoding="utf-8"))),
    "explanation/trackers.md": lambda: trackers.page(
        json.loads(trackers.RESULTS.read_text(encoding="utf-8"))
    ),
    "explanation/drift-power.md": lambda: drift_power(Bench(KEPT), TRIALS),
}


def main() -> int:
    """Write or check; the exit code is 1 where the check finds a difference."""
    parser = argparse.ArgumentParser(prog="python -m docs", description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail if a committed page is out of date")
    check = parser.parse_args().check
    outdated = []
    for name, page in PAGES.items():
        path, text = HOME / name, page()
        if check and (not path.exists() or path.read_text(encoding="utf-8") != text):
            outdated.append(name)
        elif not check:
            path.write_text(text, encoding="utf-8")
    if outdated:
        print(
            f"out of date: {', '.join(outdated)}; run `make docs` and commit what it writes", file=sys.stderr
        )
    return 1 if outdated else 0


if __name__ == "__main__":
    sys.exit(main())
