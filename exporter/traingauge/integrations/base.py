"""What integrations share: the session that they talk to, the run behind it, and which integration knows which model.

An integration is a module, or a package, that connects a framework's own hooks to a :class:`Session`. It imports neither
:mod:`traingauge.monitor` nor another integration, but that of the framework which its own builds on. Another one is its
file, its test, and, for a framework that has models of its own, a line in :data:`INTEGRATIONS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any, Protocol, cast

from traingauge import validation
from traingauge.errors import ClosedError, InvalidTypeError
from traingauge.process.runs import live_runs

if TYPE_CHECKING:
    from traingauge.core.deferred_scores import Unencoded
    from traingauge.core.events import Event
    from traingauge.core.guard import Guard
    from traingauge.core.model_description import ModelDescription
    from traingauge.core.reference_bins import ReferenceBins
    from traingauge.core.task_hints import TaskHints
    from traingauge.stats.classification.encoding import Encoded
    from traingauge.stats.classification.tasks import Task
    from traingauge.stats.curves import Position

#: Which integration knows the models of a framework, by the package that their class, or one above it, comes from.
INTEGRATIONS: Mapping[str, str] = MappingProxyType(
    {"keras": "traingauge.integrations.keras", "torch": "traingauge.integrations.torch"}
)


class Session(Protocol):
    """All that an integration may touch of a run: :attr:`traingauge.ModelMonitor.session`.

    Methods that take something raise :class:`~traingauge.errors.ClosedError` once the run has ended.

    Attributes:
        in_training: Whether the run is that of a training which has not ended. A run that ends meanwhile, with the process
            or because nothing refers to it any more, has failed: the script has caught what ended its training.
    """

    in_training: bool

    @property
    def enabled(self) -> bool:
        """Whether anything is recorded; if not, the integration leaves training as it is."""

    @property
    def state(self) -> str:
        """``running``, ``finished``, ``failed`` or ``interrupted``."""

    @property
    def ended(self) -> bool:
        """Whether the run has ended, and takes nothing more."""

    @property
    def guard(self) -> Guard:
        """Runs the integration's own work, so that its errors do not reach training."""

    def step(  # noqa: PLR0917 as in the recorder
        self,
        loss: Any,
        y_true: Any,
        y_pred: Any,
        features: Any,
        sample_weight: Any,
        samples: int,
        scalars: Mapping[str, Any],
        steps: int = 1,
    ) -> None:
        """Record one training step from arrays; see :meth:`traingauge.ModelMonitor.step`."""

    def encode(
        self,
        y_true: Any,
        y_pred: Any,
        sample_weight: Any,
        split: str = "train",
        output: str = "",
        *,
        later: bool = False,
    ) -> Encoded | Unencoded | None:
        """Labels and predictions reduced to what scores are made of, for an event.

        Args:
            y_true: Labels or true values.
            y_pred: Predictions.
            sample_weight: Weights, or ``None``.
            split: Split.
            output: Name of an output of a model with several, which has a task of its own; empty for the whole.
            later: Whether tensors of PyTorch may wait until the event is drained, also while those that do not fit would
                raise: they are then counted.
        """

    def bring_over(self, steps: Sequence[Encoded | Unencoded], output: str = "") -> list[Encoded | Unencoded]:
        """Steps as they are encoded, for which a device is waited for."""

    def record(self, event: Event) -> None:
        """Record what happened: steps, a pass, the end of an epoch and so on; see :mod:`traingauge.core.events`."""

    def alive(self) -> None:
        """Note that training is alive where it takes no step for long, such as at a batch of a pass."""

    def describe(self, description: ModelDescription) -> None:
        """Publish what is being trained."""

    def describe_framework(self, name: str, version: str) -> None:
        """Publish with what it is trained."""

    @property
    def hints(self) -> TaskHints:
        """What the user said about the model's task."""

    def found_task(
        self,
        task: Task,
        classes: int | Sequence[str] | None = None,
        *,
        from_logits: bool | None = None,
        ignore_index: int | None = None,
        output: str = "",
    ) -> None:
        """Take what the integration found out about the task; what the user said stays.

        Args:
            task: The task.
            classes: Number of classes, or their names.
            from_logits: Whether predictions are logits.
            ignore_index: Label that is left out.
            output: Name of an output of a model with several; empty for the whole.

        Raises:
            LabelError: Another number of classes than is known.
        """

    @property
    def bins(self) -> ReferenceBins | None:
        """The reference's bins, to count values in and to give the counts back; ``None`` without a reference."""

    def position(self) -> Position:
        """How far the model has come."""

    def agree_on_step(self, counted: int, at_once: int = 1) -> None:
        """Compare with the steps that the model's optimizer has counted, when training begins.

        A resumed run rolls back to the step of the checkpoint that the model was restored from.

        Args:
            counted: By the optimizer.
            at_once: Steps that it counts at once.
        """

    def trains(self, model: object, *, fresh: bool) -> None:
        """Training of a model begins. A second one that begins from nothing under the same run is said, once.

        Args:
            model: The model.
            fresh: Whether it has taken no steps yet.
        """

    def before_end(self, method: Callable[[], None]) -> None:
        """Call a bound method before the run ends; only a weak reference to its object is kept."""


