"""The runs of the history: healthy, sick in three ways, crashed, under way, and a regression."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

from dashboards.example.clock import BEGIN, Clock
from dashboards.example.training import (
    BATCH,
    BLOCKS,
    Batch,
    Line,
    Patients,
    Softmax,
    brightness,
    mislabelled,
    patients,
    shifted,
    splits,
)
from traingauge import Canary, ModelMonitor, Reference
from traingauge.reference.run import ReferenceRun

#: Seconds of training that one step stands for.
STEP_SECONDS = 2.0

#: Training steps of an epoch; a validation pass follows each.
EPOCH_STEPS = 30

#: A moment of a fault: whether it applies at so many minutes into the run.
During = Callable[[float], bool]


def between(first: float, last: float) -> During:
    """From minute ``first`` to minute ``last``."""
    return lambda minute: first <= minute < last


def never(minute: float) -> bool:
    """At no moment."""
    del minute
    return False


@dataclass(frozen=True, slots=True)
class Run:
    """One training run.

    Attributes:
        model: Name of the model.
        name: Name of the run.
        starts: Minute of the history at which it starts.
        minutes: How long it trains.
        ends: The state it ends in; ``crashed`` if it vanishes, ``running`` if it goes on beyond the history.
        rate: Learning rate at the start.
        shifted: When its images come shifted.
        mislabelled: When its labels come wrong.
        exploding: When its learning rate is far too high.
        seed: Of everything random.
        thresholds: That it sets.
        saved: Whether it keeps its state on disk.
    """

    model: str
    name: str
    starts: float
    minutes: float
    ends: str
    rate: float = 0.5
    shifted: During = never
    mislabelled: During = never
    exploding: During = never
    seed: int = 0
    thresholds: dict[str, float | dict[str, float]] = field(default_factory=dict)
    saved: bool = False

    @property
    def planned(self) -> float:
        """Minutes that it means to train."""
        return self.minutes if self.says_its_end else self.minutes + 30

    @property
    def says_its_end(self) -> bool:
        """Whether it lives to say that it ended, within the history."""
        return self.ends not in {"crashed", "running"}

    @property
    def began(self) -> float:
        """Unix time in seconds."""
        return BEGIN + self.starts * 60


#: What the model in production reaches on the validation data: every run on the digits has to beat it.
IN_PRODUCTION = {
    **dict.fromkeys(("accuracy", "precision", "recall", "f1", "balanced_accuracy"), 0.93),
    **{"loss": 0.3, "log_loss": 0.3, "brier_score": 0.11, "calibration_error": 0.1},
    **{"roc_auc": 0.99, "average_precision": 0.96},
}

#: Every run of the history, which is an hour long.
RUNS = (
    Run(
        "digits",
        "healthy",
        starts=0,
        minutes=40,
        ends="finished",
        thresholds={"accuracy": 0.85, "recall": 0.85},
        saved=True,
    ),
    Run(
        "digits",
        "sick",
        starts=4,
        minutes=52,
        ends="failed",
        shifted=between(14, 22),
        mislabelled=between(28, 36),
        exploding=between(49, 52),
        seed=1,
        thresholds={
            "accuracy": {"warning": 0.85, "critical": 0.6},
            "recall": 0.85,
            "class_recall": 0.5,
            "loss": {"warning": 1.0, "critical": 2.0},
        },
    ),
    Run("digits", "crashed", starts=10, minutes=25, ends="crashed", rate=0.05, seed=2),
    Run("digits", "running", starts=30, minutes=30, ends="running", rate=0.2, seed=3),
    Run("diabetes", "regression", starts=20, minutes=12, ends="finished", rate=0.02, seed=4),
)


def settings(run: Run, expected: ReferenceRun | None) -> dict[str, Any]:
    """What the monitor of a run is given, by what the run trains.

    Args:
        run: The run.
        expected: A good run of the digits.
    """
    if run.model == "diabetes":
        return {"task": "regression", "baseline": {"mean_absolute_error": 0.75, "r2_score": 0.3}}
    return {
        "reference": reference(),
        "expected": expected,
        "baseline": IN_PRODUCTION,
        "classes": [str(digit) for digit in range(10)],
    }


def train(run: Run, monitor: ModelMonitor, clock: Clock) -> Iterator[None]:
    """Train, with everything reported to the monitor; yields after each step."""
    return (_regress if run.model == "diabetes" else _classify)(run, monitor, clock)


def _regress(run: Run, monitor: ModelMonitor, clock: Clock) -> Iterator[None]:
    random, data = np.random.default_rng(run.seed), patients()
    line = Line(np.zeros(data["train"].measured.shape[1]))
    for step in range(round(run.minutes * 60 / STEP_SECONDS)):
        chosen = random.integers(0, len(data["train"].progress), BATCH)
        batch = Patients(*(column[chosen] for column in data["train"]))
        predicted = line.predict(batch.measured)
        norm = line.learn(batch, predicted, run.rate)
        clock.move(STEP_SECONDS)
        loss = float(np.square(predicted - batch.progress).mean())
        monitor.step(loss=loss, y_true=batch.progress, y_pred=predicted, gradient_norm=norm)
        if (step + 1) % EPOCH_STEPS == 0:
            monitor.end_epoch()
            held_out = data["validation"]
            foreseen = line.predict(held_out.measured)
            loss = float(np.square(foreseen - held_out.progress).mean())
            monitor.evaluate("validation", loss=loss, y_true=held_out.progress, y_pred=foreseen)
        yield


def _classify(run: Run, monitor: ModelMonitor, clock: Clock) -> Iterator[None]:
    random = np.random.default_rng(run.seed)
    network, exploding = Softmax.fresh(run.seed), 0
    probe = monitor.canary(trusted(run.model), network.predict, every=EPOCH_STEPS)
    for step in range(round(run.minutes * 60 / STEP_SECONDS)):
        minute = step * STEP_SECONDS / 60
        (batch,) = monitor.watch(_loader(run, minute, clock, random))
        exploding += run.exploding(minute)
        rate = run.rate * 0.999**step * 1e8 ** min(exploding, 5)
        probabilities = network.predict(batch.images)
        loss = network.loss(probabilities, batch.digits)
        norm = network.learn(batch, probabilities, rate)
        clock.move(STEP_SECONDS * random.uniform(0.6, 0.8))
        monitor.step(
            loss=loss,
            y_true=batch.digits,
            y_pred=probabilities,
            features=brightness(batch.images),
            learning_rate=rate,
            gradient_norm=norm,
            weight_norm=network.norm(),
        )
        probe.step()
        if (step + 1) % EPOCH_STEPS == 0:
            monitor.end_epoch()
            monitor.checkpointed()
            _evaluate(run, minute, network, monitor, "validation")
        # What is left of the step, so that steps keep to the history's time.
        clock.move(run.began + (step + 1) * STEP_SECONDS - clock.now)
        yield
    if run.ends == "finished":
        _evaluate(run, run.minutes, network, monitor, "test")


def reference() -> Reference:
    """What data is compared with: the training data, and what a trained model answers to it."""
    batch, network = splits()["train"], _trained()
    return Reference.from_data(
        brightness(batch.images),
        feature_names=BLOCKS,
        y_true=batch.digits,
        y_pred=network.predict(batch.images),
    )


def trusted(model: str) -> Canary:
    """The images that a trained model is surest of, and what it answers to them: what any sound run soon answers, too."""
    images = splits()["validation"].images
    surest = np.argsort(-_trained().predict(images).max(axis=1))[:32]
    return Canary.record(model, _trained().predict, images[surest])


@cache
def _trained() -> Softmax:
    batch, network = splits()["train"], Softmax.fresh(0)
    for _ in range(200):
        network.learn(batch, network.predict(batch.images), rate=1.0)
    return network


def _loader(run: Run, minute: float, clock: Clock, random: np.random.Generator) -> Iterator[Batch]:
    """One batch of the training data, after the time that loading it takes."""
    clock.move(STEP_SECONDS * random.uniform(0.05, 0.15))
    data = splits()["train"]
    chosen = random.integers(0, len(data.digits), BATCH)
    yield _spoilt(run, minute, Batch(data.images[chosen], data.digits[chosen]))


def _spoilt(run: Run, minute: float, batch: Batch) -> Batch:
    if run.shifted(minute):
        batch = shifted(batch)
    return mislabelled(batch) if run.mislabelled(minute) else batch


def _evaluate(run: Run, minute: float, network: Softmax, monitor: ModelMonitor, split: str) -> None:
    batch = splits()[split]
    if run.shifted(minute):
        batch = shifted(batch)
    probabilities = network.predict(batch.images)
    loss = network.loss(probabilities, batch.digits)
    monitor.evaluate(split, loss=loss, y_true=batch.digits, y_pred=probabilities)
