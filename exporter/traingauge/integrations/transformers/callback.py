"""Hugging Face Transformers: a callback that records what a ``Trainer`` does.

The ``Trainer`` shows a callback its events, its model and its optimizer, but no loss. That is read where ``backward`` is
called (:mod:`traingauge.integrations.transformers.window`); rate and norm come from the optimizer's hooks. No hook reads a
value from a device. Only the main process records.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping, Sized
from contextlib import AbstractContextManager, ExitStack
from typing import TYPE_CHECKING, Any, ParamSpec

import torch
import transformers

from traingauge.core.events import Checkpointed, EpochEnd, Pass, Resumed, RolledBack, Scored
from traingauge.integrations.base import RunSource
from traingauge.integrations.torch import backward, in_place, loaders, scaling, structure
from traingauge.integrations.torch.optimizers import Updates, unwrapped
from traingauge.integrations.transformers.metrics import evaluated, logged
from traingauge.integrations.transformers.window import Window

if TYPE_CHECKING:
    from traingauge.integrations.base import Monitor, Session

P = ParamSpec("P")

#: Engines that call ``backward`` themselves, on a loss that they have scaled.
_ENGINES = ("DEEPSPEED", "MEGATRON_LM", "XLA")


class MonitorCallback(transformers.TrainerCallback):  # type: ignore[misc]  # untyped here
    """Records what a ``Trainer`` does in ``train``, ``evaluate`` and ``predict``.

    Each step has the loss that the optimizer descends, whatever ``logging_steps`` and ``logging_nan_inf_filter`` are, the
    learning rate that the optimizer used, and the norm of its gradients before clipping. Metrics of evaluations are
    published as the ``Trainer`` computes them.

    Args:
        monitor: A :class:`~traingauge.ModelMonitor`, whose run stays open; or the name of a model, for which a run is opened
            when ``train`` begins, and ended when it ends. An evaluation outside of ``train`` is recorded with a monitor
            only.

    Raises:
        InvalidTypeError: Neither a monitor nor a name.
        InvalidArgumentError: A name that does not fit.

    >>> callback = MonitorCallback("classifier")
    """

    def __init__(self, monitor: Monitor | str) -> None:
        self._runs = RunSource(monitor)
        self._session: Session | None = None
        self._undo = ExitStack()
        self._window: Window | None = None
        self._loader: Any = None
        self._training = False
        self._began = self._batches = 0

    def __reduce__(self) -> tuple[Callable[[], MonitorCallback], tuple[()]]:
        """A copy has the settings and nothing of a training; a monitor is never doubled."""
        return functools.partial(type(self), self._runs.given), ()

    # Training

    def on_train_begin(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Begin a run, and put the hooks in place.

        Raises:
            ClosedError: The run of the monitor has ended.
        """
        if not state.is_world_process_zero:
            return
        again = (
            self._training and args.auto_find_batch_size and self._active
        )  # the batches did not fit into memory
        self._remove_hooks()
        if not again:
            self._session = self._runs.begin()
            self._began = self._session.position().steps
        self._training = True
        if self._session is None or not self._session.enabled:
            self._session = None
            return
        if again:
            self._shield(self._session.record, RolledBack(self._began))
        self._session.before_end(self._remove_hooks)
        self._shield(self._begin, args, state, given)

    def _begin(self, args: Any, state: Any, given: Mapping[str, Any]) -> None:
        session, optimizer = self._session, unwrapped(_shown("optimizer", state, given))
        model = _shown("model", state, given)
        assert session is not None
        session.describe_framework("transformers", transformers.__version__)
        hooked = isinstance(optimizer, torch.optim.Optimizer)
        session.describe(structure.describe(model, [optimizer] if hooked else []))
        session.agree_on_step(state.global_step)
        session.trains(model, fresh=state.global_step == 0)
        window = self._window = Window(session, readable=_readable(args), updates=hooked)
        self._loader, self._batches = _shown("train_dataloader", state, given), 0
        self._enter(scaling.scales_shown, window.scaled)
        self._enter(backward.watched, window)
        if hooked:
            self._enter(Updates(optimizer, [optimizer], 0, session, window, gradient_norm=False).watched)
        if in_place.can_change(self._loader):
            self._enter(loaders.watched, self._loader, window.loaded, window.exhaust, session)
        session.record(Resumed(time.perf_counter(), max(0, state.max_steps - state.global_step)))

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Begin to count the batches of an epoch."""
        if self._window is not None:
            self._window.begin_epoch()

    def on_step_begin(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Begin a window of micro-batches."""
        if self._window is not None:
            self._window.begin()

    def on_substep_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Another micro-batch of the same step follows."""
        if self._window is not None:
            self._window.end_micro_batch()

    def on_step_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Record the step."""
        if self._window is not None:
            self._window.end(state.num_input_tokens_seen)

    def on_epoch_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """End the epoch, if the whole of it was trained on."""
        if self._window is not None and self._shield(self._is_whole, state, control):
            self._shield(self._record, EpochEnd(time.perf_counter()))

    def _is_whole(self, state: Any, control: Any) -> bool:
        """Whether the epoch ended by itself, or was stopped at its end, where the ``Trainer`` stops for ``max_steps``."""
        assert self._window is not None
        if not (control.should_epoch_stop or control.should_training_stop):
            return True
        if _is_sized(self._loader):
            return bool(state.epoch) and float(state.epoch).is_integer()
        return self._window.exhausted

    def on_save(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Record a checkpoint."""
        if self._window is not None:
            self._shield(self._record, Checkpointed(time.perf_counter()))

    def on_log(
        self, args: Any, state: Any, control: Any, logs: Mapping[str, Any] | None = None, **given: Any
    ) -> None:
        """Record what a trainer logs in addition, such as rewards."""
        if self._window is not None and logs:
            self._shield(self._log, logs)

    def _log(self, logs: Mapping[str, Any]) -> None:
        found = logged(logs)
        if found:
            self._record(Scored(time.perf_counter(), found, None, None, 0, 0))

    def on_train_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Steps that were not taken, because training was stopped early, are no longer planned."""
        if not self._training:
            return
        if self._window is not None:
            self._shield(self._record, Resumed(time.perf_counter(), 0))
        self._remove_hooks()
        self._training = False
        self._runs.end()

    # Evaluation

    def on_prediction_step(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Note that an evaluation goes ahead."""
        self._batches += 1
        if self._active and self._session is not None:
            self._session.alive()

    def on_evaluate(
        self, args: Any, state: Any, control: Any, metrics: Mapping[str, Any] | None = None, **given: Any
    ) -> None:
        """Record an evaluation."""
        batches, self._batches = self._batches, 0
        if state.is_world_process_zero and metrics:
            self._evaluate(metrics, batches, given.get("eval_dataloader"))

    on_predict = on_evaluate

    def _evaluate(self, metrics: Mapping[str, Any], batches: int, loader: Any) -> None:
        if not self._training:  # with a monitor, whose run is open
            self._session = None if isinstance(self._runs.given, str) else self._runs.given.session
        self._shield(self._pass, metrics, batches, loader)

    def _pass(self, metrics: Mapping[str, Any], batches: int, loader: Any) -> None:
        found = evaluated(metrics)
        if found is None:
            return
        dataset: Any = getattr(loader, "dataset", None)
        samples = len(dataset) if _is_sized(dataset) else 0
        done = Pass(found.split, time.perf_counter(), found.loss, batches, samples, scalars=found.scalars)
        self._record(done)

    # Hooks

    @property
    def _active(self) -> bool:
        return self._session is not None and self._session.enabled and not self._session.ended

    def _record(self, event: Any) -> None:
        assert self._session is not None
        self._session.record(event)

    def _shield(self, work: Callable[..., Any], *args: Any) -> Any:
        if self._session is not None and self._active:
            return self._session.guard.shield("integration", work, *args)
        return None

    def _enter(
        self, watched: Callable[P, AbstractContextManager[None]], *args: P.args, **kwargs: P.kwargs
    ) -> None:
        """Put a hook in place; one that cannot be leaves the others."""
        self._shield(lambda: self._undo.enter_context(watched(*args, **kwargs)))

    def _remove_hooks(self) -> None:
        undo, self._undo = self._undo, ExitStack()
        if self._window is not None:
            self._shield(self._window.record_waits)
        self._window = self._loader = None
        if self._session is not None:
            self._session.guard.shield("integration", undo.close)


def _shown(name: str, state: Any, given: Mapping[str, Any]) -> Any:
    """What the ``Trainer`` trains with; that of Transformers 4.49 shows it in its state alone."""
    found = getattr(state, name, None)
    return given[name] if found is None else found


def _readable(args: Any) -> bool:
    """Whether the loss is what ``backward`` is called on; Apex, before Transformers 5, scales it unseen."""
    kind = getattr(getattr(args.distributed_state, "distributed_type", None), "name", "")
    apex = getattr(args, "half_precision_backend", "") == "apex"
    return not args.deepspeed and not apex and kind not in _ENGINES


def _is_sized(thing: Any) -> bool:
    """Whether it has a length; a loader of a stream has the method, which raises.

    >>> _is_sized([1]), _is_sized(iter([1]))
    (True, False)
    """
    try:
        return isinstance(thing, Sized) and len(thing) >= 0
    except TypeError:
        return False
