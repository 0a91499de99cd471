"""The runs of the history: a healthy one, one with three faults, one that crashed, one under way, and a regression."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

from simulation import faults
from simulation.clock import BEGIN, MINUTE
from simulation.data import load
from simulation.network import Network
from simulation.session import EPOCH_STEPS, Session
from simulation.setup import Setup
from traingauge import Canary

#: Seconds that a step and the wait for its data take.
STEP_SECONDS, WAIT_SECONDS = 1.8, 0.2

#: Minutes that the history is long.
MINUTES = 60.0

#: What the model in production reaches on the validation data: every run on the digits has to beat it.
IN_PRODUCTION = {
    **dict.fromkeys(("accuracy", "precision", "recall", "f1", "balanced_accuracy"), 0.93),
    **{"loss": 0.3, "log_loss": 0.3, "brier_score": 0.11, "calibration_error": 0.1},
    **{"roc_auc": 0.99, "average_precision": 0.96},
}

#: Every run on the digits is given these.
_DIGITS: Mapping[str, Any] = {"baseline": IN_PRODUCTION}


@dataclass(frozen=True, slots=True)
class Run:
    """One training run.

    Attributes:
        data: Name of the data set, and of the model.
        name: Name of the run.
        starts: Minute of the history at which it starts.
        planned: Training steps that it means to take, about 29 a minute.
        faults: What happens to it, and at which of its minutes.
        rate: Learning rate at the start.
        seed: Seed of everything random in it.
        settings: Further arguments of its monitor.
        saves: Whether it saves its state.
    """

    data: str
    name: str
    starts: float
    planned: int
    rate: float
    faults: Mapping[float, faults.Injection] = field(default_factory=dict)
    seed: int = 0
    settings: Mapping[str, Any] = field(default_factory=dict)
    saves: bool = False

    @property
    def began(self) -> float:
        """Unix time in seconds."""
        return BEGIN + self.starts * MINUTE

    def setup(self) -> Setup:
        """What the run is like."""
        return Setup(
            load(self.data).with_test(),
            np.random.default_rng(self.seed),
            batch=64,
            hidden=32,
            step_seconds=STEP_SECONDS,
            wait_seconds=WAIT_SECONDS,
            rate=lambda step: self.rate * 0.999**step,
            over=lambda step: step >= self.planned,
            saves=self.saves,
        )


def instance(run: str) -> str:
    """Address of a run's target. Each has its own: rules tell processes apart by it.

    >>> instance("healthy")
    'healthy:9001'
    """
    return f"{run}:9001"


class ExampleSession(Session):
    """A session that asks a canary, saves a checkpoint after each epoch, and reports the norm of its weights."""

    def before_training(self, network: Network) -> None:
        """Ask the canary every epoch."""
        self._ask = lambda: None
        if self.setup.data.classes:
            self._ask = self.monitor.canary(trusted(), network.predict, every=EPOCH_STEPS).step

    def after_step(self, network: Network) -> None:
        """Count the step for the canary."""
        self._ask()

    def after_epoch(self) -> None:
        """Save a checkpoint."""
        self.monitor.checkpointed()

    def end(self) -> None:
        """The scrape that sees the end. None fails after it: a history cannot say that a target left discovery."""
        self._scrape(self.monitor)

    @property
    def _instance(self) -> str:
        return instance(self.run)

    def scalars(self, network: Network) -> Mapping[str, float]:
        """The norm of the weights."""
        with np.errstate(over="ignore", invalid="ignore"):
            return {"weight_norm": float(np.linalg.norm(network.weights[0]))}


@cache
def trusted() -> Canary:
    """The images that a trained model is surest of, and its answers: any sound run soon gives the same."""
    data = load("digits")
    network = Network(64, data.classes, 32, np.random.default_rng(0))
    for _ in range(300):
        network.learn(data.train, rate=1.0)
    images = data.validation.x
    surest = np.argsort(-network.predict(images).max(axis=1))[:32]
    return Canary.record("digits", network.predict, images[surest])


def exploding(setup: Setup) -> None:
    """The learning rate grows a hundred million times a step."""
    rate, since = setup.rate, []

    def grown(step: int) -> float:
        since.append(step)
        return rate(step) * 1e8 ** min(len(since), 5)

    setup.rate, setup.clip = grown, np.inf


#: Every run of the history.
RUNS = (
    Run(
        "digits",
        "healthy",
        starts=0,
        planned=1160,
        rate=0.5,
        settings=_DIGITS | {"thresholds": {"accuracy": 0.85, "recall": 0.85}},
        saves=True,
    ),
    Run(
        "digits",
        "faulty",
        starts=4,
        planned=1600,
        faults={
            14: faults.images_shifted,
            22: faults.images_restored,
            28: faults.relabelled({3: 8, 4: 9}),
            36: faults.relabelled({}),
            49: exploding,
            52: faults.crashed,
        },
        rate=0.5,
        seed=1,
        settings=_DIGITS
        | {
            "thresholds": {
                "accuracy": {"warning": 0.85, "critical": 0.6},
                "recall": 0.85,
                "class_recall": 0.5,
                "loss": {"warning": 1.0, "critical": 2.0},
            }
        },
    ),
    Run(
        "digits",
        "crashed",
        starts=10,
        planned=1600,
        rate=0.01,
        faults={25: faults.killed},
        seed=2,
        settings=_DIGITS,
    ),
    Run("digits", "running", starts=30, planned=1600, rate=0.1, seed=3, settings=_DIGITS),
    Run(
        "diabetes",
        "regression",
        starts=20,
        planned=340,
        rate=0.02,
        seed=4,
        settings={"baseline": {"mean_absolute_error": 0.75, "r2_score": 0.3}},
    ),
)
