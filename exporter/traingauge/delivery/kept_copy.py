"""A copy of what a run shows, kept outside of it: replaced at intervals, and removed once its end was seen there."""

from __future__ import annotations

import threading
import time
import zlib
from collections.abc import Callable
from typing import Protocol

from traingauge import validation
from traingauge.catalog import CATALOG, Metric
from traingauge.core.families import Family, keys, single
from traingauge.delivery.base import RunView
from traingauge.delivery.exposition import Renderer
from traingauge.delivery.gil import GilYielder
from traingauge.forks import leave_to_parent_after_fork

#: Most seconds for the copy that shows the end, and seconds between two attempts at it.
LAST_SECONDS, LAST_RETRY = 10.0, 0.25

#: Most seconds until the end of the run is noticed, while other deliveries wait for theirs to be seen.
POLL = 1.0

#: Seconds after which a later run removes a copy that nothing replaces any more: one that shows an end, and one of a run
#: that was killed, which has to stay until its alert was noticed.
ENDED_SECONDS, DEAD_SECONDS = 3600.0, 86_400.0

#: Seconds after the end until the copy is removed, unless it is set: two scrapes at Prometheus' default interval, a minute.
#: Removed before a scrape has seen the end, the run would count as vanished.
SHOWN_SECONDS = 120.0

#: Most seconds between two copies, and after the end until the copy is removed.
MOST_SECONDS = 1800.0


def checked_times(setting: str, every: object, delete_after: object) -> tuple[float, float]:
    """The fields ``every`` and ``delete_after`` of a setting, as floats.

    Args:
        setting: Its name, for errors.
        every: Seconds between two copies.
        delete_after: Seconds after the end until the copy is removed.

    Raises:
        TrainGaugeError: A field that does not fit.
    """
    return (
        validation.number(f"{setting}.every", every, least=0.1, most=MOST_SECONDS),
        validation.number(f"{setting}.delete_after", delete_after, least=0.0, most=MOST_SECONDS),
    )


def share(model: str, run: str) -> float:
    """Share of the interval after which the second copy of a run is made, so that runs that start together take turns.

    >>> round(share("digits", "run-1"), 2), round(share("digits", "run-2"), 2)
    (0.63, 0.22)
    """
    return (1 + zlib.crc32(f"{model}\0{run}".encode("utf-8", "replace"))) / (1 << 32)


class Place(Protocol):
    """Where the copy of one run is kept. One thread uses it.

    Attributes:
        kind: What it is; one word, for the label ``place``.
    """

    kind: str

    def put(self, text: bytes) -> None:
        """Replace the copy; text is in Prometheus' text format."""

    def remove(self) -> None:
        """Remove the copy."""

    def sweep(self) -> None:
        """Remove copies of other runs that are older than :data:`ENDED_SECONDS` or :data:`DEAD_SECONDS`."""

    def close(self) -> None:
        """Release everything; the copy stays."""


class KeptCopy:
    """Keeps the copy of one run.

    All work is done by its thread. It notices the end of the run by itself, as :meth:`finish` may come late: other
    deliveries wait first.

    Args:
        place: Where.
        run: The run.
        every: Seconds between two copies.
        remove_after: Seconds after the end until the copy is removed.
        shows: Whether a metric is part of it.
    """

    url = None

    def __init__(
        self,
        place: Place,
        run: RunView,
        *,
        every: float,
        remove_after: float,
        shows: Callable[[Metric], bool] = lambda _: True,
    ) -> None:
        self.linger = remove_after + LAST_SECONDS
        self._place, self._run, self._shows = place, run, shows
        self._every, self._remove_after = every, remove_after
        self._renderer, self._kind = Renderer(run.identity), keys((place.kind,))
        self._ending, self._closed, self._shown = threading.Event(), threading.Event(), threading.Event()
        self._removal = 0.0  # reading of time.monotonic()
        self._thread = threading.Thread(target=self._work, name="traingauge-copy", daemon=True)
        self._thread.start()
        leave_to_parent_after_fork(self)

    def leave_to_parent(self) -> None:
        """A forked child has no such thread, and closes its copy of a connection."""
        self._ending, self._closed, self._shown = threading.Event(), threading.Event(), threading.Event()
        self._place.close()

    def finish(self, ended: float, deadline: float) -> None:
        """Wait until the copy that shows the end was there for long enough, or is there if the time does not suffice."""
        self._ending.set()
        self._shown.wait(max(0.0, deadline - time.monotonic()))
        if self._removal <= deadline:
            self._thread.join(max(0.0, deadline - time.monotonic()))

    def close(self) -> None:
        """Stop, and leave the copy where it is: a new run of the name may be replacing it."""
        self._closed.set()
        self._ending.set()

    def _work(self) -> None:
        shield = self._run.guard.shield
        shield("delivery", self._put)
        shield("delivery", self._place.sweep)
        seconds = self._every * share(*self._run.identity.name)
        while not self._has_ended(seconds):
            shield("delivery", self._put)
            seconds = self._every
        if not self._closed.is_set():
            shield("delivery", self._end)
        self._shown.set()
        self._place.close()

    def _has_ended(self, seconds: float) -> bool:
        """Whether the run ends within some seconds."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if self._ending.wait(min(POLL, left)) or self._run.state() != "running":
                return True
        return False

    def _end(self) -> None:
        """Show the end, and remove the copy once that was seen. Where it cannot be shown, a later run removes the copy."""
        until = time.monotonic() + LAST_SECONDS
        while not self._run.guard.shield("delivery", self._put):
            if self._closed.wait(LAST_RETRY) or time.monotonic() > until:
                return
        self._removal = time.monotonic() + self._remove_after
        self._shown.set()
        if not self._closed.wait(self._remove_after):
            self._place.remove()

    def _put(self) -> bool:
        maybe_yield = GilYielder().maybe_yield
        families = [one for one in self._run.families(maybe_yield) if self._shows(one.metric)]
        # The copy outlives a killed process: that no other one follows in time is what shows it.
        families.append(Family(CATALOG["model_copy_timestamp_seconds"], self._kind, (time.time(),)))
        families.append(single("model_delivery_interval_seconds", self._every))
        self._place.put(self._renderer.render(families, "text", maybe_yield))
        return True
