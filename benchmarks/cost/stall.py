"""The effect of a scrape on training: the duration of a step while 10 000 series are being scraped.

The step calls native code ten times, 10 microseconds each, without the GIL, as frameworks do; it is stalled where another
thread holds the GIL when it comes back. The scraper is another process. A second measurement is the reverse: how long a
scrape takes while training never releases the GIL.
"""

from __future__ import annotations

import hashlib
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise

from prometheus_client import start_http_server

from benchmarks.cost.harness import Check, Figure, Row, quantile
from benchmarks.cost.render import IDENTITY, Gauges
from traingauge.core.guard import Guard
from traingauge.delivery.base import RunView
from traingauge.delivery.http import ServedRun, Server

#: What one native call works on: about 10 microseconds.
BLOB = bytes(14_000)
CALLS = 10

#: Seconds between two scrapes.
PAUSE = 0.05

#: Scrapes of one exporter in a round, and seconds of a round without any.
SCRAPES, ALONE = 8, 1.0

#: Seconds between two checks whether the scraper is done. A check releases the GIL for a microsecond: too short for another
#: thread to take it, and more frequent checks would keep other threads from requesting it.
LOOK_EVERY = 0.05

_SCRAPER = """
import sys, time, urllib.request
request = urllib.request.Request(sys.argv[1] + "/metrics", headers={"Accept-Encoding": "gzip"})
for _ in range(int(sys.argv[2])):
    started = time.perf_counter()
    urllib.request.urlopen(request).read()
    print(started, time.perf_counter(), flush=True)
    time.sleep(float(sys.argv[3]))
"""


@dataclass
class Stalls:
    """Measurements of one exporter.

    Attributes:
        steps: Seconds of the steps during a scrape (without scrapes: of all).
        scrapes: Seconds of the scrapes.
    """

    steps: list[float] = field(default_factory=list)
    scrapes: list[float] = field(default_factory=list)

    def p99(self) -> float:
        """The step's 99th percentile; the figure's median is that of the steps as well."""
        return quantile(self.steps, 0.99)


def native_step() -> None:
    """One step in native code."""
    for _ in range(CALLS):
        hashlib.sha256(BLOB)


def python_step() -> None:
    """One step that never releases the GIL."""
    sum(range(3000))


def train(step: Callable[[], None], url: str | None) -> Stalls:
    """Run steps while another process scrapes the address; for a fixed time without one."""
    clock = time.perf_counter
    ends = [clock()]
    if url is None:
        while ends[-1] < ends[0] + ALONE:
            step()
            ends.append(clock())
        return Stalls([after - before for before, after in pairwise(ends)])
    command = [sys.executable, "-c", _SCRAPER, url, str(SCRAPES), str(PAUSE)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as scraper:
        while scraper.poll() is None:
            until = ends[-1] + LOOK_EVERY
            while ends[-1] < until:
                step()
                ends.append(clock())
        assert scraper.stdout is not None
        windows = [tuple(map(float, line.split())) for line in scraper.stdout]
    return Stalls(list(_during(ends, windows)), [end - start for start, end in windows])


def _during(ends: list[float], windows: list[tuple[float, ...]]) -> Iterator[float]:
    """Durations of the steps that ran while one of the windows was open; both are in order."""
    at = 0
    for before, after in pairwise(ends):
        while at < len(windows) and windows[at][1] < before:
            at += 1
        if at < len(windows) and windows[at][0] < after:
            yield after - before


@contextmanager
def ours(share: float) -> Iterator[str]:
    """The endpoint of traingauge with 10 000 series, a share of which changes from scrape to scrape."""
    scrapes = Gauges().curves(share)
    server = Server()
    server.add(ServedRun(RunView(IDENTITY, lambda maybe_yield: next(scrapes), dict, Guard())))
    try:
        yield server.url
    finally:
        server.close()


@contextmanager
def theirs() -> Iterator[str]:
    """prometheus_client's endpoint with the same series."""
    server, thread = start_http_server(0, "127.0.0.1", registry=Gauges().registry)
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def no_scrape() -> Iterator[None]:
    """No exporter."""
    yield None


def measure(seconds: float) -> Row:
    """p99 of a step during scrapes, and how long scrapes take."""
    arms = {
        "no scrape": no_scrape,
        "traingauge: 10 % of the values changed": lambda: ours(0.1),
        "traingauge: all values changed": lambda: ours(1.0),
        "prometheus_client": theirs,
    }
    seen: dict[str, list[Stalls]] = {name: [] for name in arms}
    busy: dict[str, list[Stalls]] = {name: [] for name in arms}
    until = time.perf_counter() + seconds
    while not seen["no scrape"] or time.perf_counter() < until:
        for name in random.sample(list(arms), len(arms)):
            with arms[name]() as url:
                seen[name].append(train(native_step, url))
                if url is not None:
                    busy[name].append(train(python_step, url))
    figures = _figures("p99 of a step", {name: [one.p99() for one in found] for name, found in seen.items()})
    scrapes = {
        f"a scrape while the GIL is held: {name}": [
            statistics.median(one.scrapes) for one in found if one.scrapes
        ]
        for name, found in busy.items()
        if found
    }
    base = scrapes.pop("a scrape while the GIL is held: prometheus_client")
    held = _figures("", {"a scrape while the GIL is held: prometheus_client": base, **scrapes})
    stall = {figure.name: figure.ratio for figure in figures}
    changed = stall["p99 of a step: traingauge: 10 % of the values changed"]
    return Row(
        title="Stall of a 100 µs step during a scrape of 10 000 series",
        unit="see the line",
        figures=[*figures, *held],
        checks=[
            Check("p99 with 10 % changed ÷ no scrape", changed, 3),
            Check(
                "p99 of prometheus_client ÷ ours",
                stall["p99 of a step: prometheus_client"] / changed,
                50,
                at_most=False,
            ),
            Check(
                "slowest scrape of traingauge while the GIL is held ÷ prometheus_client's",
                max(one.ratio for one in held if one.ours),
                1,
            ),
        ],
        note="Steps that overlap a scrape, by wall clock: a busy machine shows. Ratios of the last lines are to "
        "prometheus_client's scrape.",
    )


def _figures(what: str, found: dict[str, list[float]]) -> list[Figure]:
    base = statistics.median(next(iter(found.values())))
    return [
        Figure(
            f"{what}: {name}" if what else name,
            statistics.median(values),
            statistics.median(values) / base,
            min(values) / base,
            max(values) / base,
            name.startswith("traingauge") or ": traingauge" in name,
        )
        for name, values in found.items()
    ]
