"""A canary that a Keras model is asked while it trains."""

from __future__ import annotations

import time
from typing import Any

import keras
import tensorflow as tf
from numpy.typing import NDArray

from traingauge.core.events import CanaryChecked
from traingauge.core.recorder import Recorder
from traingauge.errors import ShapeError
from traingauge.reference.canary import Canary, Predict


class CanaryCheck:
    """Asks the model that trains, on the training thread, and records how far its answer is from the expected one.

    Args:
        canary: What is asked, and what is expected.
        every: Training steps from one time to the next; ``None`` to ask at the end of each epoch.
        recorder: The run.
    """

    def __init__(self, canary: Canary, every: int | None, recorder: Recorder) -> None:
        self._canary, self._every, self._recorder = canary, every, recorder
        self._predict: Predict | None = None
        self._steps = 0

    def begin(self, model: Any) -> None:
        """Ask a model from now on, and at once if it is built: then what does not fit is known at the start.

        Raises:
            ShapeError: The model does not take the canary's inputs, or its outputs have another shape.
        """
        self._predict, self._steps = predictor(model), 0
        if model.built:
            self._ask(self._predict)

    def due(self, steps: int) -> bool:
        """Whether it is time to ask, after so many further steps; 0 at the end of an epoch."""
        self._steps += steps
        if self._every is None:
            return not steps
        if self._steps < self._every:
            return False
        self._steps = 0
        return True

    def ask(self) -> None:
        """Ask now; an error is counted, and training goes on."""
        assert self._predict is not None, "it has begun"
        self._recorder.guard.shield("integration", self._ask, self._predict)

    def _ask(self, predict: Predict) -> None:
        reading = self._canary.compare(predict(self._canary.inputs))
        self._recorder.record(CanaryChecked(time.perf_counter(), reading))


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
