"""The history as OpenMetrics text with timestamps: what Prometheus would have scraped, and what it adds itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from tempfile import TemporaryDirectory

from prometheus_client.parser import text_string_to_metric_families

from dashboards.example.clock import BEGIN, Clock
from dashboards.example.runs import EPOCH_STEPS, RUNS, STEP_SECONDS, Run, settings, train
from traingauge import ModelMonitor, State
from traingauge.core.families import Identity
from traingauge.delivery.exposition import Renderer
from traingauge.reference.run import ReferenceRun

#: Seconds between two scrapes, and the end of the history.
SCRAPE_SECONDS = 30.0
END = BEGIN + 3600.0

#: When Alertmanager has something to deliver.
TOLD = BEGIN + 37 * 60.0

#: Labels of a sample, in the order in which they are written.
Labels = tuple[tuple[str, str], ...]


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
        """All of it, one metric family after another, as OpenMetrics wants it."""
        return "".join(header + "\n".join(lines) + "\n" for header, lines in self.lines.items()) + "# EOF\n"


def _same(header: str, line: str) -> bool:
    """Whether a comment line belongs to the family that ``header`` began."""
    return header.split()[2] == line.split()[2]


def simulate(history: History, run: Run, expected: ReferenceRun | None = None) -> ModelMonitor:
    """Train a run and take what Prometheus would have scraped of it.

    Args:
        history: Where it goes.
        run: What to train.
        expected: What it is compared with at each step.
    """
    clock = Clock(run.began)
    identity = {"model": run.model, "run": run.name, "job": "traingauge", "instance": f"{run.name}:9100"}
    taken: list[tuple[float, float]] = []
    renderer = Renderer(Identity(run.model, run.name))
    with clock.installed(), TemporaryDirectory() as state:
        monitor = ModelMonitor(
            run.model,
            run=run.name,
            thresholds=run.thresholds,
            warmup_steps=10 * EPOCH_STEPS,
            total_steps=round(run.planned * 60 / STEP_SECONDS),
            delivery=[],
            state=State(state) if run.saved else None,
            **settings(run, expected),
        )

        def scrape() -> None:
            """What the endpoint would serve, without the wait for its thread."""
            exposition = renderer.render(monitor.collector.families(), "openmetrics").decode()
            taken.append((clock.now, history.scrape(exposition, clock.now)))

        for _ in train(run, monitor, clock):
            if clock.now % SCRAPE_SECONDS < STEP_SECONDS:
                scrape()
        monitor.close(run.ends if run.says_its_end else "interrupted")
        if run.says_its_end:
            clock.move(SCRAPE_SECONDS)
            scrape()
    silent = grid(clock.now + SCRAPE_SECONDS, END) if run.ends == "crashed" else []
    history.add("up", identity, [*((at, 1.0) for at, _ in taken), *((at, 0.0) for at in silent)])
    history.add("scrape_samples_scraped", identity, taken)
    history.add("scrape_duration_seconds", identity, [(at, 1e-5 * samples) for at, samples in taken])
    return monitor


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
    expected = ReferenceRun.record(simulate(history, first))
    for run in others:
        simulate(history, run, expected)
    return history
