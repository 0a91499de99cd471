"""Keras on PyTorch: a step runs eagerly, and is recorded when it ends.

Nothing waits for a device: numbers stay where they are until they are drained, and so do labels and outputs
(:mod:`traingauge.core.deferred_scores`). Features are brought over at each step, where there is a reference.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
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
    """The wrapping around the steps of a model on PyTorch."""

    def _train_step(self, data: Any) -> Any:
        rate, optimizer = self._begin()
        with norms_of(optimizer, self._guarded, global_norm) as norms:
            logs = self._own["train_step"](data)
        numbers = {"learning_rate": rate, "gradient_norm": norms[-1] if norms else None}
        if not self._calls:
            numbers |= self._guarded(partial(_logged, logs)) or {}
        self._hand_over(data, {name: one for name, one in numbers.items() if one is not None}, "trained")
        return logs

    def _test_step(self, data: Any) -> Any:
        self._calls = []
        logs = self._own["test_step"](data)
        self._hand_over(data, {}, "tested")
        return logs

    @torch.compiler.disable  # type: ignore[untyped-decorator]  # what is compiled is the model's step
    def _hand_over(self, data: Any, numbers: dict[str, Any], how: str) -> None:
        calls, self._calls = self._calls, []
        step = self._guarded(partial(_seen, data, calls, numbers))
        if step is not None:
            for watcher in self._watchers:
                getattr(watcher, how)(step)

    def _rate(self) -> Any:
        """The learning rate, a number or a tensor on a device."""
        rate = getattr(self._model.optimizer, "learning_rate", None)
        return None if rate is None else _number(keras.ops.convert_to_tensor(rate))

    @torch.compiler.disable  # type: ignore[untyped-decorator]
    def _guarded(self, work: Callable[[], Any]) -> Any:
        return super()._guarded(work)


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


def _seen(data: Any, calls: Sequence[LossCall], numbers: dict[str, Any]) -> SeenStep:
    x = keras.utils.unpack_x_y_sample_weight(data)[0]
    leaves = [x] if isinstance(x, torch.Tensor) else keras.tree.flatten(data)
    samples = next(len(leaf) for leaf in leaves if leaf is not None)
    return SeenStep(time.perf_counter(), x, samples, [_detached(call) for call in distinct(calls)], numbers)


def _logged(logs: Any) -> dict[str, Any]:
    return {
        name: _number(value) if isinstance(value, torch.Tensor) else float(value)
        for name, value in numbers_of(logs).items()
    }


def _detached(call: LossCall) -> LossCall:
    """The call without what is only needed for gradients; tensors of Keras' own are PyTorch's."""
    mask = getattr(call.y_pred, "_keras_mask", None)
    y, y_pred, weight = map(_without_graph, (call.y, call.y_pred, call.sample_weight))
    outputs = {name: _detached(one) for name, one in call.outputs.items()}
    return LossCall(_number(call.loss.mean()), y, y_pred, weight, call.x, mask, outputs=outputs)


def _without_graph(values: Any) -> Any:
    if values is None or isinstance(values, torch.Tensor):
        return None if values is None else values.detach()
    return keras.tree.map_structure(
        lambda each: each.detach() if isinstance(each, torch.Tensor) else each, values
    )


def _number(value: Any) -> Any:
    """A float, or on a device a tensor that stays there."""
    value = value.detach()
    return value.item() if value.is_cpu else value.clone()


def _sum(tensor: Any) -> Any:
    return tensor.float().sum() if tensor.dtype == torch.float16 else tensor.sum()
