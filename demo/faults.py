"""The three ways in which the demo makes its training sick, and how each is mended."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import keras

from demo.digits import LEARNING_RATE, Pipeline


class Fault(ABC):
    """Something that goes wrong, and the alerts that have to tell it.

    Attributes:
        cause: What goes wrong, in a few words.
        alert: The alert that must arrive.
        beside: Alerts that may arrive with it: other signs of the same cause.
    """

    cause: str
    alert: str
    beside: frozenset[str] = frozenset()

    @abstractmethod
    def begin(self) -> None:
        """Make training sick."""

    @abstractmethod
    def mend(self) -> None:
        """Remove the cause."""


class ShiftedImages(Fault):
    """The input pipeline delivers images that are moved to the side."""

    cause = "a loader worker shifts its images"
    alert = "ModelFeaturesDrifted"
    beside = frozenset({"ModelFeatureDrift", "ModelFeatureOutOfRange", "ModelJointDrift"})

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline

    def begin(self) -> None:
        """Break a worker."""
        self._pipeline.shifted = True

    def mend(self) -> None:
        """Mend the worker."""
        self._pipeline.shifted = False


class CorruptLabels(Fault):
    """Some digits come with the label of another one, and the model believes it."""

    cause = "labels of 7 and 8 are corrupted"
    alert = "ModelClassRecallCollapsed"
    beside = frozenset({"ModelScoreBelowThreshold", "ModelScoreBelowBest"})

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline

    def begin(self) -> None:
        """Corrupt the labels."""
        self._pipeline.mislabelled = {7: 1, 8: 3}

    def mend(self) -> None:
        """Deliver the right labels again."""
        self._pipeline.mislabelled = {}


class ExplodingLearningRate(Fault):
    """The learning rate grows until the loss is NaN; it is mended as a person would: back to the last good weights."""

    cause = "the learning rate explodes"
    alert = "ModelLossNonFinite"

    def __init__(self, model: Any) -> None:
        self._model = model
        self._weights: list[Any] = []

    def begin(self) -> None:
        """Keep the good weights, and let the rate explode."""
        self._weights = self._model.get_weights()
        self._model.optimizer.learning_rate = 1e30

    def mend(self) -> None:
        """Go back to the good weights and the old rate, with an optimizer that remembers nothing."""
        self._model.set_weights(self._weights)
        for variable in self._model.optimizer.variables:  # the moments are NaN too
            variable.assign(keras.ops.zeros_like(variable))
        self._model.optimizer.learning_rate = LEARNING_RATE


def all_faults(pipeline: Pipeline, model: Any) -> tuple[Fault, ...]:
    """The faults in the order in which the demo shows them."""
    return ShiftedImages(pipeline), CorruptLabels(pipeline), ExplodingLearningRate(model)
