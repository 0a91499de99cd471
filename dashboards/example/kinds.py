"""Runs of every kind: what each of them leaves out is what a dashboard has to do without."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np

from dashboards.example.history import History
from dashboards.example.runs import instance
from dashboards.example.target import Target
from simulation.clock import BEGIN, SCRAPE_SECONDS, Clock
from traingauge import ModelMonitor, Reference
from traingauge.core.events import OfOutput, Pass, Scored
from traingauge.core.families import Identity

#: The model of all these runs.
MODEL = "kinds"

#: Takes the steps of a run, and yields after each of them.
Training = Callable[[ModelMonitor, np.random.Generator], Iterator[None]]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of run.

    Attributes:
        train: How it trains.
        step_seconds: Time between two steps.
        settings: Further arguments of its monitor.
    """

    train: Training
    step_seconds: float = 2.0
    settings: Mapping[str, Any] = field(default_factory=dict)

    def record(self, name: str) -> Target:
        """What scrapes see of such a run."""
        target, clock = Target(Identity(MODEL, name)), Clock(BEGIN)

        def scrape(monitor: ModelMonitor) -> None:
            target.read(monitor.collector.families, instance(name))

        with clock.installed():
            with ModelMonitor(MODEL, run=name, delivery=[], **self.settings) as monitor:
                for _ in self.train(monitor, np.random.default_rng(0)):
                    clock.move(self.step_seconds)
                    while BEGIN + target.scrapes * SCRAPE_SECONDS <= clock.now:
                        scrape(monitor)
            scrape(monitor)
        return target


def recorded() -> History:
    """A history with a run of each kind."""
    history = History()
    for name, kind in KINDS.items():
        history.take(kind.record(name), BEGIN)
    return history


def _loss_alone(steps: int) -> Training:
    def train(monitor: ModelMonitor, random: np.random.Generator) -> Iterator[None]:
        for step in range(steps):
            monitor.step(loss=2 * 0.999**step + random.normal(0, 0.02))
            yield

    return train


def _language(monitor: ModelMonitor, random: np.random.Generator) -> Iterator[None]:
    """No classes and no reference: the loss a token, the perplexity, passes over validation data."""
    for step in range(600):
        loss = 4 + 6 * 0.99**step + random.normal(0, 0.05)
        monitor.step(loss=loss, samples=16384, learning_rate=3e-4, gradient_norm=1.0, perplexity=np.exp(loss))
        if step % 100 == 99:
            monitor.evaluate("validation", loss=loss + 0.1)
        yield


def _classes(count: int, validated: bool = True) -> Training:
    def train(monitor: ModelMonitor, random: np.random.Generator) -> Iterator[None]:
        for step in range(600):
            right = random.random(512) < 1 - 0.99**step
            actual = random.integers(0, count, 512)
            predicted = np.where(right, actual, random.integers(0, count, 512))
            monitor.step(loss=0.2 + 3 * 0.99**step, y_true=actual, y_pred=predicted)
            if validated and step % 100 == 99:
                monitor.evaluate("validation", loss=0.3, y_true=actual, y_pred=predicted)
            yield

    return train


def _regression(monitor: ModelMonitor, random: np.random.Generator) -> Iterator[None]:
    for step in range(600):
        x = random.normal(size=(64, 3))
        y = x.sum(axis=1)
        predicted = y + random.normal(0, 0.1 + 0.99**step, 64)
        loss = float(np.mean((y - predicted) ** 2))
        monitor.step(loss=loss, y_true=y, y_pred=predicted, features=x)
        if step % 100 == 99:
            monitor.evaluate("validation", loss=loss, y_true=y, y_pred=predicted)
        yield


def _two_outputs(monitor: ModelMonitor, random: np.random.Generator) -> Iterator[None]:
    """Which digit an image shows, and how much ink it takes, recorded as an integration records them."""
    session = monitor.session
    session.found_task("multiclass", 10, output="digit")
    session.found_task("regression", output="ink")

    def outputs(step: int, split: str = "train") -> tuple[float, list[OfOutput]]:
        digit, ink = random.integers(0, 10, 256), random.uniform(0.1, 0.5, 256)
        read = np.where(random.random(256) < 0.97 - 0.8 * 0.99**step, digit, random.integers(0, 10, 256))
        measured = ink + random.normal(0, 0.02 + 0.2 * 0.995**step, 256)
        losses = {
            "digit": 0.1 + 2.2 * 0.99**step + random.normal(0, 0.01),
            "ink": np.mean((measured - ink) ** 2),
        }
        labels = {"digit": (digit, read), "ink": (ink, measured)}
        found = [
            OfOutput(name, [loss], [session.encode(*labels[name], None, split, name)])
            for name, loss in losses.items()
        ]
        return sum(losses.values()), found

    for step in range(600):
        loss, of_each = outputs(step)
        session.record(Scored(time.perf_counter(), {"loss": loss}, None, None, 256, outputs=of_each))
        if step % 100 == 99:
            loss, of_each = outputs(step, "validation")
            session.record(Pass("validation", time.perf_counter(), loss, 1, 256, outputs=of_each))
        yield


def _reference() -> Reference:
    return Reference.from_data(np.random.default_rng(1).normal(size=(1000, 3)))


#: The kinds, by the name of their run.
KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "loss-alone": Kind(_loss_alone(600)),
        "language": Kind(_language),
        "regression": Kind(_regression, settings={"reference": _reference()}),
        "two-outputs": Kind(_two_outputs),
        "unvalidated": Kind(_classes(3, validated=False)),
        "thousand-classes": Kind(_classes(1000)),
        "half-a-minute": Kind(_loss_alone(15)),
    }
)
