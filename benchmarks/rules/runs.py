"""Two kinds of runs, as a scrape sees them while they train.

Both are real runs of the exporter. What they publish is taken once every few steps, with placeholders for what differs
between the runs of a fleet: the name, when it started, when it took its last step.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import numpy as np
from prometheus_client import CollectorRegistry, generate_latest

from traingauge import ModelMonitor, Reference

CLASSES, FEATURES = 10, 30

#: Steps between two scrapes.
STEPS = 20

_BATCH = 128
_TIME = re.compile(r"^(model_(?:run_start|last_step)_timestamp_seconds\{.*\} ).*$")


def plain(scrapes: int) -> Iterator[str]:
    """A run that reports its loss, and the loss of a validation now and then."""
    rng = np.random.default_rng(0)
    with ModelMonitor("plain", run="@RUN@", delivery=[]) as monitor:
        for scrape in range(scrapes):
            for loss in 1 / (1 + scrape) + rng.gamma(4, 0.05, STEPS):
                monitor.step(loss=loss)
            if scrape % 10 == 0:
                monitor.evaluate("validation", loss=1 / (1 + scrape) + rng.gamma(4, 0.05))
            yield _text(monitor)


def classification(scrapes: int) -> Iterator[str]:
    """A run that classifies rows of a table into ten classes, with a reference of its thirty features."""
    rng = np.random.default_rng(0)
    labels = rng.integers(CLASSES, size=5000)
    reference = Reference.from_data(rng.normal(size=(5000, FEATURES)), y_true=labels, y_pred=labels)
    with ModelMonitor("classification", run="@RUN@", reference=reference, delivery=[]) as monitor:
        for scrape in range(scrapes):
            error = 0.1 + 0.1 / (1 + scrape)
            for loss in error + rng.gamma(4, 0.05, STEPS):
                true, scores = _classified(rng, error)
                rows = rng.normal(size=(_BATCH, FEATURES))
                monitor.step(
                    loss=loss,
                    y_true=true,
                    y_pred=scores,
                    features=rows,
                    learning_rate=1e-3,
                    gradient_norm=loss,
                )
            if scrape % 10 == 0:
                for split in ("validation", "test"):
                    true, scores = _classified(rng, error, size=2000)
                    monitor.evaluate(split, loss=error, y_true=true, y_pred=scores)
            yield _text(monitor)


KINDS: dict[str, Callable[[int], Iterator[str]]] = {"plain": plain, "classification": classification}


def _classified(rng: np.random.Generator, error: float, size: int = _BATCH) -> tuple[np.ndarray, np.ndarray]:
    true = rng.integers(CLASSES, size=size)
    found = np.where(rng.random(size) < error, rng.integers(CLASSES, size=size), true)
    scores = rng.random((size, CLASSES)) / CLASSES
    scores[np.arange(size), found] += 1
    return true, scores / scores.sum(axis=1, keepdims=True)


def _text(monitor: ModelMonitor) -> str:
    """What a run publishes now, in the text format and without comments."""
    registry = CollectorRegistry()
    registry.register(monitor.collector)
    samples = (line for line in generate_latest(registry).decode().splitlines() if not line.startswith("#"))
    return "".join(f"{_TIME.sub(_of_now, line)}\n" for line in samples)


def _of_now(sample: re.Match[str]) -> str:
    return sample[1] + ("@START@" if "_start_" in sample[1] else "@NOW@")
