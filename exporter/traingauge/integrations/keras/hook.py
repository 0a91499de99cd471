"""A hook in a Keras model's steps: what they compute is handed, inside of the graph, to every watcher.

``compute_loss``, ``train_step`` and ``test_step`` are wrapped once for all watchers of a model, as attributes of that one
model, and given back when the last watcher leaves. A step is a Python function that Keras traces into a graph, so the
wrappers run while it is traced; with ``run_eagerly`` they run every step.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol

import keras
import tensorflow as tf

from traingauge.core.guard import Guard
from traingauge.integrations.keras.loss_calls import LossCall, call_of_step
from traingauge.integrations.keras.unchecked import unchecked

_STEPS = ("compute_loss", "train_step", "test_step")


class TracedStep(NamedTuple):
    """A step that is being traced.

    Attributes:
        data: What the step was given.
        call: The calls of ``compute_loss`` as one; ``None`` if there are none that can be read.
        rate: Learning rate, a scalar; ``None`` where there is none.
        gradients: Norm of the gradients given to the optimizer, a scalar; ``None`` if not wanted or not given.
    """

    data: Any
    call: LossCall | None
    rate: Any = None
    gradients: Any = None


class Watcher(Protocol):
    """Watches a model's steps.

    Attributes:
        gradients: Whether to work out the norm of the gradients.
        guard: Counts errors while a step is traced.
    """

    gradients: bool
    guard: Guard

    def trained(self, step: TracedStep) -> None:
        """Inside the graph, at the end of a training step."""

    def tested(self, step: TracedStep) -> None:
        """Inside the graph, at the end of an evaluation step."""


class StepHook:
    """The wrapping around one model's steps; made by the first watcher, see :meth:`attach`."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._watchers: list[Watcher] = []
        self._calls: list[LossCall] = []
        self._own = {name: getattr(model, name) for name in _STEPS}
        self._given = {name: model.__dict__[name] for name in _STEPS if name in model.__dict__}
        self._wrappers = {
            "compute_loss": self._compute_loss,
            "train_step": self._train_step,
            "test_step": self._test_step,
        }
        for name, wrapper in self._wrappers.items():
            setattr(model, name, wrapper)

    @staticmethod
    def of(model: Any) -> StepHook | None:
        """The hook of a model, if there is one."""
        hook = getattr(model.__dict__.get("train_step"), "__self__", None)
        return hook if isinstance(hook, StepHook) else None

    @staticmethod
    def attach(model: Any, watcher: Watcher) -> None:
        """Add a watcher of the model's steps; what was traced without it is traced again."""
        hook = StepHook.of(model) or StepHook(model)
        hook._watchers.append(watcher)
        hook._retrace()

    @staticmethod
    def detach(model: Any, watcher: Watcher) -> None:
        """Remove a watcher. The last one restores the model's own steps, unless the wrappers were wrapped since."""
        hook = StepHook.of(model)
        if hook is not None and watcher in hook._watchers:
            hook._watchers.remove(watcher)
            if not hook._watchers:
                hook._give_back()
            hook._retrace()

    @property
    def watchers(self) -> tuple[Watcher, ...]:
        """Its watchers."""
        return tuple(self._watchers)

    def _give_back(self) -> None:
        own = self._model.__dict__
        if all(own.get(name) == wrapper for name, wrapper in self._wrappers.items()):
            for name in _STEPS:
                delattr(self._model, name)
            for name, given in self._given.items():
                setattr(self._model, name, given)

    def _retrace(self) -> None:
        """Drop what was traced. The model may be training: its functions are replaced, never missing."""
        for name in ("train", "test"):
            if getattr(self._model, f"{name}_function") is not None:
                getattr(self._model, f"make_{name}_function")(force=True)

    def _compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, **kwargs: Any
    ) -> Any:
        loss = self._own["compute_loss"](x, y, y_pred, sample_weight, **kwargs)
        self._calls.append(LossCall(loss, y, y_pred, sample_weight, x))
        return loss

    def _train_step(self, data: Any) -> Any:
        rate = self._guarded(self._rate)
        wanted = any(watcher.gradients for watcher in self._watchers)
        self._calls = []
        with _norms(self._model.optimizer if wanted else None, self._guarded) as norms:
            logs = self._own["train_step"](data)
        gradients = self._guarded(functools.partial(tf.identity, norms[-1])) if norms else None
        self._hand_over(TracedStep(data, self._take_call(), rate, gradients), "trained")
        return logs

    def _test_step(self, data: Any) -> Any:
        self._calls = []
        logs = self._own["test_step"](data)
        self._hand_over(TracedStep(data, self._take_call()), "tested")
        return logs

    def _take_call(self) -> LossCall | None:
        calls, self._calls = self._calls, []
        call: LossCall | None = self._guarded(functools.partial(call_of_step, calls))
        return call

    def _hand_over(self, step: TracedStep, how: str) -> None:
        with unchecked():
            for watcher in self._watchers:
                getattr(watcher, how)(step)

    def _rate(self) -> Any:
        """The learning rate before the step, a tensor: a step of a schedule moves it on."""
        rate = getattr(self._model.optimizer, "learning_rate", None)
        return None if rate is None else tf.cast(keras.ops.convert_to_tensor(rate), tf.float64)

    def _guarded(self, work: Callable[[], Any]) -> Any:
        """What ``work`` returns, ``None`` if it fails: then the first watcher counts it."""
        with unchecked():
            return self._watchers[0].guard.shield("integration", work) if self._watchers else None


@contextmanager
def _norms(optimizer: Any, guarded: Callable[[Callable[[], Any]], Any]) -> Iterator[list[Any]]:
    """Collect the norm of the gradients of each ``optimizer.apply`` in the ``with``; of none without an optimizer."""
    norms: list[Any] = []
    apply = getattr(optimizer, "apply", None)
    if apply is None:
        yield norms
        return

    @functools.wraps(apply)
    def watched(grads: Any, *args: Any, **kwargs: Any) -> Any:
        grads = list(grads)
        norm = guarded(lambda: global_norm(grads, optimizer.scale_loss(tf.constant(1.0))))
        norms.extend([] if norm is None else [norm])
        return apply(grads, *args, **kwargs)

    optimizer.__dict__["apply"] = watched  # past Keras' own __setattr__: gone again when the step is traced
    try:
        yield norms
    finally:
        del optimizer.__dict__["apply"]


def global_norm(gradients: list[Any], scale: Any) -> Any:
    """√ Σ g², over all elements of all gradients, before clipping and free of the loss scale; a scalar of float64.

    >>> float(global_norm([tf.constant([6.0]), None, tf.constant([[8.0]])], 2.0))
    5.0
    """
    dense = [tf.cast(tf.convert_to_tensor(each), tf.float64) for each in gradients if each is not None]
    squares = tf.add_n([tf.reduce_sum(each * each) for each in dense])
    return tf.sqrt(squares) / tf.cast(scale, tf.float64)
