"""What a run is like: data, speed and learning rate, and the hooks that faults change while it trains."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from simulation.data import Array, Batch, Data, load

#: Learning rate that suits a data set.
RATES = {"digits": 0.5, "breast_cancer": 0.1, "wine": 0.1, "diabetes": 0.01, "synthetic": 0.02}


class TrainingCrashed(RuntimeError):  # noqa: N818 - raised inside the simulated script, not by the simulation
    """What a script that crashes raises."""


@dataclass(slots=True)
class Setup:
    """What a run is like.

    Attributes:
        data: What it trains on.
        random: Source of everything random in it.
        batch: Samples of a step.
        hidden: Units of the hidden layer.
        step_seconds: Duration of a step, without the wait for data.
        wait_seconds: Wait for data before each step.
        rate: Learning rate by step.
        clip: Largest gradient norm that is followed.
        decay: Weight decay; without any, small data is overfitted sooner or later.
        spoil: Changes a batch between the data set and the model.
        gradient: Changes a gradient before it is followed.
        pause: Seconds that the run does something else before a step.
        over: Raises or returns True at the step at which training ends by itself.
        saves: Whether the run saves its state, so that another process can resume it.
        resumes: Whether the run is interrupted now and resumed in another process.
        hung: Whether it takes no further step.
        answers: Whether its endpoint can be reached.
        killed: Whether the process is gone.
    """

    data: Data
    random: np.random.Generator
    batch: int
    hidden: int
    step_seconds: float
    wait_seconds: float
    rate: Callable[[int], float]
    clip: float = 1.0
    decay: float = 0.005
    spoil: Callable[[Batch], Batch] = lambda batch: batch
    gradient: Callable[[list[Array]], list[Array]] = lambda gradient: gradient
    pause: Callable[[int], float] = lambda step: 0.0
    over: Callable[[int], bool] = lambda step: False
    saves: bool = False
    resumes: bool = False
    hung: bool = False
    answers: bool = True
    killed: bool = False

    @classmethod
    def drawn(cls, seed: int, name: str) -> Setup:
        """A run on a data set, with its own batch size, speed and learning rate."""
        random = np.random.default_rng(seed)
        rate, seconds = RATES[name] * random.uniform(0.7, 1.3), random.uniform(2.0, 4.0)
        return cls(
            data=load(name),
            random=random,
            batch=int(random.choice([32, 64, 96])),
            hidden=int(random.choice([16, 32, 48])),
            step_seconds=seconds,
            wait_seconds=seconds * random.uniform(0.02, 0.2),
            rate=lambda step: rate,
        )
