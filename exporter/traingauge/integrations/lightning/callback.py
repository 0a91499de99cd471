"""The callback of a trainer: it opens the run, and passes on what training, passes and their ends show.

No hook reads a value from a device, or takes part in a collective operation, but at the end of a pass.
"""

from __future__ import annotations

import functools
import math
import sys
import time
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeVar, cast

from traingauge import validation
from traingauge.core.events import Checkpointed, EpochEnd, Resumed, Scored
from traingauge.integrations.base import RunSource
from traingauge.integrations.lightning import outputs as read
from traingauge.integrations.lightning.logged import Logged
from traingauge.integrations.lightning.steps import TrainingSteps
from traingauge.integrations.torch import structure
from traingauge.integrations.torch.optimizers import counted_steps
from traingauge.integrations.torch.passes import OpenPass

if TYPE_CHECKING:
    from traingauge.integrations.base import Monitor, Session

Hook = TypeVar("Hook", bound=Callable[..., None])

#: The packages of Lightning: each has a ``Callback`` of its own.
_PACKAGES = ("lightning.pytorch", "pytorch_lightning")


def _bases() -> tuple[type, ...]:
    """The ``Callback`` of each package that is imported; of the first that is installed, if none is."""
    names = [name for name in _PACKAGES if name in sys.modules]
    if not names:
        names = [next(name for name in _PACKAGES if find_spec(name.partition(".")[0]) is not None)]
    return tuple(import_module(name).Callback for name in names)


def _guarded(hook: Hook) -> Hook:
    """A hook whose own errors are counted, and that does nothing where no run records."""

    @functools.wraps(hook)
    def guarded(self: MonitorCallback, *args: Any, **kwargs: Any) -> None:
        session = self._session
        if session is not None and not session.ended:
            session.guard.catch("integration", hook, self, *args, **kwargs)

    return cast("Hook", guarded)


def _planned_steps(trainer: Any) -> int | None:
    """Steps that the trainer plans to take from now on; ``None`` if it has no end, or its windows change by epoch."""
    if any(len(getattr(one, "scheduling", ())) > 1 for one in trainer.callbacks):
        return None
    total = trainer.estimated_stepping_batches
    return None if total < 0 or math.isinf(total) else max(0, int(total) - trainer.global_step)


