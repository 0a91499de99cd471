"""What happens in one step of a ``Trainer``: a window of micro-batches, and an update.

The ``Trainer`` shows its callbacks no loss. But it calls ``backward`` once for each micro-batch, on its loss as the
optimizer descends it: divided by the items, or by the micro-batches, of the whole window. So the sum of these values is the
loss of the step, and what the ``Trainer`` itself averages for its logs.

An epoch can end inside of a window: where a stream has no length, or a callback stops the epoch. The ``Trainer`` keeps the
gradients of such micro-batches, and adds those of the first window of the next epoch. So a step has all micro-batches since
the last one.

In Transformers 4.46 every window may continue in the next epoch, while batches are still loaded, and a window is announced,
as if each epoch began with one. So what is loaded may belong to the next step, and a window may never be announced.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import torch
from transformers.trainer_pt_utils import find_batch_size

from traingauge.core.events import DataWaits, Scored
from traingauge.integrations.torch import parts
from traingauge.integrations.torch.scaling import Scale
from traingauge.integrations.torch.values import number
from traingauge.logs import logger

if TYPE_CHECKING:
    from traingauge.integrations.base import Session


class Window:
    """Collects the backward passes, the update and the batches of a step, and records it.

    It runs in each step between what the model computes, when caches hold little of it: so it calls few functions.

    Args:
        session: The run.
        readable: Whether the loss is what ``backward`` is called on.
        updates: Whether the optimizer shows its updates, and so also which ones mixed precision skips.

    Attributes:
        exhausted: Whether the loader has given all its batches.
    """

    def __init__(self, session: Session, *, readable: bool, updates: bool) -> None:
        self._session, self._readable, self._shows_updates = session, readable, updates
        self._values: list[Any] = []  # of the micro-batch under way
        self._scaled: list[tuple[torch.Tensor, Scale]] = []  # since the last backward pass
        self._loaded: list[int] = []  # samples of the batches that are to be trained on
        self._waits: list[float] = []  # seconds that the loader took for batches
        self._skipped = 0
        self._said_unknown = False
        self.exhausted = False
        self._begin_step()

    def _begin_step(self) -> None:
        self._loss: Any = None
        self._is_known = self._readable  # whether it is that of all micro-batches so far
        self._numbers: Mapping[str, Any] = {}  # of the update
        self._micro_batches = self._passes = self._samples = 0

    # What the Trainer's events show

    def begin_epoch(self) -> None:
        """Batches that were loaded and not trained on are forgotten."""
        self._loaded.clear()
        self.exhausted = False

    def begin(self) -> None:
        """A micro-batch begins, mostly the first; what else called ``backward`` before is none of it."""
        self._values, self._scaled, self._numbers = [], [], {}

    def end_micro_batch(self) -> None:
        """A micro-batch has ended, and another one of the same step follows."""
        self._session.guard.catch("integration", self._add_up)

    def end(self, tokens: float) -> None:
        """Record the step that has ended.

        Args:
            tokens: Those that the Trainer has counted so far; 0 if it counts none.
        """
        if not self._session.ended:
            self._session.guard.catch("integration", self._record, tokens)

    def _record(self, tokens: float) -> None:
        self._add_up()
        numbers = {name: value for name, value in self._numbers.items() if value is not None}
        if self._is_known:
            numbers["loss"] = self._loss
        else:
            self._say_unknown()
        if self._shows_updates and not self._numbers:
            self._skipped += 1
        if self._skipped:
            numbers["skipped_steps"] = float(self._skipped)
        if tokens:
            numbers["input_tokens"] = float(tokens)
        samples = self._samples
        self._begin_step()
        self.record_waits()
        self._session.record(Scored(time.perf_counter(), numbers, None, None, samples))

    def record_waits(self) -> None:
        """Record how long the loader took for the batches since the last step."""
        waits, self._waits = self._waits, []
        if waits:
            self._session.record(DataWaits(waits))

    def _add_up(self) -> None:
        """Add the micro-batch that has ended to the step."""
        values, self._values = self._values, []
        if self._loaded:
            self._samples += self._loaded.pop(0)
        self._micro_batches += 1
        self._passes += len(values)
        if len(values) != 1 or values[0] is None:
            self._is_known = False
        else:
            self._loss = values[0] if self._loss is None else self._loss + values[0]

    def _say_unknown(self) -> None:
        if self._said_unknown:
            return
        self._said_unknown, how = True, ""
        if not self._readable:
            how = ", in an engine of its own"
        elif self._passes == self._micro_batches:
            how = ", with a scale that is not known"
        logger.warning(
            "the Trainer called backward %d times for %d micro-batches%s: the loss of such a step cannot be read from "
            "that, so it has none",
            self._passes,
            self._micro_batches,
            how,
        )

    # What the loader, backward passes and the optimizer show

    def loaded(self, seconds: float, batch: Any) -> None:
        """A batch has come from the loader; those of several micro-batches come before the first of these begins."""
        if not self._session.ended:
            self._waits.append(seconds)
            self._loaded.append(self._session.guard.catch("integration", find_batch_size, batch) or 0)

    def exhaust(self) -> None:
        """The loader has given all its batches."""
        self.exhausted = True

    def scaled(self, tensor: torch.Tensor, scale: Scale) -> None:
        """Mixed precision has scaled what the Trainer is about to call ``backward`` on."""
        self._scaled.append((tensor, scale))

    def begin_backward(self, tensors: Any, gradients: Any, inputs: Any) -> None:
        """A backward pass begins; see :class:`~traingauge.integrations.torch.backward.Observer`."""
        if not self._session.ended:
            self._session.guard.catch("integration", self._add, tensors, gradients)

    def end_backward(self, tensors: Any) -> None:
        """A backward pass has ended."""

    def fail_backward(self) -> None:
        """A backward pass has ended with an error."""

    def _add(self, tensors: Any, gradients: Any) -> None:
        self._values.append(None)  # if it cannot be read
        if gradients is None and isinstance(tensors, torch.Tensor):
            roots, value = [tensors], number(tensors)
        else:
            roots = list(tensors) if isinstance(tensors, (list, tuple)) else [tensors]
            given = list(gradients) if isinstance(gradients, (list, tuple)) else [gradients]
            value = parts.total(roots, given if len(given) == len(roots) else [None] * len(roots))
        self._values[-1] = self._unscaled(roots, value) if self._scaled else value

    def _unscaled(self, roots: list[torch.Tensor], value: Any) -> Any:
        """A value without the scale of its roots; ``None`` if it was multiplied elsewhere, or by different ones."""
        scaled, self._scaled = self._scaled, []
        scale = scaled[0][1]
        known = len(scaled) == len(roots) and all(
            one is root and other is scale for (one, other), root in zip(scaled, roots, strict=True)
        )
        return value / scale.value if known and scale.value is not None else None

    def only_first(
        self, closure: Callable[[], Any], after: Callable[[], None], place: int
    ) -> Callable[[], Any]:
        """The closure itself: a ``Trainer`` passes none."""
        return closure

    def stepped(self, place: int, numbers: Mapping[str, Any]) -> None:
        """The optimizer has updated its parameters; see :class:`~traingauge.integrations.torch.optimizers.Recording`."""
        self._numbers = numbers