class Integration(Protocol):
    """What the module of an integration offers. A framework without ``fit`` leaves that out."""

    def recognises(self, model: Any) -> bool:
        """Whether it knows the model."""

    def name_of(self, model: Any) -> str:
        """Name of the model, for a run that was given none."""

    def describe(self, model: Any) -> ModelDescription:
        """Structure of the model."""

    def fit(self, model: Any, monitor: Monitor, *args: Any, **kwargs: Any) -> None:
        """Train the model with everything recorded; the arguments are those of the framework's own ``fit``."""


class Monitor(Protocol):
    """What an integration uses of a :class:`~traingauge.ModelMonitor`.

    Attributes:
        model: Name of the model.
    """

    model: str

    @property
    def session(self) -> Session:
        """The run."""

    def close(self, state: str = "finished") -> None:
        """End the run."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End the run that an exception has left, or nothing."""


class RunSource:
    """Where an integration gets its run: from a monitor, whose run stays open, or for a name a new one each time.

    Args:
        monitor: A :class:`~traingauge.ModelMonitor`, or the name of a model.

    Attributes:
        model: Name of the model.
        given: As given.

    Raises:
        InvalidTypeError: Neither.
        InvalidArgumentError: A name that does not fit.
    """

    def __init__(self, monitor: Monitor | str) -> None:
        if isinstance(monitor, str):
            self.model = validation.name("monitor", monitor)
        elif not (hasattr(monitor, "session") and hasattr(monitor, "close")):
            raise InvalidTypeError(
                f"monitor is a {type(monitor).__name__}: expected a ModelMonitor, or the name of a model"
            )
        else:
            self.model = monitor.model
        self.given = monitor
        self._opens = isinstance(monitor, str)
        self._monitor = None if isinstance(monitor, str) else monitor

    def begin(self) -> Session:
        """The run to record now; a run that was opened before and never ended has failed.

        Raises:
            ClosedError: The monitor's run has ended.
        """
        if self._opens:
            self.end("failed")
            self._monitor = open_run(self.model)
            self._monitor.session.in_training = True
        assert self._monitor is not None
        session = self._monitor.session
        if session.ended:
            live_runs.leave_dying_process()
            raise ClosedError(f"the run is {session.state}: make a new ModelMonitor")
        return session

    def end(self, state: str = "finished") -> None:
        """End the run that was opened for a name; that of a monitor stays open."""
        monitor = self._left()
        if monitor is not None:
            monitor.session.guard.shield("integration", monitor.close, state)

    def end_after(self, error: BaseException | None) -> None:
        """The same where the exception that ended training is known; ``None`` if none did."""
        monitor = self._left()
        if monitor is not None:
            kind = None if error is None else type(error)
            monitor.session.guard.shield("integration", monitor.__exit__, kind, error, None)

    def abandon(self) -> None:
        """End the run that was opened for a name, whose training has ended by an exception that is not known here.

        The run is still that of a training, and so its end says what is known of one that did not end by itself.
        """
        if self._opens and self._monitor is not None:
            monitor, self._monitor = self._monitor, None
            monitor.session.guard.shield("integration", monitor.close)

    def _left(self) -> Monitor | None:
        """The run that was opened for a name, which is now left."""
        if not self._opens or self._monitor is None:
            return None
        monitor, self._monitor = self._monitor, None
        monitor.session.in_training = False
        return monitor


def integration_of(model: Any, *, otherwise: str = "") -> Integration:
    """The integration that knows a model.

    Args:
        model: A model of any framework.
        otherwise: What else would fit, for the error.

    Raises:
        InvalidTypeError: None does.

    >>> integration_of(object())  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    traingauge.errors.InvalidTypeError: model is a object: expected a model of ...
    """
    packages = {kind.__module__.partition(".")[0] for kind in type(model).__mro__}
    for package, module in INTEGRATIONS.items():
        if package in packages:
            found = cast("Integration", import_module(module))
            if found.recognises(model):
                return found
    raise InvalidTypeError(
        f"model is a {type(model).__name__}: expected {otherwise}a model of {', '.join(INTEGRATIONS)}"
    )


def open_run(model: str) -> Monitor:
    """Open a run by the public API, with its defaults and what the operator decides by variables.

    The only place where an integration makes a run. The package is asked for at run time: the monitor is above the
    integrations, which it looks up here.
    """
    monitor: Monitor = import_module("traingauge").ModelMonitor(model)
    return monitor
