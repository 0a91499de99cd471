"""Keras on JAX: a step is compiled, and what is recorded of it leaves it as further outputs.

``train_step`` is a pure function of the state and the data. Keras compiles it once, and gives its state away to it. So
nothing is added to that state: the wrapped step returns, next to its logs, what ``compute_loss`` was given and gave. What
calls the compiled step takes that off again before Keras sees it. The step is traced once, as without.

The arrays stay on their device until many steps, or a fraction of a second, have passed. Of many classes on a device, the
decision of each sample leaves the step instead of its scores.

``compute_loss`` runs inside of ``jax.value_and_grad``, whose values may not leave it. What is taken is the value under each,
which belongs to the step.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import keras
import numpy as np
from jax import numpy as jnp
from keras.src.backend import get_keras_mask  # a tracer has no attributes
from numpy.typing import NDArray

from traingauge.errors import ShapeError
from traingauge.integrations.keras.backends.array_watch import ArrayWatch, SeenStep
from traingauge.integrations.keras.hook import StepHook, skips
from traingauge.integrations.keras.loss_calls import LossCall, distinct
from traingauge.integrations.keras.step_logs import numbers_of
from traingauge.integrations.keras.weight_check import WeightCheck
from traingauge.stats.classification.probabilities import HISTOGRAM_CLASSES

if TYPE_CHECKING:
    from traingauge.core.events import Pass
    from traingauge.integrations.base import Session
    from traingauge.reference.canary import Predict

#: A hook at the end of a batch would have Keras turn the logs into numbers at each, which waits for the device.
HOOKS_AT_END = False

#: Bytes of steps that may wait on a device before they are brought over.
MOST_WAITING = 1 << 26


class Outputs(NamedTuple):
    """What a step returns besides its logs; a pytree.

    Attributes:
        calls: Of ``compute_loss``, on different data each.
        numbers: Learning rate, norm of the gradients, negative where there is none, and what the logs hold without a call.
    """

    calls: list[LossCall]
    numbers: dict[str, Any]


class Trained(NamedTuple):
    """The logs of a training step, and what is recorded of it."""

    logs: Any
    outputs: Outputs


class Evaluated(NamedTuple):
    """The logs of an evaluation step, and what is recorded of it."""

    logs: Any
    outputs: Outputs


class CompiledHook(StepHook):
    """The wrapping around the steps of a model on JAX, and around what calls the compiled ones."""

    _NAMES = (*StepHook._NAMES, "_make_function")

    def _train_step(self, state: Any, data: Any) -> Any:
        rate, optimizer = self._begin(state[2])
        with _norms(optimizer, self._guarded) as norms:
            logs, given = self._own["train_step"](state, data)
        numbers = {"learning_rate": rate, "gradient_norm": norms[-1] if norms else None}
        calls = self._taken(state)
        if not calls:
            numbers |= self._guarded(partial(numbers_of, logs)) or {}
        return Trained(logs, Outputs(calls, numbers)), given

    def _test_step(self, state: Any, data: Any) -> Any:
        self._calls = []
        logs, given = self._own["test_step"](state, data)
        return Evaluated(logs, Outputs(self._taken(state), {})), given

    def _make_function(self, step_function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """What calls a compiled step, without what the step returns besides its logs."""

        def step(state: Any, data: Any) -> Any:
            given, state = step_function(state, data)
            if not isinstance(given, (Trained, Evaluated)):
                return given, state
            self._hand_over(data, given)
            return given.logs, state

        return self._own["_make_function"](step, *args, **kwargs)

    def _hand_over(self, data: Any, given: Trained | Evaluated) -> None:
        step = self._guarded(partial(_seen, data, given.outputs))
        if step is not None:
            for watcher in self._watchers:
                getattr(watcher, "trained" if isinstance(given, Trained) else "tested")(step)

    def _taken(self, state: Any) -> list[LossCall]:
        calls, self._calls = self._calls, []
        return self._guarded(partial(_readable, calls, state)) or []

    def _rate(self, variables: Any) -> Any:
        """The learning rate by the state that the step was given."""
        optimizer = self._model.optimizer
        if optimizer is None:
            return None
        with keras.StatelessScope(list(zip(optimizer.variables, variables, strict=True))):
            rate = getattr(optimizer, "learning_rate", None)
            return None if rate is None else keras.ops.convert_to_tensor(rate)


class JaxWatch(ArrayWatch):
    """Records steps once they were brought over from their device, many at once."""

    def __init__(self, model: Any, session: Session, *, gradients: bool) -> None:
        self._waiting: list[tuple[Callable[[SeenStep], None], SeenStep]] = []
        self._bytes = 0
        super().__init__(model, session, CompiledHook, JaxWeights(model), gradients=gradients)
        if keras.config.is_nnx_enabled():
            self._scores.say(
                "with Flax NNX, Keras calls the step of its class, so its steps are not recorded"
            )

    def read(self, ends: Sequence[float], began: float) -> int:
        """Record what waits."""
        self._settle()
        return super().read(ends, began)

    def begin_pass(self) -> None:
        """Record what waits, and forget the last pass."""
        self._settle()
        super().begin_pass()

    def end_pass(self, split: str) -> Pass | None:
        """The batches since then."""
        self._settle()
        return super().end_pass(split)

    def _take(self, work: Callable[[SeenStep], None], step: SeenStep) -> None:
        if self._scores.bins is None:
            step = step._replace(x=None)  # which only a reference is compared with
        self._waiting.append((work, step))
        self._bytes += sum(getattr(leaf, "nbytes", 0) for leaf in jax.tree.leaves(step))
        if not self._begun or self._bytes > MOST_WAITING:
            self._settle()

    def _settle(self) -> None:
        waiting, self._waiting, self._bytes = self._waiting, [], 0
        steps = jax.tree.map(_plain, jax.device_get([step for _, step in waiting]))
        for (work, _), step in zip(waiting, steps, strict=True):
            if step.numbers.get("gradient_norm", 0.0) < 0:
                step.numbers.pop("gradient_norm")
            super()._take(work, step)


class JaxWeights(WeightCheck):
    """Sums up each trainable weight, one pass over memory, in the thread that trains.

    Finite values whose sum is more than their type can hold, 3.4e38 in float32, count as infinite.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self._model, self._thread = model, threading.get_ident()

    def _counted(self) -> int | None:
        if threading.get_ident() != self._thread:  # in which the model's state is given away meanwhile
            return None
        make_readable(self._model)
        return sum(int(not np.isfinite(_sum(weight.value))) for weight in self._model.trainable_weights)


