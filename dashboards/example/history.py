"""The history as OpenMetrics text with timestamps: what Prometheus would have scraped, and what it adds itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from prometheus_client.parser import text_string_to_metric_families

from dashboards.example.runs import MINUTES, RUNS, ExampleSession, Run
from simulation.clock import BEGIN, MINUTE, SCRAPE_SECONDS
from traingauge.core.families import Family, Identity
from traingauge.delivery.exposition import Renderer
from traingauge.reference.run import ReferenceRun

#: End of the history, and the time at which Alertmanager has something to deliver.
END = BEGIN + MINUTES * MINUTE
NOTIFIED = BEGIN + 37 * MINUTE


@dataclass(slots=True)
class History:
    """Samples with timestamps, by the header of their metric family.

    Attributes:
        lines: Sample lines in the order of time, by header.
    """

    lines: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def scrape(self, exposition: str, at: float) -> int:
        """Take an exposition as scraped at a Unix time, and return how many samples it had."""
        header, samples = "", 0
        for line in exposition.splitlines():
            if line.startswith("# EOF"):
                break
            if line.startswith("#"):
                header = f"{header}{line}\n" if header.count("\n") < 1 or _same(header, line) else f"{line}\n"
                continue
            self.lines[header].append(f"{line} {at:.3f}")
            samples += 1
        return samples

    def add(self, name: str, labels: Mapping[str, str], values: Iterable[tuple[float, float]]) -> None:
        """Take one series: its Unix times and values."""
        named = ",".join(f'{label}="{value}"' for label, value in labels.items())
        self.lines[f"# TYPE {name} unknown\n"] += [
            f"{name}{{{named}}} {value!r} {at:.3f}" for at, value in values
        ]

    def hold(self, exposition: str, job: str, names: Container[str], span: tuple[float, float]) -> None:
        """Take some series of a server's own exposition, as if it had published these values from one time to another."""
        for family in text_string_to_metric_families(exposition):
            for sample in family.samples:
                if sample.name in names:
                    labels = sample.labels | {"job": job, "instance": f"{job}:9090"}
                    self.add(sample.name, labels, ((at, sample.value) for at in grid(*span)))

    def text(self) -> str:
        """All of it, one metric family after another, as OpenMetrics requires."""
        return "".join(header + "\n".join(lines) + "\n" for header, lines in self.lines.items()) + "# EOF\n"


def _same(header: str, line: str) -> bool:
    """Whether a comment line belongs to the family that ``header`` began."""
    return header.split()[2] == line.split()[2]


class Scraper:
    """Puts the scrapes of one run into a history.

    Args:
        history: Where they go.
        run: The run.

    Attributes:
        scrapes: How many there were.
    """

    def __init__(self, history: History, run: Run) -> None:
        self.scrapes = 0
        self._history, self._run = history, run
        self._renderer = Renderer(Identity(run.data, run.name))
        self._samples: list[tuple[float, int]] = []
        self._up: list[tuple[float, float]] = []

    def scrape(self, families: list[Family], instance: str) -> None:
        """A scrape that the run answered."""
        del instance
        at = self._next()
        exposition = self._renderer.render(families, "openmetrics").decode()
        self._samples.append((at, self._history.scrape(exposition, at)))
        self._up.append((at, 1.0))

    def down(self, instance: str) -> None:
        """A scrape that failed. Of a run that ended the target is gone by then: the history knows no staleness."""
        del instance
        at = self._next()
        if self._run.crashes:
            self._up.append((at, 0.0))

    def gone(self) -> None:
        """No scrape."""
        self._next()

    def finish(self) -> None:
        """Add what Prometheus itself records about a target."""
        labels = {
            "model": self._run.data,
            "run": self._run.name,
            "job": "traingauge",
            "instance": f"{self._run.name}:9100",
        }
        self._history.add("up", labels, self._up)
        self._history.add("scrape_samples_scraped", labels, self._samples)
        self._history.add(
            "scrape_duration_seconds", labels, [(at, 1e-5 * samples) for at, samples in self._samples]
        )

    def _next(self) -> float:
        self.scrapes += 1
        return self._run.began + (self.scrapes - 1) * SCRAPE_SECONDS


def simulate(history: History, run: Run, good: ReferenceRun | None = None) -> ReferenceRun:
    """Train a run and take its scrapes.

    Args:
        history: Where they go.
        run: What to train.
        good: A good run that it is compared with at each step.

    Returns:
        The run, to compare others with.
    """
    scraper = Scraper(history, run)
    session = ExampleSession(
        run.data,
        run.name,
        run.setup(),
        END - run.began,
        scraper,
        [(minute * MINUTE, fault) for minute, fault in run.faults.items()],
        run.began,
        {
            "reference_run": good if run.data == "digits" else None,
            "warmup_steps": 300,
            "total_steps": run.planned,
            **run.settings,
        },
    )
    session.record()
    scraper.finish()
    return ReferenceRun.record(session.monitor)


def grid(first: float, last: float) -> Iterator[float]:
    """The moments of scrapes between two Unix times."""
    at = first
    while at <= last:
        yield at
        at += SCRAPE_SECONDS


def recorded(runs: Iterable[Run] = RUNS) -> History:
    """The history of these runs; the first is what the others are compared with."""
    history = History()
    first, *others = runs
    good = simulate(history, first)
    for run in others:
        simulate(history, run, good)
    return history
