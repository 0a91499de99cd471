"""Records a training loop that is left as it is.

Hooks of the framework's own objects see all that a loop does: an optimizer's, each update; a criterion's, each loss with its
labels and predictions; that of a loss, whether a backward pass reaches it. ``torch.autograd.backward`` shows what a pass
begins from. Hooks are removed when the ``with`` is left.

No hook reads a value from a device, or takes part in a collective operation: numbers, labels and predictions stay there
until the run is read. An error in a hook is counted and logged, and never reaches the loop.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, ParamSpec, Self, TypeVar

import torch

from traingauge import validation
from traingauge.catalog import SPLITS
from traingauge.core import scalar_names
from traingauge.core.copies import Unique
from traingauge.core.events import DataWaits, Resumed
from traingauge.core.watch import Watched
from traingauge.errors import InvalidArgumentError, InvalidTypeError, shown
from traingauge.integrations.base import RunSource
from traingauge.integrations.torch import backward, loaders, ranks, scaling, structure
from traingauge.integrations.torch.accumulation import validate_kind
from traingauge.integrations.torch.optimizers import Updates, counted_steps, unwrapped
from traingauge.integrations.torch.recording import Recording
from traingauge.integrations.torch.values import runs_without_python

if TYPE_CHECKING:
    from traingauge.integrations.base import Monitor, Session

L = TypeVar("L")
P = ParamSpec("P")

#: Those whose ``with`` is under way.
_active: list[Watch] = []


def watch(
    monitor: Monitor | str,
    model: Any,
    optimizer: Any,
    criterion: Any = None,
    loader: Any = None,
    *,
    scaler: Any = None,
    accumulation: str | int | None = None,
    split: str = "validation",
    gradient_norm: bool = False,
) -> Watch:
    """Record the training loop inside the ``with``, which stays as it is.

    Each update of the optimizer is a step, with the learning rate that it used. The loss of a step is what the loop calls
    ``backward`` on, if a loss of the criterion is in it; under accumulation the mean of the micro-batches. Labels and
    predictions are scored where the criterion is one of PyTorch's and says what they are, or :class:`~traingauge.Scoring`
    does. A criterion that is called without gradients, or for a model in evaluation mode, evaluates; a pass ends when
    training continues.

    Args:
        monitor: A :class:`~traingauge.ModelMonitor`, whose run stays open; or the name of a model, for which a run is opened
            with the ``with``, and ended with it. Where several processes train together, that run is opened in rank 0 alone.
        model: The module, or a sequence of modules that are trained together.
        optimizer: The optimizer. Of a sequence, all train on one loss, and an update of the last completes a step. Of a
            mapping, each has a loss of its own, published as the scalar ``loss_NAME``; the last completes a step and gives
            ``model_loss``. Labels and predictions are then not scored.
        criterion: The module that computes the loss, or a sequence of several. A loss that a function computes is passed
            to :meth:`Watch.loss`.
        loader: The loader of the training batches, if waits for data and ends of epochs are to be recorded.
        scaler: The ``torch.amp.GradScaler``, if there is one: updates that it skips are then not counted as steps, but in
            the scalar ``skipped_steps``.
        accumulation: How the loop accumulates gradients: the number by which it divides each loss, where the loss of a step
            is the mean of its micro-batches, also of fewer; ``sum``, where it is the sum of what ``backward`` is called on,
            because the loop weighs them or calls ``backward`` on each term of one loss; or ``mean``, because the loop does
            neither. Without it that is read from the numbers by which the loop divides. Losses that it does not divide are
            assumed to be micro-batches: their mean is published, and the assumption is logged once. A step where it cannot
            be read has no loss, which is logged once.
        split: Where evaluations belong: ``validation`` or ``test``.
        gradient_norm: Also compute the global norm of the gradients that the optimizer gets, one more pass over them. A norm
            by which ``clip_grad_norm_`` clips all of them is recorded in any case, as it was before clipping.

    Raises:
        InvalidTypeError: A model, an optimizer, a criterion or a loader that cannot be watched.
        InvalidArgumentError: At the ``with``: the monitor, or a criterion, is watched already.
        TrainGaugeError: Any other argument that does not fit.

    >>> from traingauge import ModelMonitor
    >>> model, criterion = torch.nn.Linear(2, 1), torch.nn.MSELoss()
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> with ModelMonitor("doc", delivery=[]) as monitor, watch(monitor, model, optimizer, criterion):
    ...     for _ in range(3):
    ...         optimizer.zero_grad()
    ...         criterion(model(torch.ones(8, 2)), torch.ones(8, 1)).backward()
    ...         optimizer.step()
    >>> rows = monitor.rows()
    >>> rows["step"].tolist(), rows["samples"].tolist(), rows["learning_rate"].tolist()
    ([1.0, 2.0, 3.0], [8.0, 8.0, 8.0], [0.1, 0.1, 0.1])
    """
    return Watch(
        RunSource(monitor),
        _modules("model", model),
        *_optimizers(optimizer),
        () if criterion is None else _modules("criterion", criterion),
        None if loader is None else loaders.validate_loader(loader),
        None if scaler is None else scaling.validate_scaler(scaler),
        None if accumulation is None else validate_kind(accumulation),
        validation.choice("split of an evaluation", split, SPLITS[1:]),
        gradient_norm=validation.flag("gradient_norm", gradient_norm),
    )


class Watch(Unique):
    """A training loop that is recorded inside its ``with``. Made by :func:`watch`.

    A module that is watched refers to it, so a copy of the module does: in this process it is recorded as the module is.
    """

    _recording: Recording | None = None
    _session: Session | None = None

    def __init__(  # noqa: PLR0917 made in one place
        self,
        runs: RunSource,
        models: Sequence[Any],
        optimizers: Sequence[Any],
        names: Sequence[str] | None,
        criteria: Sequence[Any],
        loader: Any,
        scaler: Any,
        accumulation: str | int | None,
        split: str,
        *,
        gradient_norm: bool,
    ) -> None:
        self._runs, self._models, self._optimizers, self._names = runs, models, optimizers, names
        self._criteria, self._loader, self._scaler, self._split = criteria, loader, scaler, split
        self._accumulation, self._gradient_norm = accumulation, gradient_norm
        self._updates: list[Updates] = []
        self._undo = ExitStack()

    def stand_in(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        """A copy of the module in another process is recorded by nothing."""
        return Watch.__new__, (Watch,)

    def loss(self, loss: L, y_true: Any = None, y_pred: Any = None) -> L:
        """The same loss, recorded: for one that no criterion computes, such as that of ``torch.nn.functional``.

        Args:
            loss: A tensor, before the loop divides it by the number of micro-batches and calls ``backward``.
            y_true: Labels, as in :meth:`traingauge.ModelMonitor.step`.
            y_pred: Predictions.

        >>> import torch.nn.functional as F
        >>> from traingauge import ModelMonitor
        >>> model = torch.nn.Linear(2, 1)
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        >>> with ModelMonitor("doc", delivery=[]) as monitor, watch(monitor, model, optimizer) as watched:
        ...     watched.loss(F.mse_loss(model(torch.ones(8, 2)), torch.ones(8, 1))).backward()
        ...     optimizer.step()
        >>> len(monitor.rows()["loss"])
        1
        """
        self._take(loss, y_true, y_pred)
        return loss

    def evaluation(self, split: str) -> AbstractContextManager[None]:
        """A pass over ``validation`` or ``test`` inside the ``with``, whatever the mode of the model is.

        Raises:
            UnknownNameError: Another split.
        """
        validation.choice("split of an evaluation", split, SPLITS[1:])
        return nullcontext() if self._recording is None else self._recording.evaluation(split)

    def __enter__(self) -> Self:
        """Begin to record; a run that is opened for a name, in rank 0 alone.

        Raises:
            InvalidArgumentError: The monitor, or a criterion, is watched already: its steps or losses would count twice.
            ClosedError: The monitor's run has ended.
        """
        self._refuse_what_is_watched()
        if isinstance(self._runs.given, str) and ranks.rank():
            return self
        session = self._session = self._runs.begin()
        if session.enabled:
            _active.append(self)
            self._recording = Recording(
                session,
                self._models,
                self._optimizers,
                self._names,
                self._split,
                accumulation=self._accumulation,
            )
            self._shield(self._describe)
            self._install()
            self._shield(session.record, Resumed(time.perf_counter()))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self in _active:
            _active.remove(self)
        recording, self._recording = self._recording, None
        if recording is not None and error is None:
            self._shield(recording.end_pass)
            if not any(updates.count for updates in self._updates):
                self._shield(recording.notice_no_step)
        if self._session is not None:
            self._session.guard.shield("integration", self._undo.close)
        self._runs.end_after(error)

    def _refuse_what_is_watched(self) -> None:
        for other in _active:
            if other._runs.given is self._runs.given and not isinstance(self._runs.given, str):
                raise InvalidArgumentError(
                    "monitor watches a loop already: leave that with first, pass several models or optimizers to one "
                    "watch(…), or make another ModelMonitor"
                )
            theirs = [structure.unwrapped(one) for one in other._criteria]
            for criterion in self._criteria:
                if any(structure.unwrapped(criterion) is one for one in theirs):
                    raise InvalidArgumentError(
                        f"criterion {type(structure.unwrapped(criterion)).__name__} is watched for another model "
                        "already, and its losses would mix: make one for each watch(…)"
                    )

    def _describe(self) -> None:
        session, first = self._session, self._optimizers[-1]
        assert session is not None
        session.describe_framework("torch", torch.__version__)
        criterion = self._criteria[0] if self._criteria else None
        session.describe(structure.describe(self._models, self._optimizers, criterion))
        counted = counted_steps(first)
        if counted is not None:
            session.agree_on_step(counted)
        session.trains(self._models[0], fresh=not first.state)

    def _install(self) -> None:
        """Put the hooks in place; one that cannot be leaves the others."""
        session, recording = self._session, self._recording
        assert session is not None
        assert recording is not None
        self._updates = [
            Updates(
                optimizer,
                self._optimizers if self._names is None else [optimizer],
                place,
                session,
                recording,
                gradient_norm=self._gradient_norm,
                threads=recording.threads,
            )
            for place, optimizer in enumerate(self._optimizers)
        ]
        for updates in self._updates:
            self._enter(updates.watched)
        self._enter(scaling.scales_noted)
        self._enter(backward.watched, recording)
        self._enter(recording.trials.watched, self._shield)
        for criterion in self._criteria:
            self._shield(self._hook, criterion)
        if self._scaler is not None:
            self._enter(scaling.watched, self._scaler, self._count, self._skipped)
        if self._loader is not None:
            twice = isinstance(self._loader, Watched)  # by the monitor, too
            waited = _nothing if twice else self._waited
            self._enter(loaders.watched, self._loader, waited, self._ended, session)

    def _enter(
        self, watched: Callable[P, AbstractContextManager[None]], *args: P.args, **kwargs: P.kwargs
    ) -> None:
        self._shield(lambda: self._undo.enter_context(watched(*args, **kwargs)))

    def _hook(self, criterion: Any) -> None:
        hook = partial(self._computed, structure.unwrapped(criterion))
        self._undo.callback(criterion.register_forward_hook(hook, with_kwargs=True).remove)

    def _shield(self, work: Callable[..., Any], *args: Any) -> None:
        session = self._session
        if session is not None and session.enabled and not session.ended:
            session.guard.catch("integration", work, *args)

    # Hooks

    def _computed(
        self, criterion: Any, _: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], output: Any
    ) -> None:
        """A criterion has computed a loss from predictions and labels."""
        if runs_without_python():
            return
        given = (*args, *kwargs.values(), None, None)
        self._take(output, given[1], given[0], criterion)

    def _take(self, loss: Any, y_true: Any, y_pred: Any, criterion: Any = None) -> None:
        recording, session = self._recording, self._session
        if recording is None or session is None or session.ended:
            return
        if not recording.inside:
            for updates in self._updates:
                if updates.end_failed():
                    recording.forget()
        session.guard.catch("integration", recording.take, loss, y_true, y_pred, criterion)

    def _waited(self, seconds: float, _: Any) -> None:
        if self._session is not None:
            self._shield(self._session.record, DataWaits((seconds,)))

    def _ended(self) -> None:
        if self._recording is not None:
            self._shield(self._recording.end_epoch)

    def _count(self, optimizer: Any) -> int:
        return sum(updates.count for updates in self._of(optimizer))

    def _skipped(self, optimizer: Any) -> None:
        if self._recording is not None:
            for updates in self._of(optimizer):
                self._shield(self._recording.skipped, updates.place)

    def _of(self, optimizer: Any) -> list[Updates]:
        return [one for one in self._updates if optimizer in one.seen]


def _nothing(seconds: float, batch: Any) -> None:
    """Waits that the monitor records itself."""


def _modules(what: str, given: Any) -> Sequence[Any]:
    modules = list(given) if isinstance(given, (list, tuple)) else [given]
    for module in modules:
        if not isinstance(module, torch.nn.Module):
            also = "; pass the loss of a function to watched.loss(…)" if what == "criterion" else ""
            raise InvalidTypeError(f"{what} is {shown(module)}: expected a torch.nn.Module{also}")
    if not modules:
        raise InvalidArgumentError(f"{what} is empty: expected a torch.nn.Module")
    return modules


def _optimizers(given: Any) -> tuple[Sequence[Any], Sequence[str] | None]:
    """The optimizers, and their names where each has a loss of its own."""
    names = [str(name) for name in given] if isinstance(given, Mapping) else None
    several = given.values() if isinstance(given, Mapping) else given if _is_several(given) else [given]
    found = [unwrapped(one) if isinstance(one, torch.optim.Optimizer) else one for one in several]
    for one in found:
        if not isinstance(one, torch.optim.Optimizer):
            raise InvalidTypeError(f"optimizer is {shown(one)}: expected a torch.optim.Optimizer")
    if not found:
        raise InvalidArgumentError("optimizer is empty: expected a torch.optim.Optimizer")
    scalar_names.check(f"loss_{name}" for name in names or ())
    return found, names


def _is_several(given: Any) -> bool:
    return isinstance(given, (list, tuple))
