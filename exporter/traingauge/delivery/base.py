"""The seam between a run and what gets it out of the process.

A delivery has two halves. The setting, which a user writes, is frozen and can be used for several runs. What it starts
belongs to one run and ends with it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Protocol, TypeVar, cast, runtime_checkable

from traingauge import validation
from traingauge.core.collectors.delivery import DeliveryCounts
from traingauge.core.families import Family, Identity
from traingauge.core.guard import Guard
from traingauge.core.step_log import Block
from traingauge.errors import InvalidArgumentError, InvalidTypeError

T = TypeVar("T")


class RowLog(Protocol):
    """The run's rows on disk, of every step and pass, in the order in which they were recorded.

    Attributes:
        directory: Where they are; a delivery may note there how far it has come.
        until: Unix time in seconds; what was recorded before it is there.
        kept: Whether they outlive the process.
    """

    directory: Path
    until: float
    kept: bool

    @property
    def deleted(self) -> int:
        """Rows that are no longer there, as there were too many."""

    @property
    def total(self) -> int:
        """Rows that were ever there."""

    def after(
        self, place: tuple[int, int], damaged: Callable[[Exception], None]
    ) -> Iterator[tuple[tuple[int, int], Block]]:
        """The blocks after a place, each with the place after it.

        Args:
            place: Where the reader stopped; ``(0, 0)`` is the beginning.
            damaged: Called with each stretch that cannot be read.
        """


@dataclass(frozen=True, slots=True)
class RunView:
    """All that a delivery may see of a run. Any thread may use it.

    Attributes:
        identity: The labels of every sample.
        families: Reads the run's current state. It is passed a function that it calls now and then, so that a background
            thread can give the GIL away (:class:`traingauge.delivery.gil.GilYielder`).
        facts: Describes the run to a person: plain text by heading.
        guard: Counts errors inside monitoring.
        rows: The run's rows on disk; ``None`` if it keeps none. A setting whose ``needs_rows`` is true gets them also from a
            run without a state directory.
        counts: Gives a delivery the counts that it publishes.
        state: How the run stands: one of ``catalog.RUN_STATES``.
    """

    identity: Identity
    families: Callable[[Callable[[], None]], Sequence[Family]]
    facts: Callable[[], Mapping[str, str]]
    guard: Guard
    rows: RowLog | None = None
    counts: Callable[[], DeliveryCounts] = DeliveryCounts
    state: Callable[[], str] = lambda: "running"


class StartedDelivery(Protocol):
    """A delivery at work for one run."""

    @property
    def url(self) -> str | None:
        """Where the run can be read; ``None`` if the delivery serves nothing."""

    @property
    def linger(self) -> float:
        """Longest time in seconds that :meth:`finish` may need; asked when the run has ended."""

    def finish(self, ended: float, deadline: float) -> None:
        """Make the end of the run seen: wait for a last scrape, or push once more.

        Args:
            ended: Reading of ``time.monotonic()`` when the run had ended; what was read later has seen the end.
            deadline: Reading of ``time.monotonic()`` at which to give up.
        """

    def close(self) -> None:
        """Release everything, at once; a second call does nothing."""


@runtime_checkable
class Delivery(Protocol):
    """A way for a run to leave the process, as a setting."""

    def start(self, run: RunView) -> StartedDelivery:
        """Start delivering a run.

        Raises:
            TrainGaugeError: The setting does not fit, such as a port that is in use.
        """


class Deliveries:
    """The deliveries of one run.

    Args:
        settings: What to start, in this order.
        run: What they deliver.

    Raises:
        TrainGaugeError: One cannot start as it is set; those before it are closed again.
    """

    def __init__(self, settings: Sequence[Delivery], run: RunView) -> None:
        self._guard = run.guard
        self._started: list[StartedDelivery] = []
        self._lingers: dict[int, float] = {}
        self._awaits: dict[int, str] = {}
        self._awaited: tuple[str, float] | None = None
        try:
            for setting in settings:
                started = self._guard.run("delivery", setting.start, run)
                if started is not None:
                    self._started.append(started)
                    delivers = f"{type(setting).__name__} has delivered"
                    self._awaits[id(started)] = getattr(type(started), "awaits", delivers)
        except BaseException:
            self.close()
            raise

    @property
    def url(self) -> str | None:
        """Address of the first one; ``None`` if it has none, or there is none."""
        return self._guard.shield("delivery", getattr, self._started[0], "url") if self._started else None

    @cached_property
    def linger(self) -> float:
        """Longest time in seconds that one of them may need; they are asked once, when the run has ended."""
        return max(map(self._linger_of, self._started), default=0.0)

    @property
    def awaited(self) -> tuple[str, float] | None:
        """What :meth:`finish` waits for, as "Endpoint has delivered", and the most seconds for which it still does."""
        if (awaited := self._awaited) is None:
            return None
        return awaited[0], max(0.0, awaited[1] - time.monotonic())

    def finish(self, ended: float, at_most: float | None = None) -> None:
        """Make the end of the run seen by all, one after another, each within its own linger.

        The least patient comes first. A linger begins when its turn comes: none takes time from those after it.

        Args:
            ended: Reading of ``time.monotonic()`` when the run had ended.
            at_most: Longest time from then in seconds, however patient they are.
        """
        last = math.inf if at_most is None else ended + at_most
        for one in sorted(self._started, key=self._linger_of):
            deadline = min(time.monotonic() + self._linger_of(one), last)
            self._awaited = self._awaits[id(one)], deadline
            self._shield(one, partial(_finish, ended=ended, deadline=deadline))
        self._awaited = None

    def close(self) -> None:
        """Close them, the last one first."""
        while self._started:
            self._shield(self._started.pop(), lambda one: one.close())

    def _linger_of(self, one: StartedDelivery) -> float:
        if id(one) not in self._lingers:
            self._lingers[id(one)] = self._shield(one, lambda one: one.linger) or 0.0
        return self._lingers[id(one)]

    def _shield(self, one: StartedDelivery, work: Callable[[StartedDelivery], T]) -> T | None:
        """Do something with a delivery; what it raises, or lacks, is counted."""
        return self._guard.shield("delivery", work, one)


def _finish(one: StartedDelivery, ended: float, deadline: float) -> None:
    one.finish(ended, deadline)


def checked(deliveries: object) -> tuple[Delivery, ...]:
    """Deliveries as a user writes them, checked.

    Raises:
        InvalidTypeError: No list, or something in it that is no delivery.
        InvalidArgumentError: Two have one ``receiver``, as theirs are called that note next to the rows how far they came.

    >>> checked("pushgateway")
    Traceback (most recent call last):
    traingauge.errors.InvalidTypeError: delivery is a str: expected a list of deliveries, as [Endpoint()]
    """
    found = validation.listed("delivery", deliveries, "a list of deliveries, as [Endpoint()]")
    for at, one in enumerate(found):
        if isinstance(one, type) or not isinstance(one, Delivery):
            kind = one.__name__ if isinstance(one, type) else type(one).__name__
            raise InvalidTypeError(f"delivery[{at}] is {kind}: expected a delivery, as Endpoint()")
    receivers = [getattr(one, "receiver", one) for one in found]
    for at, receiver in enumerate(receivers):
        if isinstance(receiver, str) and receiver in receivers[:at]:
            raise InvalidArgumentError(
                f"delivery[{at}] has the receiver of delivery[{receivers.index(receiver)}]: expected another URL, or a "
                "username, or a header other than credentials, that tells their tenants apart"
            )
    return cast("tuple[Delivery, ...]", found)
