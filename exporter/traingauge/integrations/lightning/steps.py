"""The training steps of a trainer: batches until an optimizer updates."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from traingauge.core.events import Scored
from traingauge.integrations.lightning import outputs as read
from traingauge.integrations.lightning.logged import Logged
from traingauge.integrations.torch.optimizers import Updates
from traingauge.logs import logger

if TYPE_CHECKING:
    from traingauge.integrations.base import Session


class TrainingSteps:
    """Records the steps of one ``fit``. The last optimizer completes a step.

    Args:
        session: The run.
        trainer: The trainer, whose optimizers are ready.
        automatic: Whether Lightning updates the optimizer, and not the module.
        logged: What the module logs.
        gradient_norm: Whether to compute the norm where nothing clips by it.
    """

    def __init__(
        self, session: Session, trainer: Any, logged: Logged, *, automatic: bool, gradient_norm: bool
    ) -> None:
        self._session, self._trainer, self._logged, self._automatic = session, trainer, logged, automatic
        self._computes_norm = gradient_norm
        self._batches: list[read.Batch] = []
        self._numbers: Mapping[str, Any] = {}  # of the last update
        self._updated = self._taken = self._skipped = 0
        self._attempted = self._said_unknown = False
        self._first_loss: Any = None  # of the batch, and how often the optimizer has asked for it
        self._asked = 0
        self._undo = ExitStack()
        self._updates = Updates(
            trainer.optimizers[-1],
            trainer.optimizers[-1:],
            0,
            session,
            self,
            gradient_norm=gradient_norm,
        )
        self._undo.enter_context(self._updates.watched())

    def close(self) -> None:
        """Take the hooks off."""
        self._undo.close()

    # Hooks of the optimizer

    def only_first(
        self, closure: Callable[[], Any], after: Callable[[], None], place: int
    ) -> Callable[[], Any]:
        """The closure as it is: Lightning shows each call of it."""
        return closure

    def stepped(self, place: int, numbers: Mapping[str, Any]) -> None:
        """The optimizer has updated its parameters."""
        self._updated += 1
        self._numbers = numbers

    # Hooks of the trainer

    def before_backward(self, loss: Any) -> None:
        """A backward pass begins. Of a closure that is called several times, the first loss counts."""
        self._asked += 1
        if self._first_loss is None and self._automatic:
            self._first_loss = loss.detach()

    def before_update(self, optimizer: Any) -> None:
        """An optimizer is about to update: gradients are unscaled, and not yet clipped by Lightning."""
        if optimizer not in self._updates.seen:
            return
        self._attempted = True
        scaled = self._scaler() is not None and getattr(optimizer, "_step_supports_amp_scaling", False)
        if self._computes_norm and not scaled:
            self._updates.compute_norm()

    def batch_ended(self, outputs: Any, batch: Any) -> None:
        """A batch is done: it completes a step if the optimizer has updated."""
        self._batches.append(self._read(outputs, batch))
        if self._updated:
            self._record(self._losses() | dict(self._numbers) | self._new(), self._updated)
            self._taken += self._updated
        elif self._attempted:
            self._skip()
        if self._updated or self._attempted:
            self._batches.clear()
            self._updates.forget_norm()
        self._first_loss, self._asked, self._updated, self._attempted = None, 0, 0, False

    def _read(self, outputs: Any, batch: Any) -> read.Batch:
        first = self._first_loss if self._asked > 1 else None
        found = read.read(self._session, outputs, batch, "train", first)
        if self._automatic and found.loss is not None:  # Lightning has divided it
            found.loss = found.loss * self._trainer.accumulate_grad_batches
        return found

    def _losses(self) -> dict[str, Any]:
        """The mean of the batches that had a loss."""
        known = [batch.loss for batch in self._batches if batch.loss is not None]
        if known:
            return {"loss": sum(known) / len(known)}
        if not self._automatic and not self._said_unknown:
            self._said_unknown = True
            logger.warning(
                "training_step returned no loss, so its steps have none: return it, also if you optimize manually"
            )
        return {}

    def _new(self) -> dict[str, Any]:
        """What was logged, as often as Lightning's own loggers get it."""
        every = self._trainer.log_every_n_steps
        due = every and (self._taken + self._updated) % every < self._updated
        found = self._logged.new(self._trainer.callback_metrics) if due or self._trainer.is_last_batch else {}
        return found if due else {}

    def _skip(self) -> None:
        """A scaler has skipped the update; without a loss there was nothing to update by."""
        losses = self._losses()
        if losses and self._scaler() is not None:
            self._skipped += 1
            self._record({**losses, "skipped_steps": float(self._skipped)}, 0)

    def _scaler(self) -> Any:
        return getattr(self._trainer.precision_plugin, "scaler", None)

    def _record(self, numbers: Mapping[str, Any], steps: int) -> None:
        given = {name: value for name, value in numbers.items() if value is not None}
        scored = [batch.scored for batch in self._batches if batch.scored is not None] if steps else []
        samples = sum(batch.samples for batch in self._batches) if steps else 0
        first = scored[0] if scored else None
        self._session.record(Scored(time.perf_counter(), given, first, None, samples, steps, scored[1:]))
