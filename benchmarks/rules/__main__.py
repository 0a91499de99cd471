"""``python -m benchmarks.rules``: what the rules and a run cost a Prometheus; writes the page and the results."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

from benchmarks.cost import machine
from benchmarks.rules import measure
from benchmarks.rules.recorded import recorded
from benchmarks.rules.report import page
from benchmarks.rules.runs import KINDS
from traingauge.stack.programs import find_programs

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "rules-cost.md"
RESULTS = Path(__file__).parents[1] / "results" / "rules.json"


def main() -> None:
    """Measure, and write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rules", description=__doc__)
    parser.add_argument("--runs", nargs="+", type=int, default=[50, 200, 1000], help="sizes of the fleet")
    parser.add_argument(
        "--into", type=Path, help="folder to write to, instead of docs and benchmarks/results"
    )
    given = parser.parse_args()
    scrapes = {kind: list(publish(60)) for kind, publish in KINDS.items()}
    found = recorded(scrapes)
    where = machine.describe()
    results = {
        "machine": {key: where[key] for key in ("date", "processor", "system")}
        | {"load": " ".join(f"{load:.1f}" for load in os.getloadavg())}
        | {"Prometheus": find_programs().prometheus.version},
        "series": {
            kind: {"scraped": len(scrapes[kind][-1].splitlines()), "recorded": len(found[kind])}
            for kind in KINDS
        },
        "bytes": {
            kind: {str(every): measure.bytes_an_hour(scrapes[kind], every) for every in (5, 15, 30)}
            for kind in KINDS
        },
        "intervals": measure.intervals(),
        "seconds": {
            str(runs): measure.evaluations(scrapes["classification"], found["classification"], runs)
            for runs in given.runs
        },
    }
    pages, files = (given.into / PAGE.name, given.into / RESULTS.name) if given.into else (PAGE, RESULTS)
    files.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    pages.write_text(page(results), encoding="utf-8")


if __name__ == "__main__":
    main()
