"""What Prometheus sees of one process from scrape to scrape."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from simulation.recording import Recording
from traingauge import ModelMonitor
from traingauge.delivery.http.endpoint import FIRST_SCRAPE_SECONDS, LINGER_SECONDS
from traingauge.delivery.http.scrapes import Scrapes

if TYPE_CHECKING:
    from benchmarks.life.world import World

#: Seconds at each scrape that a clock which is moved by hand leaves to the thread that saves.
SAVING_SECONDS = 0.05


class Stands(Enum):
    """How a target stands."""

    ANSWERS = "it answers"
    ENDS = "its run has ended; it answers until that was scraped, or the wait is over"
    LEAVES = "it has closed; Prometheus has not read the list of targets since"
    DOWN = "it is in discovery and does not answer"
    GONE = "it is not in discovery"


@dataclass(slots=True)
class Target:
    """One process, as Prometheus finds it.

    Attributes:
        world: Where it lives.
        recording: What scrapes have seen.
        instance: Its address.
        kept: Whether it stays in discovery when it has ended, as a pod that its Job keeps.
        saves: Whether its run keeps a state.
        monitor: What answers; ``None`` until it listens.
        stands: How it stands.
    """

    world: World
    recording: Recording
    instance: str
    kept: bool = False
    saves: bool = False
    monitor: ModelMonitor | None = None
    stands: Stands = Stands.DOWN
    _scrapes: Scrapes = field(default_factory=Scrapes)
    _closes: float = math.inf

    def listens(self, monitor: ModelMonitor) -> None:
        """The process serves a run from now on."""
        self.monitor, self.stands = monitor, Stands.ANSWERS

    def ends(self, at_most: float = LINGER_SECONDS) -> None:
        """The run has ended in order. The process waits for the scrape that sees it, for as long as the exporter does."""
        now = self.world.now
        # A discovery file that was read says that Prometheus will come; a pod knows of nothing.
        at_first = FIRST_SCRAPE_SECONDS if self.recording.named else 0.0
        self._closes = now + (
            self._scrapes.patience(now, at_most) if self._scrapes else min(at_first, at_most)
        )
        self.stands = Stands.ENDS

    def dies(self) -> None:
        """The process answers no longer, and is still in discovery."""
        self.stands = Stands.DOWN

    def leaves(self) -> None:
        """The target is removed from discovery."""
        self.stands = Stands.GONE

    def scrape(self) -> None:
        """Prometheus scrapes it, if it knows it."""
        self._expire()
        if self.stands is Stands.GONE:
            self.recording.gone()
        elif self.stands in {Stands.ANSWERS, Stands.ENDS}:
            self._answer()
        else:
            self.recording.down(self.instance)
            if self.stands is Stands.LEAVES:
                self.stands = Stands.GONE

    def unseen(self) -> None:
        """Prometheus is away when a scrape is due; when it is back it reads the list of targets first."""
        self._expire()
        if self.stands is Stands.LEAVES:
            self.stands = Stands.GONE
        self.recording.unseen()

    def _answer(self) -> None:
        assert self.monitor is not None
        self.recording.scrape(self.monitor.collector.families(), self.instance)
        self._scrapes.seen(self.world.now)
        if self.saves:
            time.sleep(SAVING_SECONDS)
        if self.stands is Stands.ENDS:
            self._closed()

    def _expire(self) -> None:
        """A process whose wait is over exits."""
        if self.stands is Stands.ENDS and self.world.now > self._closes:
            self._closed()

    def _closed(self) -> None:
        self.stands = Stands.DOWN if self.kept else Stands.LEAVES