def make_readable(model: Any) -> None:
    """Give the model's variables their values, which they lack inside of an epoch; in the thread that trains."""
    model.jax_state_sync()


def attach(model: Any, session: Session, *, gradients: bool) -> ArrayWatch:
    """Wrap the model's steps."""
    watch = JaxWatch.of(model, session, CompiledHook)
    if watch is not None:
        if watch.gradients >= gradients:
            return watch
        watch.end()
    return JaxWatch(model, session, gradients=gradients)


def predictor(model: Any) -> Predict:
    """What gives a model's outputs for a batch, as ``predict`` does, and leaves no trace in it.

    What the model would write, such as the state of a random generator, goes nowhere. It is traced once, apart from its own
    functions.
    """

    def outputs(trainable: Any, others: Any, batch: Any) -> Any:
        return model.stateless_call(trainable, others, batch, training=False)[0]

    call = outputs if model.run_eagerly or not model.jit_compile else jax.jit(outputs)

    def predict(inputs: NDArray[Any]) -> Any:
        make_readable(model)
        trainable = [each.value for each in model.trainable_variables]
        others = [each.value for each in model.non_trainable_variables]
        try:
            given = call(trainable, others, jnp.asarray(inputs))
        except (TypeError, ValueError) as error:
            raise ShapeError(
                f"model {model.name!r} does not take the canary's inputs of shape {inputs.shape}: {error}"
            ) from error
        return keras.tree.map_structure(np.asarray, given)

    return predict


def global_norm(gradients: list[Any], scale: Any, *, skipping: bool = False) -> Any:
    """√ Σ g², over all elements of all gradients, before clipping and free of the loss scale.

    A step that is left out because its gradients are not finite has none: -1.

    >>> float(global_norm([jnp.array([6.0]), None, jnp.array([[8.0]])], 2.0))
    5.0
    """
    squares = [jnp.sum(jnp.square(each.astype(jnp.float32))) for each in gradients if each is not None]
    norm = jnp.sqrt(sum(squares)) / scale
    return jnp.where(jnp.isfinite(norm), norm, -1.0) if skipping else norm


