"""``python -m dashboards.example``: time every query of every dashboard on many runs, or serve the history to a Grafana."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from dashboards.example.history import END, History, recorded
from dashboards.example.runs import RUNS
from dashboards.example.store import Prometheus, Store
from dashboards.reading import Json, expressions
from dashboards.render import RENDERED
from dashboards.vocabulary import links
from simulation.clock import BEGIN

#: Seconds that a query may take.
LIMIT = 1.0

#: Finished runs are spread over this many days before the others.
DAYS = 30

#: Every which sample of a finished run is kept: what their number costs is looked up by series, and not by sample.
_KEPT = 40

_DAY = 86400.0

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

#: What is chosen where a dashboard shows one run.
ONE_RUN = {"model": "digits", "run": "000-faulty"}


def multiplied(history: History, runs: int, finished: int = 0) -> History:
    """The same history with about the given number of runs: each of its runs under several names.

    Args:
        history: Runs of one hour.
        runs: How many runs there are in that hour.
        finished: How many were over before it, in the last :data:`DAYS` days.
    """
    copies = History()
    before = finished // len(RUNS)
    for header, lines in history.lines.items():
        for number in range(runs // len(RUNS)):
            copies.lines[header] += [_renamed(line, f"{number:03}") for line in lines]
        thinned = [line.rsplit(" ", 1) for line in lines[::_KEPT]]
        for number in range(before):
            earlier = DAYS * _DAY * (before - number) / before
            copies.lines[header] += [
                _renamed(sample, f"past-{number:03}") + f" {float(at) - earlier:.3f}"
                for sample, at in thinned
            ]
    return copies


def _renamed(sample: str, prefix: str) -> str:
    """A sample of another run, which has a target of its own."""
    return sample.replace('run="', f'run="{prefix}-', 1).replace('instance="', f'instance="{prefix}-', 1)


def slowest(prometheus: Prometheus, dashboard: Json, since: float) -> tuple[float, str, int]:
    """Seconds of the slowest query of a dashboard, whose it is, and how many series it gave.

    Args:
        prometheus: Where to ask.
        dashboard: One run is chosen where it shows one, and everything where it shows many.
        since: Unix time at which its time range begins.
    """
    chosen = EVERYTHING | (ONE_RUN if links.ONE_RUN in dashboard["tags"] else {})
    span = {"__range": f"{END - since:.0f}s", "__range_s": f"{END - since:.0f}"}
    worst = (0.0, "", 0)
    for expression in expressions(dashboard):
        text = expression.filled_in(chosen | span)
        started = time.perf_counter()
        answer = prometheus.at(text) if expression.instant else prometheus.over(text, since=since)
        worst = max(worst, (time.perf_counter() - started, expression.where, len(answer)))
    return worst


def measure(runs: int, finished: int) -> bool:
    """Print the slowest query of each dashboard; returns whether one takes longer than the limit."""
    print(f"{runs} runs, and {finished} that finished in the {DAYS} days before; limit {LIMIT:g} s")
    print(f"{'dashboard':20} {'over':>8} {'slowest query':>14} {'series':>7}  panel")
    late = False
    with tempfile.TemporaryDirectory() as folder:
        store = Store.of(multiplied(recorded(), runs, finished), Path(folder))
        with store.served() as prometheus:
            for path in sorted(RENDERED.glob("*.json")):
                dashboard = json.loads(path.read_text())
                many = finished and links.ONE_RUN not in dashboard["tags"]
                spans = {"an hour": BEGIN} | ({f"{DAYS} days": END - DAYS * _DAY} if many else {})
                for span, since in spans.items():
                    seconds, where, series = slowest(prometheus, dashboard, since)
                    print(
                        f"{path.stem:20} {span:>8} {seconds * 1000:11.0f} ms {series:7}  {where}", flush=True
                    )
                    late |= seconds > LIMIT
    return late


def serve() -> None:
    """Serve the history to a Grafana, until Ctrl-C."""
    with tempfile.TemporaryDirectory() as folder, Store.made(Path(folder)).served() as prometheus:
        span = f"from={BEGIN * 1000:.0f}&to={END * 1000:.0f}"
        print(
            f"The example history is in the Prometheus at {prometheus.url}; open a dashboard with ?{span}",
            flush=True,
        )
        with suppress(KeyboardInterrupt):
            signal.pause()


def main() -> int:
    """Measure, or serve; the exit code is 1 if a query takes longer than the limit."""
    parser = argparse.ArgumentParser(prog="python -m dashboards.example", description=__doc__)
    parser.add_argument("--runs", type=int, default=50, help="how many runs Prometheus holds (default: 50)")
    parser.add_argument(
        "--finished", type=int, default=0, help=f"runs that finished in the {DAYS} days before"
    )
    parser.add_argument("--serve", action="store_true", help="serve the history, to look at in your Grafana")
    arguments = parser.parse_args()
    if arguments.serve:
        serve()
        return 0
    return 1 if measure(arguments.runs, arguments.finished) else 0


if __name__ == "__main__":
    sys.exit(main())
