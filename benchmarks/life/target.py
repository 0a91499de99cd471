"""What Prometheus sees of one process from scrape to scrape."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from simulation.recording import Recording
from traingauge import ModelMonitor
from traingauge.delivery.discovery import DiscoveryFile
from traingauge.delivery.http.endpoint import FIRST_SCRAPE_SECONDS, LINGER_SECONDS
from traingauge.delivery.http.scrapes import Scrapes
from traingauge.delivery.targets import announced

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
        file: By which Prometheus finds it; ``None`` for a pod.
    """

    world: World
    recording: Recording
    instance: str
    kept: bool = False
    saves: bool = False
    monitor: ModelMonitor | None = None
    stands: Stands = Stands.DOWN
    file: DiscoveryFile | None = None
    _scrapes: Scrapes = field(default_factory=Scrapes)
    _closes: float = math.inf

    def listens(self, monitor: ModelMonitor) -> None:
        """The process serves a run from now on."""
        self.monitor, self.stands = monitor, Stands.ANSWERS
        if self.recording.named:
            self.file = DiscoveryFile(self.world.folder(), self.recording.identity, self.instance)
            self.file.write()

    def ends(self, ended: str, at_most: float = LINGER_SECONDS) -> None:
        """The run has ended in order. The process waits for the scrape that sees it, for as long as the exporter does.

        Args:
            ended: How.
            at_most: Longest wait in seconds.
        """
        now = self.world.now
        # A discovery file that was read says that Prometheus will come; a pod knows of nothing.
        at_first = FIRST_SCRAPE_SECONDS if self.recording.named else 0.0
        self._closes = now + (
            self._scrapes.patience(now, at_most) if self._scrapes else min(at_first, at_most)
        )
        self.stands = Stands.ENDS
        if self.file is not None and self._scrapes:
            self.file.note(ended)

    def dies(self) -> None:
        """The process answers no longer, and is still in discovery."""
        self.stands = Stands.DOWN

    def leaves(self) -> None:
        """The target is removed from discovery."""
        self.stands = Stands.GONE
        if self.file is not None:
            self.file.remove()
            self.file.path.unlink(missing_ok=True)  # a new process of the run takes a note away, too

    def scrape(self) -> None:
        """Prometheus scrapes it, if it knows it, and reads the list of targets after that."""
        self._expire()
        if self.stands is Stands.GONE:
            self.recording.gone()
        elif self.stands in {Stands.ANSWERS, Stands.ENDS}:
            self._answer()
        else:
            self.recording.down(self.instance)
            if self.stands is Stands.LEAVES:
                self.stands = Stands.GONE
        self._read()

    def unseen(self) -> None:
        """Prometheus is away when a scrape is due; when it is back it reads the list of targets first."""
        self._expire()
        if self.stands is Stands.LEAVES:
            self.stands = Stands.GONE
        self.recording.unseen()
        self._read()

    def _answer(self) -> None:
        assert self.monitor is not None
        self.recording.scrape(self.monitor.collector.families(), self.instance)
        self._scrapes.seen(self.world.now)
        if self.saves:
            time.sleep(SAVING_SECONDS)
        if self.stands is Stands.ENDS:
            self._closed(seen=True)

    def _read(self) -> None:
        """Prometheus reads what the discovery file says of the end."""
        if self.file is not None:
            found = announced(self.file.path.parent)
            self.recording.noted(self.instance, found[0].ended if found else "")

    def _expire(self) -> None:
        """A process whose wait is over exits."""
        if self.stands is Stands.ENDS and self.world.now > self._closes:
            self._closed(seen=False)

    def _closed(self, *, seen: bool) -> None:
        if self.file is not None:
            if not seen:
                self.file.leave_note()
            self.file.remove()
        self.stands = Stands.DOWN if self.kept else Stands.LEAVES
