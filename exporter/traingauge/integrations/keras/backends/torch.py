"""Keras on PyTorch: a step runs eagerly, and is recorded when it ends.

Nothing waits for a device: numbers stay where they are until they are drained, and so do labels and outputs, also small ones
on the host (:mod:`traingauge.core.deferred_scores`). Features are brought over at each step, where there is a reference.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import keras
import torch
from numpy.typing import NDArray

from traingauge.errors import ShapeError
from traingauge.integrations.keras.backends.array_watch import ArrayWatch, SeenStep
from traingauge.integrations.keras.hook import StepHook, norms_of
from traingauge.integrations.keras.loss_calls import LossCall, distinct
from traingauge.integrations.keras.step_logs import numbers_of
from traingauge.integrations.keras.weight_check import WeightCheck
from traingauge.stats.streaming.not_given import NOT_GIVEN

if TYPE_CHECKING:
    from traingauge.integrations.base import Session
    from traingauge.reference.canary import Predict

#: A hook at the end of a batch would have Keras turn the logs into numbers at each, which waits for the device.
HOOKS_AT_END = False


class EagerHook(StepHook):
    """The wrapping around the steps of a model on PyTorch.

    Where a step is compiled, what records it is left out of the graph. That takes as long as to record a step, so steps that
    run eagerly do without.
    """

    def _train_step(self, data: Any) -> Any:
        compiled = torch.compiler.is_compiling()
        self._calls = []
        rate = (self._rate_apart if compiled else self._rate)()
        logs, norm = (
            self._stepped_with_norm(data) if self._wants_norm() else (self._own["train_step"](data), None)
        )
        (self._record_apart if compiled else self._record)("trained", data, logs, rate, norm)
        return logs

    def _test_step(self, data: Any) -> Any:
        self._calls = []
        logs = self._own["test_step"](data)
        (self._record_apart if torch.compiler.is_compiling() else self._record)("tested", data)
        return logs

    def _stepped_with_norm(self, data: Any) -> Any:
        with norms_of(self._model.optimizer, self._guarded, global_norm) as norms:
            logs = self._own["train_step"](data)
        return logs, norms[-1] if norms else None

    def _record(self, how: str, data: Any, logs: Any = None, rate: Any = None, norm: Any = None) -> None:
        calls, self._calls = self._calls, []
        if not self._watchers:
            return
        step = self._watchers[0].guard.catch("integration", _seen, data, calls, logs, rate, norm)
        if step is not None:
            for watcher in self._watchers:
                getattr(watcher, how)(step)

    def _rate(self) -> Any:
        """The learning rate, a number or a tensor on a device."""
        return (
            self._watchers[0].guard.catch("integration", _rate_of, self._model.optimizer)
            if self._watchers
            else None
        )

    @torch.compiler.disable  # type: ignore[untyped-decorator]
    def _guarded(self, work: Callable[[], Any]) -> Any:
        return super()._guarded(work)

    _record_apart, _rate_apart = torch.compiler.disable(_record), torch.compiler.disable(_rate)


class TorchWeights(WeightCheck):
    """Sums up each trainable weight, one pass over memory.

    Finite values whose sum is more than their type can hold, 3.4e38 in float32, count as infinite.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self._model = model

    def _counted(self) -> int:
        with torch.no_grad():
            sums = [_sum(weight.value) for weight in self._model.trainable_weights]
            return int(sum(~torch.isfinite(one) for one in sums))


def make_readable(model: Any) -> None:
    """Nothing: they have their values at any time."""


def attach(model: Any, session: Session, *, gradients: bool) -> ArrayWatch:
    """Wrap the model's steps."""
    watch = ArrayWatch.of(model, session, EagerHook)
    if watch is not None:
        watch.gradients |= gradients
        return watch
    return ArrayWatch(model, session, EagerHook, TorchWeights(model), gradients=gradients)


