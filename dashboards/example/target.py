"""The target of a run, with what Prometheus itself says about its scrapes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from simulation.recording import Recording
from traingauge.core.families import Family
from traingauge.delivery.exposition import Renderer


@dataclass(slots=True)
class Target(Recording):
    """All series of a run, and how long its scrapes take.

    Attributes:
        durations: Seconds that the run took to answer, by the number of the scrape. No network adds to them.
    """

    every: bool = True
    durations: dict[int, float] = field(default_factory=dict)
    _renderer: Renderer = field(init=False)

    def __post_init__(self) -> None:
        self._renderer = Renderer(self.identity)

    def read(self, families: Callable[[], Iterable[Family]], instance: str) -> None:
        """A scrape that the run answered with a text, as its endpoint does."""
        started = time.perf_counter()
        found = list(families())
        self._renderer.render(found, "text")
        self.durations[self.scrapes] = time.perf_counter() - started
        self.scrape(found, instance)
