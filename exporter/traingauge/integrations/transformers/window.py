"""What happens in one step of a ``Trainer``: a window of micro-batches, and an update.

The ``Trainer`` shows its callbacks no loss. But it calls ``backward`` once for each micro-batch, on its loss as the
optimizer descends it: divided by the items, or by the micro-batches, of the whole window. So the sum of these values is the
loss of the step, and what the ``Trainer`` itself averages for its logs.
"""

from __future__ import annotations

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
        self._values: list[Any] = []
        self._micro_batches = 1
        self._numbers: Mapping[str, Any] = {}
        self._samples = 0
        self._said_unknown = False
        self.exhausted = False

    def begin(self) -> None:
        """The first micro-batch begins."""
        self._values, self._micro_batches, self._numbers = [], 1, {}

    def begin_epoch(self) -> None:
        """Batches that were loaded and not trained on are forgotten."""
        self._samples, self.exhausted = 0, False

    def end_micro_batch(self) -> None:
        """A micro-batch has ended, and another one of the same step follows."""
        self._micro_batches += 1

    def loaded(self, samples: int) -> None:
        """A batch has come from the loader; all those of a window do before it begins."""
        self._samples += samples

    def take(self) -> tuple[dict[str, Any], int]:
        """The numbers of the step that has ended, and its samples."""
        loss = self._loss()
        if loss is None:
            self._say_unknown()
        samples, self._samples = self._samples, 0
        numbers = {"loss": loss, **self._numbers}
        return {name: value for name, value in numbers.items() if value is not None}, samples

    def _loss(self) -> Any:
        known = self._readable and len(self._values) == self._micro_batches
        return sum(self._values) if known and all(value is not None for value in self._values) else None

    def _say_unknown(self) -> None:
        if not self._said_unknown:
            self._said_unknown = True
            logger.warning(
                "the Trainer called backward %d times for %d micro-batches%s: the loss of such a step cannot be read from "
                "that, so it has none",
                len(self._values),
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
