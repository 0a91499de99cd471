"""Deliveries for tests."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from traingauge.core.families import Identity
from traingauge.delivery.base import RunView
from traingauge.testing.samples import Sample, sample, samples


class InMemory:
    """A delivery that keeps what a run publishes in memory, for tests to assert on.

    While the run lasts, it reads the run each time it is asked. After the end it keeps the last reading. If it is passed to
    several runs, it shows the last one that started.

    Attributes:
        ended: Whether the run has ended.

    >>> from traingauge import ModelMonitor
    >>> published = InMemory()
    >>> with ModelMonitor("digits", run="r", delivery=[published]) as monitor:
    ...     monitor.step(loss=0.25, y_true=[0, 1], y_pred=[0, 1])
    ...     published.value("model_accuracy", split="train")
    1.0
    >>> published.value("model_run_state", state="finished"), published.identity.run
    (1.0, 'r')
    """

    def __init__(self) -> None:
        self.ended = False
        self._run: RunView | None = None
        self._last: dict[Sample, float] = {}

    @property
    def identity(self) -> Identity:
        """Model, run and the labels of the run: the labels of every sample.

        Raises:
            RuntimeError: No run has started.
        """
        if self._run is None:
            raise RuntimeError(
                "no run has started: pass this delivery to a ModelMonitor, as delivery=[published]"
            )
        return self._run.identity

    def value(self, metric: str, /, **labels: str) -> float | None:
        """One sample; ``None`` if it is absent.

        Args:
            metric: Name of the metric; of a histogram with ``_sum``, ``_count`` or ``_bucket``.
            **labels: All its labels but ``model`` and ``run``.

        Raises:
            UnknownNameError: No such metric, or no such label of it.
        """
        return self.samples().get(sample(metric, labels))

    def samples(self) -> dict[Sample, float]:
        """Every sample, by name and labels without ``model`` and ``run``."""
        if self._run is not None and not self.ended:
            return samples(self._run.families(_never))
        return dict(self._last)

    def start(self, run: RunView) -> _Reader:
        """Show this run from now on."""
        self._run, self.ended, self._last = run, False, {}
        return _Reader(self)

    def _finish(self) -> None:
        self._last = self.samples()
        self.ended = True


class _Reader:
    """Reads the last time when the run ends."""

    url = None
    linger = 0.0

    def __init__(self, published: InMemory) -> None:
        self._published = published

    def finish(self, ended: float, deadline: float) -> None:
        self._published._finish()

    def close(self) -> None:
        pass


@dataclass(frozen=True)
class Broken:
    """A delivery that fails, to test what then happens to training: nothing.

    Args:
        at: Where it fails.
        error: What it raises.

    >>> from traingauge import ModelMonitor
    >>> published = InMemory()
    >>> with ModelMonitor("digits", delivery=[Broken("start"), published]) as monitor:
    ...     published.value("model_monitor_errors_total", reason="delivery")
    1.0
    """

    at: Literal["start", "finish", "close"]
    error: BaseException = field(default_factory=lambda: RuntimeError("broken"))

    def start(self, run: RunView) -> _BrokenDelivery:
        """Start, or fail."""
        if self.at == "start":
            raise self.error
        return _BrokenDelivery(self)


class _BrokenDelivery:
    url = None
    linger = 0.0

    def __init__(self, broken: Broken) -> None:
        self._broken = broken

    def finish(self, ended: float, deadline: float) -> None:
        if self._broken.at == "finish":
            raise self._broken.error

    def close(self) -> None:
        if self._broken.at == "close":
            raise self._broken.error


def _never() -> None:
    """A test has no training to give the GIL to."""
