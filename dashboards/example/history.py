"""The history as OpenMetrics text with timestamps: what Prometheus would have scraped, and what it adds itself."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from prometheus_client.parser import text_string_to_metric_families

from dashboards.example.runs import MINUTES, RUNS, ExampleSession, Run, instance
from dashboards.example.target import Target
from simulation.clock import BEGIN, MINUTE, SCRAPE_SECONDS
from traingauge.core.families import Identity
from traingauge.delivery.exposition import number
from traingauge.reference.run import ReferenceRun

#: End of the history.
END = BEGIN + MINUTES * MINUTE


@dataclass(slots=True)
class History:
    """Samples with timestamps, by the header of their metric family.

    Attributes:
        lines: Sample lines in the order of time, by header.
    """

    lines: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def take(self, target: Target, began: float) -> None:
        """Take what was recorded of a run that began at a Unix time, and what Prometheus adds about its scrapes."""
        scraped: Counter[int] = Counter()
        for series, samples in target.samples():
            self._lines(series, ((began + scrape * SCRAPE_SECONDS, value) for scrape, value in samples))
            scraped.update(scrape for scrape, _ in samples)
        labels = {
            "model": target.identity.model,
            "run": target.identity.run,
            "job": "traingauge",
            "instance": instance(target.identity.run),
        }
        took = {began + scrape * SCRAPE_SECONDS: seconds for scrape, seconds in target.durations.items()}
        # ``up`` is a sample of Prometheus.
        counts = {began + scrape * SCRAPE_SECONDS: count - 1 for scrape, count in scraped.items()}
        self.add("scrape_samples_scraped", labels, [(at, counts[at]) for at in took])
        self.add("scrape_duration_seconds", labels, took.items())

    def add(self, name: str, labels: Mapping[str, str], values: Iterable[tuple[float, float]]) -> None:
        """Take one series: its Unix times and values."""
        named = ",".join(f'{label}="{value}"' for label, value in labels.items())
        self._lines(f"{name}{{{named}}}", values)

    def _lines(self, series: str, values: Iterable[tuple[float, float]]) -> None:
        header = f"# TYPE {series.partition('{')[0]} unknown\n"
        self.lines[header] += [f"{series} {number(value)} {at:.3f}" for at, value in values]

    def hold(self, exposition: str, job: str, names: Container[str], span: tuple[float, float]) -> None:
        """Take some series of a server's own exposition, as if it had published these values from one time to another."""
        for family in text_string_to_metric_families(exposition):
            for sample in family.samples:
                if sample.name in names:
                    labels = sample.labels | {"job": job, "instance": f"{job}:9090"}
                    self.add(sample.name, labels, ((at, sample.value) for at in grid(*span)))

    def text(self) -> Iterator[str]:
        """All of it in parts, one metric family after another, as OpenMetrics requires."""
        for header, lines in self.lines.items():
            yield header
            yield from (f"{line}\n" for line in lines)
        yield "# EOF\n"


def simulate(history: History, run: Run, good: ReferenceRun | None = None) -> ReferenceRun:
    """Train a run and take its scrapes.

    Args:
        history: Where they go.
        run: What to train.
        good: A good run that it is compared with at each step.

    Returns:
        The run, to compare others with.
    """
    target = Target(Identity(run.data, run.name))
    session = ExampleSession(
        run.data,
        run.name,
        run.setup(),
        END - run.began,
        target,
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
    history.take(target, run.began)
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