def predictor(model: Any) -> Predict:
    """What gives a model's outputs for a batch, as ``predict`` does, and leaves no trace in it.

    What the model would write, such as the state of a random generator, goes nowhere; layers of PyTorch's own are in
    evaluation mode meanwhile.
    """

    def predict(inputs: NDArray[Any]) -> Any:
        training = model.training
        model.eval()
        try:
            with torch.no_grad(), keras.StatelessScope():
                given = model(keras.ops.convert_to_tensor(inputs), training=False)
        except (ValueError, RuntimeError) as error:
            raise ShapeError(
                f"model {model.name!r} does not take the canary's inputs of shape {inputs.shape}: {error}"
            ) from error
        finally:
            model.train(training)
        return keras.tree.map_structure(keras.ops.convert_to_numpy, given)

    return predict


def global_norm(gradients: list[Any], scale: Any, *, skipping: bool = False) -> Any:
    """√ Σ g², over all elements of all gradients, before clipping and free of the loss scale.

    A step that is left out because its gradients are not finite has none.

    >>> global_norm([torch.tensor([6.0]), None, torch.tensor([[8.0]])], torch.tensor(2.0))
    5.0
    """
    squares = sum(each.detach().double().square().sum() for each in gradients if each is not None)
    norm = torch.as_tensor(squares).sqrt() / scale.detach()
    return _number(torch.where(torch.isfinite(norm), norm, NOT_GIVEN) if skipping else norm)


def _rate_of(optimizer: Any) -> Any:
    rate = getattr(optimizer, "learning_rate", None)
    own = getattr(
        rate, "_value", None
    )  # of a variable, whose value takes longer to read by Keras than all the rest here
    if isinstance(own, torch.Tensor):
        return _number(own)
    return None if rate is None else _number(keras.ops.convert_to_tensor(rate))


def _seen(data: Any, calls: Sequence[LossCall], logs: Any, rate: Any, norm: Any) -> SeenStep:
    x = data[0] if isinstance(data, tuple) else keras.utils.unpack_x_y_sample_weight(data)[0]
    samples = x.shape[0] if isinstance(x, torch.Tensor) else _samples(data)
    numbers = {} if calls else _logged(logs)
    if rate is not None:
        numbers["learning_rate"] = rate
    if norm is not None:
        numbers["gradient_norm"] = norm
    apart = [_detached(calls[0])] if len(calls) == 1 else [_detached(call) for call in distinct(calls)]
    return SeenStep(time.perf_counter(), x, samples, apart, numbers)


def _samples(data: Any) -> int:
    return next(len(leaf) for leaf in keras.tree.flatten(data) if leaf is not None)


def _logged(logs: Any) -> dict[str, Any]:
    return {
        name: _number(value) if isinstance(value, torch.Tensor) else float(value)
        for name, value in numbers_of(logs).items()
    }


def _detached(call: LossCall) -> LossCall:
    """The call without what is only needed for gradients; tensors of Keras' own are PyTorch's."""
    mask = getattr(call.y_pred, "_keras_mask", None)
    y, y_pred, weight = (
        _without_graph(call.y),
        _without_graph(call.y_pred),
        _without_graph(call.sample_weight),
    )
    outputs = {name: _detached(one) for name, one in call.outputs.items()} if call.outputs else call.outputs
    return LossCall(_number(call.loss), y, y_pred, weight, call.x, mask, outputs=outputs)


def _without_graph(values: Any) -> Any:
    if isinstance(values, torch.Tensor):
        return values.detach() if values.requires_grad else values
    if values is not None and keras.tree.is_nested(values):
        return keras.tree.map_structure(_without_graph, values)
    return values


def _number(value: Any) -> Any:
    """A float, or on a device a tensor that stays there; the mean of more than one."""
    if value.ndim:
        value = value.detach().mean()
    return value.item() if value.is_cpu else value.detach().clone()


def _sum(tensor: Any) -> Any:
    return tensor.float().sum() if tensor.dtype == torch.float16 else tensor.sum()
