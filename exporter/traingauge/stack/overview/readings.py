"""What the page shows, read from Prometheus."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from traingauge.stack.prometheus import PrometheusApi

#: How long a run is shown after its last scrape, in hours.
HOURS = 6

#: Points of a curve, at most, and the seconds between two scrapes, which are the least between two points.
POINTS, SCRAPES = 240, 5

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
        state: One of the states of a run, or "gone": it was running and answers no more.
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
    """The runs of the last :data:`HOURS`, the newest first. Of several processes of a run the newest speaks for it.

    Raises:
        QueryError, OSError, ValueError: Prometheus does not answer as it should.
    """
    processes: dict[tuple[str, str, str], dict[tuple[str, str], float]] = {}

    for metric in ("run_start_timestamp_seconds", "run_state", "steps_total", "steps_planned", "loss"):
        for sample in prometheus.query(f"last_over_time(model_{metric}[{HOURS}h])"):
            labels = sample.labels
            key = (labels.get("model", ""), labels.get("run", ""), labels.get("instance", ""))
            part = labels.get("state") or labels.get("split", "")
            processes.setdefault(key, {})[metric, part] = sample.value
    answering = {
        (sample.labels.get("model", ""), sample.labels.get("run", ""))
        for sample in prometheus.query("model_run_state")
    }
    firing = sorted(prometheus.alerts("firing"), key=_badness)
    newest: dict[tuple[str, str], dict[tuple[str, str], float]] = {}
    for (model, run, _), values in processes.items():
        if _started(values) >= _started(newest.get((model, run), {})):
            newest[model, run] = values
    found = [_run(*name, values, name in answering, firing) for name, values in newest.items()]
    return sorted(found, key=lambda run: (-run.started, run.model, run.run))


def curves(prometheus: PrometheusApi, run: Run, now: float | None = None) -> list[Curve]:
    """The curves of a run over its life, of the last :data:`HOURS` at most; those that it does not have are left out.

    Raises:
        QueryError, OSError, ValueError: Prometheus does not answer as it should.
    """
    end = time.time() if now is None else now
    start = min(max(run.started, end - HOURS * 3600), end)
    step = max(SCRAPES, math.ceil((end - start) / POINTS))
    chosen = f"model={_quoted(run.model)}, run={_quoted(run.run)}"
    found = {
        title: prometheus.range(f"max by (split) ({name}{{{chosen}}})", start, end, step)
        for title, name in CURVES.items()
    }
    return [
        Curve(title, {labels.get("split", ""): points for labels, points in series})
        for title, series in found.items()
        if any(math.isfinite(value) for _, points in series for _, value in points)
    ]


def _started(values: Mapping[tuple[str, str], float]) -> float:
    return values.get(("run_start_timestamp_seconds", ""), -math.inf)


def _run(
    model: str, run: str, values: Mapping[tuple[str, str], float], answers: bool, firing: list[dict[str, Any]]
) -> Run:
    state = next((part for (name, part), value in values.items() if name == "run_state" and value == 1), "")
    if state == "running" and not answers:
        state = "gone"
    return Run(
        model,
        run,
        state or "unknown",
        _started(values) if math.isfinite(_started(values)) else 0.0,
        values.get(("steps_total", "train"), math.nan),
        values.get(("steps_planned", ""), math.nan),
        {part: value for (name, part), value in values.items() if name == "loss"},
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
