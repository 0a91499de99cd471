"""What happens in one step of a ``Trainer``: a window of micro-batches, and an update.

The ``Trainer`` shows its callbacks no loss. But it calls ``backward`` once for each micro-batch, on its loss as the
optimizer descends it: divided by the items, or by the micro-batches, of the whole window. So the sum of these values is the
loss of the step, and what the ``Trainer`` itself averages for its logs.

An epoch can end inside of a window: where a stream has no length, or a callback stops the epoch. The ``Trainer`` keeps the
gradients of such micro-batches, and adds those of the first window of the next epoch. So a step has all micro-batches since
the last one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from traingauge.integrations.torch.parts import BackwardPass
from traingauge.logs import logger

if TYPE_CHECKING:
    from traingauge.integrations.base import Session


class Window:
    """Collects the backward passes, the update and the batches of a step.

    Args:
        session: The run.
        readable: Whether the loss is what ``backward`` is called on.

    Attributes:
        exhausted: Whether the loader has given all its batches.
    """

    def __init__(self, session: Session, *, readable: bool) -> None:
        self._session, self._readable = session, readable
        self._values: list[Any] = []  # of the micro-batch under way
        self._loaded: deque[int] = deque()  # samples of the batches that are to be trained on
        self._numbers: Mapping[str, Any] = {}
        self._said_unknown = False
        self.exhausted = False
        self._begin_step()

    def _begin_step(self) -> None:
        self._loss: Any = 0
        self._micro_batches = self._passes = self._samples = 0

    def begin(self) -> None:
        """The first micro-batch begins; what else called ``backward`` before is none of it."""
        self._values, self._numbers = [], {}

    def begin_epoch(self) -> None:
        """Batches that were loaded and not trained on are forgotten."""
        self._loaded.clear()
        self.exhausted = False

    def end_micro_batch(self) -> None:
        """A micro-batch has ended, and another one of the same step follows."""
        self._add_up()
        if self._loaded:
            self._samples += self._loaded.popleft()

    def loaded(self, samples: int) -> None:
        """A batch has come from the loader; all those of a window do before it begins."""
        self._loaded.append(samples)

    def take(self) -> tuple[dict[str, Any], int]:
        """The numbers of the step that has ended, and its samples."""
        self._add_up()
        if self._loss is None:
            self._say_unknown()
        samples = self._samples + sum(self._loaded)
        numbers = {"loss": self._loss, **self._numbers}
        self._loaded.clear()
        self._begin_step()
        return {name: value for name, value in numbers.items() if value is not None}, samples

    def _add_up(self) -> None:
        """Add the micro-batch that has ended to the step."""
        values, self._values = self._values, []
        self._micro_batches += 1
        self._passes += len(values)
        if not self._readable or len(values) != 1 or values[0] is None:
            self._loss = None
        elif self._loss is not None:
            self._loss = self._loss + values[0]

    def _say_unknown(self) -> None:
        if not self._said_unknown:
            self._said_unknown = True
            logger.warning(
                "the Trainer called backward %d times for %d micro-batches%s: the loss of such a step cannot be read from "
                "that, so it has none",
                self._passes,
                self._micro_batches,
                "" if self._readable else ", in an engine of its own",
            )

    # What backward passes and the optimizer show

    def begin_backward(self, tensors: Any, gradients: Any, inputs: Any) -> None:
        """A backward pass begins; see :class:`~traingauge.integrations.torch.backward.Observer`."""
        if not self._session.ended:
            self._session.guard.catch("integration", self._add, tensors, gradients)

    def end_backward(self, tensors: Any) -> None:
        """A backward pass has ended."""

    def _add(self, tensors: Any, gradients: Any) -> None:
        roots = list(tensors) if isinstance(tensors, (list, tuple)) else [tensors]
        given = list(gradients) if isinstance(gradients, (list, tuple)) else [gradients]
        made = BackwardPass(roots, given if len(given) == len(roots) else [None] * len(roots))
        self._values.append(made.value)

    def only_first(
        self, closure: Callable[[], Any], after: Callable[[], None], place: int
    ) -> Callable[[], Any]:
        """The closure itself: a ``Trainer`` passes none."""
        return closure

    def stepped(self, place: int, numbers: Mapping[str, Any]) -> None:
        """The optimizer has updated its parameters; see :class:`~traingauge.integrations.torch.optimizers.Recording`."""
        self._numbers = numbers
