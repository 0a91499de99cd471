"""What differs by Keras' backend: how the values of a step come out of it. One file a backend.

The callback (:mod:`traingauge.integrations.keras.callback`) knows Keras' hooks, the run, and a :class:`Watch` of the model.
It does not know the backend, and nor does what finds out how a model is scored
(:mod:`traingauge.integrations.keras.scores.plan`). The wrapping of ``compute_loss``, ``train_step`` and ``test_step``
(:mod:`traingauge.integrations.keras.hook`) is the same on each, but what a step is differs:

* On TensorFlow a step is traced into a graph. It reduces its values there, and writes them into variables, which are read
  once in a while (:mod:`traingauge.integrations.keras.probe`).
* On PyTorch a step runs eagerly. Its values are recorded when it ends: what is on a device stays there until it is drained
  (:mod:`traingauge.integrations.keras.backends.array_watch`).
* On JAX a step is a pure function that is compiled. Its values leave it as further outputs, and are recorded in the same way
  once many of them have been brought over together.

On a thread-safe backend, Keras calls what follows a batch from other threads, in no order, unless a callback takes part in
it: then it turns the logs into numbers at each step, which waits for the device. So there the callback has no such hook, and
reads where a batch begins.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, cast

import keras

from traingauge.errors import UnsupportedBackendError

if TYPE_CHECKING:
    from traingauge.core.events import Pass
    from traingauge.integrations.base import Session
    from traingauge.reference.canary import Predict

#: Backends of Keras that train, each by its file.
BACKENDS = ("tensorflow", "torch", "jax")


class Watch(Protocol):
    """Watches one model for one run, from inside of its steps.

    Attributes:
        before_end: Called before it leaves the model, when the run ends.
    """

    before_end: Callable[[], None] | None

    @property
    def room(self) -> int:
        """Training steps that may pass between two readings."""

    @property
    def steps(self) -> int:
        """Training steps that were recorded so far."""

    def begin_fit(self) -> None:
        """Leave out training steps that were taken before."""

    def read(self, ends: Sequence[float], began: float) -> int:
        """Record the training steps since the last reading.

        Args:
            ends: Clock readings of Keras' hooks at the ends of executions, where it has them.
            began: Clock reading before the first of the steps.

        Returns:
            How many.
        """

    def begin_pass(self) -> None:
        """A pass begins."""

    def end_pass(self, split: str) -> Pass | None:
        """The pass since then; ``None`` if it had no step."""

    def look_at_weights(self, *, now: bool = False) -> int | None:
        """How many trainable weights hold NaN or infinity, if the last look is long enough ago, or ``now``."""


class Backend(Protocol):
    """A file of this package."""

    #: Whether the callback takes part at the end of each batch.
    HOOKS_AT_END: bool

    def attach(self, model: Any, session: Session, *, gradients: bool) -> Watch:
        """What watches the model for the run, made again if the one there does not do.

        Args:
            model: A compiled Keras model.
            session: The run.
            gradients: Whether to work out the norm of the gradients.
        """

    def make_readable(self, model: Any) -> None:
        """Give the model's variables their values, where they lack them inside of an epoch."""

    def predictor(self, model: Any) -> Predict:
        """What gives a model's outputs for a batch, as ``predict`` does, and leaves no trace in it."""


def current() -> Backend:
    """The backend on which Keras runs.

    Raises:
        UnsupportedBackendError: One that does not train, or that nothing here serves.
    """
    name = keras.backend.backend()
    if name not in BACKENDS:
        raise UnsupportedBackendError(
            f"Keras runs on {name!r}: the callback needs one of {', '.join(BACKENDS)}; "
            "in a loop of your own, monitor.step(…) takes any framework"
        )
    return cast("Backend", import_module(f"{__name__}.{name}"))
