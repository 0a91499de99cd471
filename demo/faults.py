"""The three faults of the demo, and how each is fixed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import keras

from demo.digits import LEARNING_RATE, Pipeline
from simulation.data import Batch
from simulation.faults import relabel, shift_images


class Fault(ABC):
    """Something that goes wrong, and the alerts that must fire.

    Attributes:
        cause: What goes wrong, in a few words.
        alert: The alert that must arrive.
        related: Alerts that may arrive with it: other symptoms of the same cause.
    """

    cause: str
    alert: str
    related: frozenset[str] = frozenset()

    @abstractmethod
    def begin(self) -> None:
        """Cause it."""

    @abstractmethod
    def fix(self) -> None:
        """Remove the cause."""


class SpoiltBatches(Fault):
    """A fault of the input pipeline."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline

    @abstractmethod
    def spoil(self, batch: Batch) -> Batch:
        """What the pipeline delivers in place of a batch."""

    def begin(self) -> None:
        """Deliver spoilt batches."""
        self._pipeline.spoil = self.spoil

    def fix(self) -> None:
        """Deliver batches as they are."""
        self._pipeline.mend()


class ShiftedImages(SpoiltBatches):
    """One of two loader workers delivers images that are moved to the side."""

    cause = "a loader worker shifts its images"
    alert = "ModelFeaturesDrifted"
    related = frozenset({"ModelFeatureDrift", "ModelFeatureOutOfRange", "ModelJointDrift"})

    def spoil(self, batch: Batch) -> Batch:
        """Shift every second image."""
        images = batch.x.copy()
        images[::2] = shift_images(images[::2])
        return Batch(images, batch.y)


class CorruptLabels(SpoiltBatches):
    """Some digits come with the label of another one, and the model learns it."""

    cause = "labels of 7 and 8 are corrupted"
    alert = "ModelClassRecallCollapsed"
    related = frozenset({"ModelScoreBelowThreshold", "ModelScoreBelowBest"})

    def spoil(self, batch: Batch) -> Batch:
        """Call 7 a 1, and 8 a 3."""
        return Batch(batch.x, relabel(batch.y, {7: 1, 8: 3}))


class ExplodingLearningRate(Fault):
    """The learning rate explodes and the loss becomes NaN; the fix is a rollback to the last good weights."""

    cause = "the learning rate explodes"
    alert = "ModelLossNonFinite"

    def __init__(self, model: Any) -> None:
        self._model = model
        self._weights: list[Any] = []

    def begin(self) -> None:
        """Keep the good weights, and raise the rate."""
        self._weights = self._model.get_weights()
        self._model.optimizer.learning_rate = 1e30

    def fix(self) -> None:
        """Restore the weights and the rate, and reset the optimizer."""
        self._model.set_weights(self._weights)
        for variable in self._model.optimizer.variables:  # the moments are NaN too
            variable.assign(keras.ops.zeros_like(variable))
        self._model.optimizer.learning_rate = LEARNING_RATE


def all_faults(pipeline: Pipeline, model: Any) -> tuple[Fault, ...]:
    """The faults in the order in which the demo shows them."""
    return ShiftedImages(pipeline), CorruptLabels(pipeline), ExplodingLearningRate(model)
