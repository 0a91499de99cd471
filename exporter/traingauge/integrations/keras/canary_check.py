"""A canary that a Keras model is asked while it trains."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
from numpy.typing import NDArray

from traingauge.core.canary_probe import CanaryProbe
from traingauge.errors import ShapeError
from traingauge.integrations.base import Session
from traingauge.reference.canary import Canary, Predict


class CanaryCheck:
    """Asks the model that trains, on the training thread, and records how far its answer is from the expected one.

    Args:
        canary: What is asked, and what is expected.
        every: Training steps from one check to the next; ``None`` to check at the end of each epoch.
        session: The run.
        model: Asked at once if it is built: then what does not fit is known at the start.

    Raises:
        ShapeError: The model does not take the canary's inputs, or its outputs have another shape.
    """

    def __init__(self, canary: Canary, every: int | None, session: Session, model: Any) -> None:
        self._guard, self._every, self._steps = session.guard, every, 0
        self._probe = CanaryProbe(session, canary, predictor(model), None)
        if model.built:
            self._probe.check()

    def due(self, steps: int) -> bool:
        """Whether it is time to check, after ``steps`` further steps; 0 at the end of an epoch."""
        self._steps += steps
        if self._every is None:
            return not steps
        if self._steps < self._every:
            return False
        self._steps = 0
        return True

    def ask(self) -> None:
        """Check now; an error is counted, and training continues."""
        self._guard.shield("integration", self._probe.check)


def predictor(model: Any) -> Predict:
    """What gives a model's outputs for a batch, as ``predict`` does, and leaves no trace in it.

    The model is called for inference in a scope in which it reads its own variables, while what it would write, such as the
    state of a random generator or of a recurrent layer, goes nowhere. It is traced once, apart from its own functions.
    """

    def outputs(batch: Any) -> Any:
        with keras.StatelessScope():
            return model(batch, training=False)

    call = outputs if model.run_eagerly else tf.function(outputs)

    def predict(inputs: NDArray[Any]) -> Any:
        try:
            given = call(tf.convert_to_tensor(inputs))
        except (ValueError, tf.errors.InvalidArgumentError) as error:
            raise ShapeError(
                f"model {model.name!r} does not take the canary's inputs of shape {inputs.shape}: {error}"
            ) from error
        return keras.tree.map_structure(keras.ops.convert_to_numpy, given)

    return predict
