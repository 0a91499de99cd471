"""The runs of the benchmark."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from benchmarks.alerts.faults import FAULTS, Fault
from benchmarks.alerts.healthy import HEALTHY
from simulation.clock import MINUTE
from simulation.data import CLASSIFICATIONS, REGRESSIONS, TABLES
from simulation.recording import Recording
from simulation.session import Session
from simulation.setup import Setup
from traingauge.core.families import Identity

#: Seconds for which a healthy run is monitored.
HEALTHY_SECONDS = 80 * MINUTE

#: One run's series in promtool's notation.
Series = dict[str, str]


def by_keras(kind: str) -> bool:
    """Whether runs of a kind are trained by Keras."""
    return kind.startswith("keras-")


@dataclass(frozen=True, slots=True)
class Case:
    """One run.

    Attributes:
        kind: A fault's name, or that of a kind of healthy runs.
        seed: Of everything random in it, and what tells it from others of its kind.
        haste: What all times are divided by.
    """

    kind: str
    seed: int
    haste: float = 1.0

    @property
    def fault(self) -> Fault | None:
        """What goes wrong; ``None`` for a healthy run."""
        return FAULTS.get(self.kind)

    @property
    def run(self) -> str:
        """The name that the run publishes."""
        return f"{self.kind}-{self.seed}"

    @property
    def at(self) -> float:
        """Seconds into the run at which the fault begins."""
        return 0.0 if self.fault is None else self.fault.at / self.haste

    @property
    def seconds(self) -> float:
        """Seconds for which the run is monitored."""
        return self.at + (HEALTHY_SECONDS if self.fault is None else self.fault.watched) / self.haste

    def record(self) -> Series:
        """Train it."""
        fault = self.fault
        names = fault.on if fault else TABLES if by_keras(self.kind) else (*CLASSIFICATIONS, *REGRESSIONS)
        setup = Setup.drawn(
            1000 * self.seed + [*FAULTS, *HEALTHY].index(self.kind), names[self.seed % len(names)]
        )
        if fault is None:
            HEALTHY[self.kind](setup)
        recording = Recording(Identity(setup.data.name, self.run))
        faults = [(self.at, fault.inject)] if fault else []
        self._trainer(setup.data.name, self.run, setup, self.seconds, recording, faults).record()
        return dict(recording.values())

    @property
    def _trainer(self) -> type[Session]:
        if not by_keras(self.kind):
            return Session
        from simulation.keras_session import KerasSession

        return KerasSession


def recorded(case: Case, cache: Path | None) -> Series:
    """Train a run, or read it from a folder of those that were trained before."""
    if cache is None:
        return case.record()
    path = cache / f"{case.run}.json"
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        half = path.with_suffix(f".{os.getpid()}")
        half.write_text(json.dumps(case.record()), encoding="utf-8")
        half.replace(path)
    series: Series = json.loads(path.read_text(encoding="utf-8"))
    return series
