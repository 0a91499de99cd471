"""``python -m dashboards.example``: time every query of every dashboard on many runs, or serve the history to a Grafana."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from dashboards.example.history import END, History, recorded
from dashboards.example.rules import evaluated
from dashboards.example.runs import RUNS
from dashboards.example.store import POINTS, Prometheus, Store
from dashboards.reading import Json, expressions
from dashboards.render import RENDERED
from dashboards.vocabulary import links
from dashboards.vocabulary.identity import IDENTITY
from simulation.clock import BEGIN, SCRAPE_SECONDS
from traingauge.stack.programs import find_programs

#: Seconds that a query may take.
LIMIT = 2.0

#: Finished runs are spread over this many days before the others.
DAYS = 30

#: Every which sample of a finished run is kept: what their number costs is looked up by series, and not by sample.
_KEPT = 40

#: From this number of runs on, every fourth sample of each is kept, as if scrapes were two minutes apart: a text of all
#: of them would take 20 GB.
_MANY, _KEPT_OF_MANY = 500, 4

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
    **dict.fromkeys(IDENTITY, ".*"),
}

#: What is chosen where a dashboard shows one run.
ONE_RUN = {"model": "digits", "run": "000-faulty", **dict.fromkeys(IDENTITY, "")}


def multiplied(history: History, runs: int, finished: int = 0, kept: int = 1) -> Iterator[str]:
    """The text of the same history with about the given number of runs: each of its runs under several names.

    Args:
        history: Runs of one hour.
        runs: How many runs there are in that hour.
        finished: How many were over before it, in the last :data:`DAYS` days.
        kept: Every which sample of the runs of that hour is kept.
    """
    before = finished // len(RUNS)
    for header, every in history.lines.items():
        lines = [line for line in every if 'run="' in line]
        yield header
        # Default thresholds and alerts about many runs name none of them, and are there once.
        yield from (line + "\n" for line in every if 'run="' not in line)
        dense, thin = lines[::kept], [line.rsplit(" ", 1) for line in lines[::_KEPT]]
        for number in range(runs // len(RUNS)):
            yield from (_renamed(line, f"{number:03}") + "\n" for line in dense)
        for number in range(before):
            earlier = DAYS * _DAY * (before - number) / before
            for sample, at in thin:
                yield f"{_renamed(sample, f'past-{number:03}')} {float(at) - earlier:.3f}\n"
    yield "# EOF\n"


def _renamed(sample: str, prefix: str) -> str:
    """A sample of another run, which has a target of its own."""
    return sample.replace('run="', f'run="{prefix}-', 1).replace('instance="', f'instance="{prefix}-', 1)


def slowest(prometheus: Prometheus, dashboard: Json, since: float, kept: int) -> tuple[float, str, int]:
    """Seconds of the slowest query of a dashboard, whose it is, and how many series it gave.

    Args:
        prometheus: Where to ask.
        dashboard: One run is chosen where it shows one, and everything where it shows many.
        since: Unix time at which its time range begins.
        kept: Every which sample there is.
    """
    chosen = EVERYTHING | (ONE_RUN if links.ONE_RUN in dashboard["tags"] else {})
    span = {"__range": f"{END - since:.0f}s", "__range_s": f"{END - since:.0f}"}
    worst = (0.0, "", 0)
    for expression in expressions(dashboard):
        points, scrape = expression.points or POINTS, kept * SCRAPE_SECONDS
        rate = max(4 * scrape, (END - since) / points + scrape)
        text = expression.filled_in(chosen | span | {"__rate_interval": f"{rate:.0f}s"})
        started = time.perf_counter()
        answer = (
            prometheus.at(text) if expression.instant else prometheus.over(text, since=since, points=points)
        )
        worst = max(worst, (time.perf_counter() - started, expression.where, len(answer)))
    return worst


def measure(runs: int, finished: int) -> bool:
    """Print the slowest query of each dashboard; returns whether one takes longer than the limit."""
    print(f"{runs} runs, and {finished} that finished in the {DAYS} days before; limit {LIMIT:g} s")
    print(f"{'dashboard':20} {'over':>8} {'slowest query':>14} {'series':>7}  panel")
    late, kept = False, 1 if runs < _MANY else _KEPT_OF_MANY
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder), find_programs())
        history = recorded()
        for one in (history, evaluated(history)):
            store.add(multiplied(one, runs, finished, kept))
        with store.served() as prometheus:
            for path in sorted(RENDERED.glob("*.json")):
                dashboard = json.loads(path.read_text())
                many = finished and links.ONE_RUN not in dashboard["tags"]
                spans = {"an hour": BEGIN} | ({f"{DAYS} days": END - DAYS * _DAY} if many else {})
                for span, since in spans.items():
                    seconds, where, series = slowest(prometheus, dashboard, since, kept)
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