class MonitorCallback(*_bases()):  # type: ignore[misc]  # Lightning may be absent where types are checked
    """Records what a ``Trainer`` does in ``fit``, ``validate`` and ``test``.

    Each update of the optimizer is a step. Its loss is what ``training_step`` returned, under accumulation the mean of the
    batches; its learning rate is the one that the optimizer used. Where a step returns a mapping with ``y_true`` and
    ``y_pred``, these are scored. Lightning's sanity check is no evaluation.

    Args:
        monitor: A :class:`~traingauge.ModelMonitor`, whose run stays open; or the name of a model, for which a run is opened
            when the trainer begins, and ended when it ends, in the process of rank 0.
        gradient_norm: Also compute the global norm of the gradients that the optimizer gets, one more pass over them. A norm
            by which Lightning clips is recorded in any case, as it was before clipping.

    Raises:
        TrainGaugeError: An argument that does not fit.
    """

    def __init__(self, monitor: Monitor | str, *, gradient_norm: bool = False) -> None:
        super().__init__()
        self._runs = RunSource(monitor)
        self._gradient_norm = validation.flag("gradient_norm", gradient_norm)
        self._session: Session | None = None
        self._steps: TrainingSteps | None = None
        self._pass: OpenPass | None = None
        self._logged = Logged()
        self._planned = False

    def __reduce__(self) -> tuple[Callable[[], MonitorCallback], tuple[()]]:
        """A copy, such as another process gets, has the settings and nothing of a fit."""
        return functools.partial(type(self), self._runs.given, gradient_norm=self._gradient_norm), ()

    # The run

    def setup(self, trainer: Any, pl_module: Any, stage: str) -> None:
        """The trainer begins: so does the run of a name.

        Raises:
            ClosedError: The run of the monitor has ended.
        """
        self._leave()
        self._session = None
        if stage == "predict" or (isinstance(self._runs.given, str) and trainer.global_rank):
            return
        session = self._runs.begin()
        if session.enabled:
            self._session = session
            self._logged = Logged()
            session.guard.catch("integration", self._describe_framework, trainer)

    def teardown(self, trainer: Any, pl_module: Any, stage: str) -> None:
        """The trainer has ended."""
        self._leave()
        if stage != "predict":
            self._runs.end()

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """An exception has ended the trainer."""
        self._leave()
        self._runs.end_after(exception)

    def _leave(self) -> None:
        """Take off the hooks of a fit, and forget a pass that has no end."""
        steps, self._steps, self._pass = self._steps, None, None
        if steps is not None and self._session is not None:
            self._session.guard.shield("integration", steps.close)

    def _describe_framework(self, trainer: Any) -> None:
        package = type(trainer).__module__.partition(".")[0]
        self._active.describe_framework("lightning", str(getattr(sys.modules[package], "__version__", "")))

    @property
    def _active(self) -> Session:
        assert self._session is not None  # no hook runs without
        return self._session

    # Training

    @_guarded
    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Checkpoints are restored, and the sanity check is over."""
        if not trainer.optimizers:
            return
        session, optimizers = self._active, trainer.optimizers
        self._steps = TrainingSteps(
            session,
            trainer,
            self._logged,
            automatic=pl_module.automatic_optimization,
            gradient_norm=self._gradient_norm,
        )
        session.describe(structure.describe([pl_module], optimizers, None))
        counted = counted_steps(optimizers[-1])
        if not counted and len(optimizers) == 1:
            counted = trainer.global_step
        if counted is not None:
            session.agree_on_step(counted)
        session.trains(pl_module, fresh=not trainer.global_step)
        self._planned = False

    @_guarded
    def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
        """What came before is no part of the epoch's first step."""
        self._record_epoch(trainer)
        planned = None
        if not self._planned and pl_module.automatic_optimization:
            planned = _planned_steps(trainer)
            self._planned = planned is not None
        self._active.record(Resumed(time.perf_counter(), planned))

    @_guarded
    def on_before_backward(self, trainer: Any, pl_module: Any, loss: Any) -> None:
        """A backward pass begins."""
        if self._steps is not None:
            self._steps.before_backward(loss)

    @_guarded
    def on_before_optimizer_step(self, trainer: Any, pl_module: Any, optimizer: Any) -> None:
        """Gradients are ready, and not yet clipped."""
        if self._steps is not None:
            self._steps.before_update(optimizer)

    @_guarded
    def on_train_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """A batch is done."""
        if self._steps is not None:
            self._steps.batch_ended(outputs, batch)

    @_guarded
    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """The loader has given all its batches."""
        self._active.record(EpochEnd(time.perf_counter()))

    @_guarded
    def on_save_checkpoint(self, trainer: Any, pl_module: Any, checkpoint: Any) -> None:
        """A checkpoint is saved."""
        self._active.record(Checkpointed(time.perf_counter()))

    @_guarded
    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """Steps that the trainer did not take, because it was stopped early, are no longer planned."""
        self._record_epoch(trainer)
        if self._planned:
            self._active.record(Resumed(time.perf_counter(), 0))

    def _record_epoch(self, trainer: Any) -> None:
        """Record what was logged of the epoch that has ended, once Lightning has computed it in all processes."""
        found = self._logged.new(trainer.callback_metrics, of_epoch=True)
        if found:
            self._active.record(Scored(time.perf_counter(), found, None, None, 0, 0))

    # Passes

    def on_validation_start(self, trainer: Any, pl_module: Any) -> None:
        """A pass begins, or the sanity check."""
        self._begin_pass(trainer, "validation")

    def on_test_start(self, trainer: Any, pl_module: Any) -> None:
        """A pass begins."""
        self._begin_pass(trainer, "test")

    @_guarded
    def _begin_pass(self, trainer: Any, split: str) -> None:
        self._pass = None if trainer.sanity_checking else OpenPass(self._active, split)

    @_guarded
    def on_validation_batch_end(  # noqa: PLR0917 as Lightning calls it
        self,
        trainer: Any,
        pl_module: Any,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """A batch of any of the loaders is done."""
        found = self._pass
        if found is None:
            return
        if batch_idx == 0:
            self._logged.new(trainer.callback_metrics)  # what training has logged is no part of the pass
        one = read.read(self._active, outputs, batch, found.split)
        found.add(one, one.loss, one.samples or None)

    on_test_batch_end = on_validation_batch_end

    @_guarded
    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
        """The pass is complete, with what was logged in it."""
        done, self._pass = self._pass, None
        if done is not None:
            done.finish(self._logged.new(trainer.callback_metrics))

    on_test_end = on_validation_end
