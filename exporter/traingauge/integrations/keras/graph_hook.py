"""The hook in the steps of a model on TensorFlow, which Keras traces into a graph.

The wrappers run while it is traced; with ``run_eagerly`` they run every step.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

import keras
import tensorflow as tf

from traingauge.integrations.keras.graph_waits import GraphWaits
from traingauge.integrations.keras.hook import StepHook, Watcher, norms_of
from traingauge.integrations.keras.joined_calls import call_of_step
from traingauge.integrations.keras.loss_calls import LossCall
from traingauge.integrations.keras.step_logs import numbers_of
from traingauge.integrations.keras.unchecked import unchecked


class _Taken(threading.local):
    """Calls of ``compute_loss``, by thread."""

    def __init__(self) -> None:
        self.calls: list[LossCall] = []


class TracedStep(NamedTuple):
    """A step that is being traced.

    Attributes:
        data: What the step was given.
        call: The calls of ``compute_loss`` as one; ``None`` if there are none that can be read.
        rate: Learning rate, a scalar; ``None`` where there is none.
        gradients: Norm of the gradients given to the optimizer, a scalar; ``None`` if not wanted or not given.
        logs: Numbers of its logs by name, of a step without a call.
    """

    data: Any
    call: LossCall | None
    rate: Any = None
    gradients: Any = None
    logs: Mapping[str, Any] = {}


class GraphWatcher(Watcher, Protocol):
    """Watches a model's steps in its graph."""

    def trained(self, step: TracedStep) -> None:
        """Inside the graph, at the end of a training step."""

    def tested(self, step: TracedStep) -> None:
        """Inside the graph, at the end of an evaluation step."""


class GraphHook(StepHook):
    """The wrapping around the steps of a model on TensorFlow.

    Attributes:
        waits: Times that its steps waited for their batches.
    """

    _NAMES = (*StepHook._NAMES, "make_train_function")

    def __init__(self, model: Any) -> None:
        self.waits = GraphWaits(self._guarded)
        self._taken_here = _Taken()
        super().__init__(model)

    @property
    def _calls(self) -> list[LossCall]:
        """Of the step that this thread takes: replicas take theirs in threads, which wait for each other inside a step."""
        return self._taken_here.calls

    @_calls.setter
    def _calls(self, calls: list[LossCall]) -> None:
        self._taken_here.calls = calls

    def _make_train_function(self, force: bool = False) -> Any:
        """What Keras makes, with the waits of its steps."""
        before = self._model.train_function
        with self.waits.of(self._model):
            self._own["make_train_function"](force)
        if self._model.train_function is not before:
            self._model.train_function = self.waits.around(self._model.train_function)
        return self._model.train_function

    def _train_step(self, data: Any) -> Any:
        rate, optimizer = self._begin()
        with norms_of(optimizer, self._guarded_here(), global_norm) as norms:
            logs = self._own["train_step"](data)
        gradients = self._guarded(functools.partial(tf.identity, norms[-1])) if norms else None
        call = self._take_call()
        numbers = {} if call else self._guarded(functools.partial(numbers_of, logs)) or {}
        self._hand_over(TracedStep(data, call, rate, gradients, numbers), "trained")
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
        """The learning rate, a tensor."""
        rate = getattr(self._model.optimizer, "learning_rate", None)
        return None if rate is None else tf.cast(keras.ops.convert_to_tensor(rate), tf.float64)

    def _guarded_here(self) -> Callable[[Callable[[], Any]], Any]:
        """The same in this thread, and nothing in that of another replica, which may find what was meant for this one."""
        here = threading.get_ident()
        return lambda work: self._guarded(work) if threading.get_ident() == here else None

    def _guarded(self, work: Callable[[], Any]) -> Any:
        with unchecked():
            return super()._guarded(work)


def global_norm(gradients: list[Any], scale: Any, *, skipping: bool = False) -> Any:
    """√ Σ g², over all elements of all gradients, before clipping and free of the loss scale; a scalar of float64.

    Of several replicas, each has a share of the gradients. A step that is left out because its gradients are not finite has
    none: -1.

    >>> float(global_norm([tf.constant([6.0]), None, tf.constant([[8.0]])], 2.0))
    5.0
    """
    dense = [tf.convert_to_tensor(each) for each in gradients if each is not None]
    replica = tf.distribute.get_replica_context()
    if replica is not None and replica.num_replicas_in_sync > 1:
        dense = replica.all_reduce(tf.distribute.ReduceOp.SUM, dense)
    wide = [tf.cast(each, tf.float64) for each in dense]
    squares = tf.add_n([tf.reduce_sum(each * each) for each in wide])
    norm = tf.sqrt(squares) / tf.cast(scale, tf.float64)
    return tf.where(tf.math.is_finite(norm), norm, -1.0) if skipping else norm
