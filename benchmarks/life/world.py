"""Simulated time, the scripts that live in it, and the Prometheus that scrapes them."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.life.run import Run
from benchmarks.life.target import Target
from simulation.clock import BEGIN, Clock

#: A script yields the seconds that pass until it continues.
Script = Iterator[float]


@dataclass(slots=True)
class World:
    """One situation: what its scripts do from second to second, and what Prometheus sees of it.

    Attributes:
        model: Name of the model that is trained in it.
        seed: Of everything random in it.
        interval: Seconds between two scrapes.
        random: Source of everything random.
        targets: Everything that Prometheus scrapes or has scraped.
        away: From when to when Prometheus is away.
        knowable: Seconds at which Prometheus could know of the death; ``None`` for a situation in which nothing dies.
        scrapes: Scrapes that were due so far.
    """

    model: str
    seed: int
    interval: float
    random: np.random.Generator = field(init=False)
    targets: list[Target] = field(default_factory=list)
    away: list[tuple[float, float]] = field(default_factory=list)
    knowable: float | None = None
    scrapes: int = 0
    clock: Clock = field(default_factory=lambda: Clock(BEGIN))
    _due: list[tuple[float, int, Script]] = field(default_factory=list)
    _spawned: int = 0
    _folders: ExitStack = field(default_factory=ExitStack)

    def __post_init__(self) -> None:
        self.random = np.random.default_rng(self.seed)

    @property
    def now(self) -> float:
        """Seconds since the first scrape."""
        return self.clock.now - BEGIN

    @property
    def seconds(self) -> float:
        """Seconds from the first scrape to the last."""
        return (self.scrapes - 1) * self.interval

    def play(self, script: Script, afterwards: float = 0.0) -> None:
        """Run a script, and all that it spawns, to the end.

        Args:
            script: What happens.
            afterwards: Seconds for which Prometheus is watched after that.
        """
        with self._folders, self.clock.installed():
            self.spawn(script)
            while self._due:
                at, _, due = heapq.heappop(self._due)
                self._pass(at)
                if (pause := next(due, None)) is not None:
                    self._await(due, self.now + pause)
            self._pass(self.now + afterwards)

    def spawn(self, script: Script) -> None:
        """Run another script at the same time."""
        self._await(script, self.now)

    def run(self, name: str = "run", **settings: Any) -> Run:
        """Start a training process; see :class:`~benchmarks.life.run.Run`."""
        return Run.start(self, name, **settings)

    def folder(self) -> Path:
        """An empty folder that is there until the end."""
        return Path(self._folders.enter_context(TemporaryDirectory()))

    def prometheus_leaves(self, seconds: float) -> None:
        """Prometheus is away from now on: it scrapes nothing and evaluates nothing."""
        self.away.append((self.now, self.now + seconds))

    def died(self, *, knowable_after: float = 0.0) -> None:
        """Something has died.

        Args:
            knowable_after: Seconds for which what Prometheus sees may still be something harmless.
        """
        seen = self.now + knowable_after
        seen = max([seen, *(end for begin, end in self.away if begin <= seen)])
        self.knowable = -(-seen // self.interval) * self.interval  # it is seen at a scrape

    def is_away(self, at: float) -> bool:
        """Whether Prometheus is away at a moment."""
        return any(begin <= at < end for begin, end in self.away)

    def _await(self, script: Script, at: float) -> None:
        self._spawned += 1
        heapq.heappush(self._due, (at, self._spawned, script))

    def _pass(self, until: float) -> None:
        """Let time pass, with the scrapes that are due in it."""
        while (due := self.scrapes * self.interval) <= until:
            self.clock.move(max(0.0, due - self.now))
            away = self.is_away(due)
            for target in self.targets:
                target.unseen() if away else target.scrape()
            self.scrapes += 1
        self.clock.move(max(0.0, until - self.now))
