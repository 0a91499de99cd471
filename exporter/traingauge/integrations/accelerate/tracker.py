"""The tracker of an ``Accelerator``: it has the run, for ``accelerator.log`` and for ``watch``."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import cached_property
from numbers import Real
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from accelerate.tracking import GeneralTracker, on_main_process

from traingauge.core import scalar_names
from traingauge.core.disabled import recorder_of_nothing
from traingauge.core.events import Scored
from traingauge.integrations.base import RunSource, open_run
from traingauge.integrations.torch.values import number

if TYPE_CHECKING:
    from traingauge.integrations.base import Monitor, Session


class MonitorTracker(GeneralTracker):  # type: ignore[misc]  # untyped here
    """Records what a script logs with ``accelerator.log``, in the run that ``watch`` records the loop in.

    ``Accelerator(log_with=tracker)`` logs to it once ``accelerator.init_trackers`` was called, and ``watch(tracker, …)``
    records steps. Numbers are scalars of the step that the run has reached, whatever ``step=`` says. One whose name
    traingauge uses itself, such as ``loss``, has the prefix ``logged_``; texts are left out, and so is the configuration.
    An integer beyond the range of floats is left out and counted in ``model_monitor_errors_total{reason="integration"}``.

    Args:
        monitor: The name of a model, for which a run is opened by ``init_trackers`` and ended by ``end_training``, in the
            main process alone; or a :class:`~traingauge.ModelMonitor`, whose run stays open.

    Attributes:
        model: Name of the model.

    Raises:
        InvalidTypeError: Neither a monitor nor a name.
        InvalidArgumentError: A name that does not fit.

    >>> from accelerate import Accelerator
    >>> from traingauge import ModelMonitor
    >>> with ModelMonitor("digits", delivery=[]) as monitor:
    ...     accelerator = Accelerator(cpu=True, log_with=MonitorTracker(monitor))
    ...     accelerator.init_trackers("project")
    ...     accelerator.log({"entropy": 0.5, "loss": 0.25})
    ...     accelerator.end_training()
    >>> monitor.rows()["entropy"].tolist(), monitor.rows()["logged_loss"].tolist()
    ([0.5], [0.25])
    """

    name = "traingauge"
    requires_logging_directory = False

    def __init__(self, monitor: Monitor | str) -> None:
        super().__init__()
        self.model = RunSource(monitor).model
        self._given: Monitor | None = None if isinstance(monitor, str) else monitor
        self._opened: Monitor | None = None

    @property
    def tracker(self) -> Monitor | None:
        """The :class:`~traingauge.ModelMonitor`; ``None`` before there is one, and in a process that opens none."""
        return self._given or self._opened

    @on_main_process  # type: ignore[untyped-decorator]
    def start(self) -> None:
        """Open a run for a name, unless one is under way."""
        if self._given is None and (self._opened is None or self._opened.session.ended):
            self._opened = open_run(self.model)

    @property
    def session(self) -> Session:
        """The run. In a process that opens none, one that records nothing."""
        if self.tracker is None:
            self.start()
        return self._nothing if self.tracker is None else self.tracker.session

    @cached_property
    def _nothing(self) -> Session:
        return recorder_of_nothing()

    @on_main_process  # type: ignore[untyped-decorator]
    def log(self, values: Mapping[str, Any], step: int | None = None, **_: Any) -> None:
        """Record numbers as scalars of the step that the run has reached."""
        session = self.session
        if session.enabled and not session.ended:
            session.guard.catch("integration", _record, session, values)

    def finish(self) -> None:
        """End the run of a name."""
        self.close()

    def close(self, state: str = "finished") -> None:
        """End the run of a name; that of a monitor stays open."""
        if self._opened is not None:
            self._opened.session.guard.shield("integration", self._opened.close, state)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._opened is not None:
            self._opened.__exit__(kind, error, traceback)


def _record(session: Session, values: Mapping[str, Any]) -> None:
    catch = session.guard.catch  # one number that fails does not lose the others
    found = {
        scalar_names.logged(str(name)): catch("integration", _number, value) for name, value in values.items()
    }
    known = {name: value for name, value in found.items() if value is not None}
    if known:
        session.record(Scored(time.perf_counter(), known, None, None, 0, 0))


def _number(value: Any) -> Any:
    """A number, or a tensor of one on the device, which is not waited for; ``None`` for anything else.

    Raises:
        OverflowError: An integer beyond the range of floats.
    """
    if isinstance(value, torch.Tensor):
        return number(value) if value.numel() == 1 else None
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.item()
    return float(value) if isinstance(value, Real) and not isinstance(value, bool) else None
