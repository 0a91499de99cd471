"""``python -m dashboards.example``: time every query of every dashboard on a Prometheus that holds many runs."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from dashboards.example.history import History, recorded
from dashboards.example.runs import RUNS
from dashboards.example.store import Prometheus, Store
from dashboards.reading import Json, expressions
from dashboards.render import RENDERED

#: Seconds that a query may take.
LIMIT = 1.0

#: Everything is chosen, on a grid as the variable computes it for the longest of the runs.
EVERYTHING = {
    "model": ".+",
    "run": ".+",
    "scored": ".+",
    "class": ".+",
    "feature": ".+",
    "statistic": "psi",
    "signal": "loss",
    "host": ".+",
    "node": ".+",
    "moved": "block_1_1",
    "grid": "10",
}


def multiplied(history: History, runs: int) -> History:
    """The same history with about the given number of runs: each of its runs under several names."""
    copies = History()
    for header, lines in history.lines.items():
        for number in range(runs // len(RUNS)):
            copies.lines[header] += [line.replace('run="', f'run="{number:03}-', 1) for line in lines]
    return copies


def slowest(prometheus: Prometheus, dashboard: Json) -> tuple[float, str, int]:
    """Seconds of the slowest query of a dashboard, whose it is, and how many series it gave."""
    worst = (0.0, "", 0)
    for expression in expressions(dashboard):
        text = expression.filled_in(EVERYTHING)
        started = time.perf_counter()
        answer = prometheus.at(text) if expression.instant else prometheus.over(text)
        worst = max(worst, (time.perf_counter() - started, expression.where, len(answer)))
    return worst


def main() -> int:
    """Print the slowest query of each dashboard; the exit code is 1 if one takes longer than the limit."""
    parser = argparse.ArgumentParser(prog="python -m dashboards.example", description=__doc__)
    parser.add_argument("--runs", type=int, default=50, help="how many runs Prometheus holds (default: 50)")
    runs = parser.parse_args().runs
    print(
        f"{'dashboard':20} {'slowest query':>14} {'series':>7}  panel   ({runs} runs, all of them chosen, limit {LIMIT:g} s)"
    )
    late = False
    with tempfile.TemporaryDirectory() as folder:
        store = Store.of(multiplied(recorded(), runs), Path(folder))
        with store.served() as prometheus:
            for path in sorted(RENDERED.glob("*.json")):
                seconds, where, series = slowest(prometheus, json.loads(path.read_text()))
                print(f"{path.stem:20} {seconds * 1000:11.0f} ms {series:7}  {where}", flush=True)
                late |= seconds > LIMIT
    return 1 if late else 0


if __name__ == "__main__":
    sys.exit(main())