@contextmanager
def _norms(optimizer: Any, guarded: Callable[[Callable[[], Any]], Any]) -> Iterator[list[Any]]:
    """Collect the norm of the gradients of each ``optimizer.stateless_apply`` in the ``with``."""
    norms: list[Any] = []
    apply = getattr(optimizer, "stateless_apply", None)
    if apply is None:
        yield norms
        return

    def norm(variables: Any, gradients: Any) -> Any:
        with keras.StatelessScope(list(zip(optimizer.variables, variables, strict=True))):
            scale = optimizer.scale_loss(jnp.ones(()))
            return global_norm(gradients, scale, skipping=skips(optimizer))

    def watched(optimizer_variables: Any, grads: Any, trainable_variables: Any) -> Any:
        grads = list(grads)
        found = guarded(partial(norm, optimizer_variables, grads))
        norms.extend([] if found is None else [found])
        return apply(optimizer_variables, grads, trainable_variables)

    optimizer.__dict__["stateless_apply"] = (
        watched  # past Keras' own __setattr__: gone again when the step is traced
    )
    try:
        yield norms
    finally:
        del optimizer.__dict__["stateless_apply"]


def _readable(calls: Sequence[LossCall], state: Any) -> list[LossCall]:
    """Those of a step's calls whose values belong to the step, and not to a function inside it that is traced apart."""
    own = {id(leaf._trace) for leaf in jax.tree.leaves(state) if isinstance(leaf, jax.core.Tracer)}
    readable = []
    for call in distinct(calls):
        outer = jax.tree.map(_outer, _alone(call))
        leaves = [leaf for leaf in jax.tree.leaves(outer) if isinstance(leaf, jax.core.Tracer)]
        if own.issuperset(id(leaf._trace) for leaf in leaves):
            readable.append(_needed(outer))
    return readable


def _alone(call: LossCall) -> LossCall:
    """The call with the masks of its outputs, and nothing that is not recorded: of several outputs, each is for itself."""
    if call.outputs:
        outputs = {name: _alone(one) for name, one in call.outputs.items()}
        return call._replace(x=None, y=None, y_pred=None, sample_weight=None, outputs=outputs)
    return call._replace(x=None, mask=get_keras_mask(call.y_pred))


def _outer(value: Any) -> Any:
    """What lies under a value that is being differentiated."""
    while isinstance(value, jax.core.Tracer) and hasattr(value, "primal"):
        value = value.primal
    return value


def _needed(call: LossCall) -> LossCall:
    """The call with its loss as one number, and of many classes on a device with the decision of each sample."""
    outputs = {name: _needed(one) for name, one in call.outputs.items()}
    call = call._replace(loss=jnp.mean(call.loss), outputs=outputs)
    shapes = [getattr(each, "shape", ()) for each in (call.y, call.y_pred)]
    classes = shapes[1][-1] if shapes[1] else 0
    sparse = shapes[0] in (shapes[1][:-1], (*shapes[1][:-1], 1))
    if jax.default_backend() == "cpu" or classes <= HISTOGRAM_CLASSES or not sparse:
        return call
    return call._replace(y_pred=jnp.argmax(call.y_pred, axis=-1), classes=classes)


def _seen(data: Any, outputs: Outputs) -> SeenStep:
    x = keras.utils.unpack_x_y_sample_weight(data)[0]
    samples = next(len(leaf) for leaf in keras.tree.flatten(data) if leaf is not None)
    numbers = {name: number for name, number in outputs.numbers.items() if number is not None}
    return SeenStep(time.perf_counter(), x, samples, outputs.calls, numbers)


def _plain(value: Any) -> Any:
    """An array of a type that numpy has, or a float of a scalar."""
    if not isinstance(value, (np.ndarray, np.generic)):
        return value
    if not value.shape:
        return value.item()
    return value if value.dtype.kind in "biuf" else value.astype(np.float32)


def _sum(tensor: Any) -> Any:
    return jnp.sum(tensor.astype(jnp.float32) if tensor.dtype == jnp.float16 else tensor)
