"""What the page shows, read from Prometheus."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from traingauge.catalog import OUTPUT
from traingauge.stack.prometheus import PrometheusApi

#: How long a run is shown after its last scrape, in hours.
HOURS = 6

#: Points of a curve, at most, and the seconds between two scrapes, which are the least between two points.
POINTS, SCRAPES = 240, 5

#: When each target was last scraped. A note on the end of a process is a target of its own, with the label ``ended``; the
#: newest one counts, as a later process may have the address.
LAST_SCRAPED = (
    f'timestamp(up{{model!="", run!=""}}) or last_over_time(timestamp(up{{model!="", run!=""}})[{HOURS}h:1m])'
)

#: The curves of a run, by title.
CURVES = {
    "Loss": "model_loss",
    "Accuracy": "model_accuracy",
    "F1": "model_f1",
    "Gradient norm": "model_gradient_norm",
    "Learning rate": "model_learning_rate",
    "Drifted features": "model_features_drifted",
}


@dataclass(frozen=True, slots=True)
class Run:
    """How a run is doing, as Prometheus saw it last.

    Attributes:
        model: Label ``model``.
        run: Label ``run``.
        state: One of the states of a run, or "gone": it was running, answers no more, and left no note on its end.
        started: Seconds since the epoch.
        step: Steps so far; NaN if unknown.
        planned: Steps that are planned; NaN if unknown.
        loss: The last loss of each split.
        alerts: What fires for it, the worst first, each with ``labels``, ``annotations`` and ``activeAt``.
    """

    model: str
    run: str
    state: str
    started: float
    step: float = math.nan
    planned: float = math.nan
    loss: Mapping[str, float] = field(default_factory=dict)
    alerts: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Curve:
    """One picture of a run.

    Attributes:
        title: What it shows.
        points: Seconds since the epoch and values, by split; the split is empty where there is none.
    """

    title: str
    points: Mapping[str, list[tuple[float, float]]]


def runs(prometheus: PrometheusApi) -> list[Run]:
    """The runs of the last :data:`HOURS`, the newest first.

    Of several processes of a run one speaks for it: one that runs rather than one that does not, one that has trained rather
    than one that has only evaluated, and then the newest. Losses of later processes count, such as those of an evaluation.

    Raises:
        QueryError, OSError, ValueError: Prometheus does not answer as it should.
    """
    found: dict[tuple[str, str], dict[str, _Process]] = {}
    for metric in ("run_start_timestamp_seconds", "run_state", "steps_total", "steps_planned", "loss"):
        for sample in prometheus.query(f'last_over_time(model_{metric}{{{OUTPUT}=""}}[{HOURS}h])'):
            labels = sample.labels
            processes = found.setdefault((labels.get("model", ""), labels.get("run", "")), {})
            process = processes.setdefault(labels.get("instance", ""), _Process())
            process.values[metric, labels.get("state") or labels.get("split", "")] = sample.value
    for sample in prometheus.query("model_run_state"):
        labels = sample.labels
        processes = found.get((labels.get("model", ""), labels.get("run", "")), {})
        if labels.get("instance", "") in processes:
            processes[labels.get("instance", "")].answers = True
    for sample in sorted(prometheus.query(LAST_SCRAPED), key=lambda sample: sample.value):
        labels = sample.labels
        processes = found.get((labels.get("model", ""), labels.get("run", "")), {})
        if labels.get("instance", "") in processes:
            processes[labels.get("instance", "")].ended = labels.get("ended", "")
    firing = sorted(prometheus.alerts("firing"), key=_badness)
    every = [_run(*name, list(processes.values()), firing) for name, processes in found.items()]
    return sorted(every, key=lambda run: (-run.started, run.model, run.run))


def curves(prometheus: PrometheusApi, run: Run, now: float | None = None) -> list[Curve]:
    """The curves of a run over its life, of the last :data:`HOURS` at most; those that it does not have are left out.

    Raises:
        QueryError, OSError, ValueError: Prometheus does not answer as it should.
    """
    end = time.time() if now is None else now
    start = min(max(run.started, end - HOURS * 3600), end)
    step = max(SCRAPES, math.ceil((end - start) / POINTS))
    chosen = f'model={_quoted(run.model)}, run={_quoted(run.run)}, {OUTPUT}=""'
    found = {
        title: prometheus.range(f"max by (split) ({name}{{{chosen}}})", start, end, step)
        for title, name in CURVES.items()
    }
    return [
        Curve(title, {labels.get("split", ""): points for labels, points in series})
        for title, series in found.items()
        if any(math.isfinite(value) for _, points in series for _, value in points)
    ]


@dataclass(slots=True)
class _Process:
    """One process of a run.

    Attributes:
        values: By metric, and by state or split.
        answers: Whether Prometheus scraped it last time.
        ended: The state in which it ended, where it left a note on that; else empty.
    """

    values: dict[tuple[str, str], float] = field(default_factory=dict)
    answers: bool = False
    ended: str = ""

    @property
    def state(self) -> str:
        if self.ended:
            return self.ended
        states = (part for (name, part), value in self.values.items() if name == "run_state" and value == 1)
        state = next(states, "unknown")
        return "gone" if state == "running" and not self.answers else state

    @property
    def started(self) -> float:
        return self.values.get(("run_start_timestamp_seconds", ""), 0.0)

    @property
    def step(self) -> float:
        return self.values.get(("steps_total", "train"), math.nan)

    @property
    def losses(self) -> dict[str, float]:
        return {part: value for (name, part), value in self.values.items() if name == "loss"}

    @property
    def rank(self) -> tuple[bool, bool, float]:
        """By which the one is chosen that speaks for the run."""
        return self.state == "running", self.step > 0, self.started


def _run(model: str, run: str, processes: Sequence[_Process], firing: list[dict[str, Any]]) -> Run:
    speaker = max(processes, key=lambda process: process.rank)
    loss: dict[str, float] = {}
    for process in sorted(processes, key=lambda process: process.started):
        if process.started >= speaker.started:
            loss |= process.losses
    return Run(
        model,
        run,
        speaker.state,
        speaker.started,
        speaker.step,
        speaker.values.get(("steps_planned", ""), math.nan),
        loss,
        tuple(
            alert
            for alert in firing
            if (alert["labels"].get("model"), alert["labels"].get("run")) == (model, run)
        ),
    )


def _badness(alert: Mapping[str, Any]) -> tuple[int, str]:
    order = {"critical": 0, "warning": 1}
    return order.get(alert["labels"].get("severity", ""), 2), alert["labels"]["alertname"]


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
