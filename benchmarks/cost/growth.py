"""How cost grows: with classes, features, series, the size of a batch, and the number of steps."""

from __future__ import annotations

import gc
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.cost.render import IDENTITY, Gauges
from traingauge import ModelMonitor, Reference
from traingauge.core.collectors.drift import FeatureDrift
from traingauge.core.collectors.scores import Scores
from traingauge.delivery.exposition import Renderer
from traingauge.options import Drift, Scoring

ROOT = Path(__file__).parents[2]

#: Samples in a batch, unless that is what grows.
ROWS = 256

#: Repetitions; the minimum counts, because noise only adds.
TIMES = 5


@dataclass(frozen=True, slots=True)
class Curve:
    """Cost against one size.

    Attributes:
        what: What grows.
        of: What is measured, with its unit.
        sizes: How large it was.
        costs: What was measured there.
    """

    what: str
    of: str
    sizes: Sequence[float]
    costs: Sequence[float]

    @property
    def slope(self) -> float:
        """Of the logarithms, over the upper half of the sizes: 0 is constant, 1 is linear."""
        half = len(self.sizes) // 2
        x, y = np.log(self.sizes[half:]), np.log(self.costs[half:])
        return float(np.polyfit(x, y, 1)[0])


def measure(*, quick: bool) -> list[Curve]:
    """All curves; quickly only the ends and the middle of each, and fewer steps."""

    def some(*sizes: int) -> Sequence[int]:
        return sizes[:: (len(sizes) - 1) // 2] if quick else sizes

    return [
        *_classes(some(2, 5, 10, 30, 100, 300, 1000)),
        *_features(some(1, 3, 10, 30, 100, 300, 1000)),
        *_series(some(10, 100, 1000, 5000, 10_000, 20_000, 50_000)),
        _batch(some(1, 8, 64, 512, 4096, 16_384, 65_536)),
        _steps((10_000, 30_000, 100_000) if quick else (10_000, 100_000, 1_000_000, 10_000_000)),
    ]


def _classes(sizes: Sequence[int]) -> list[Curve]:
    steps, scrapes = zip(*(_score(ROWS, size) for size in sizes), strict=True)
    return [
        Curve("classes", f"a step of {ROWS} samples, µs", sizes, steps),
        Curve("classes", "reading all scores for a scrape, µs", sizes, scrapes),
    ]


def _batch(sizes: Sequence[int]) -> Curve:
    return Curve(
        "samples in a batch", "a step of 10 classes, µs", sizes, [_score(size, 10)[0] for size in sizes]
    )


def _score(rows: int, classes: int) -> tuple[float, float]:
    """A step, and reading all scores."""
    random = np.random.default_rng(0)
    true, predicted = random.integers(0, classes, rows), random.integers(0, classes, rows)
    part = Scores(Scoring(window=100, task="binary" if classes == 2 else "multiclass", classes=classes))
    step = _microseconds(lambda: part.add_steps("train", [part.encode(true, predicted)]), 100)
    return step, _microseconds(lambda: list(part.families()), 5)


def _features(sizes: Sequence[int]) -> list[Curve]:
    steps, scrapes = zip(*map(_drift, sizes), strict=True)
    return [
        Curve("features", f"a batch of {ROWS} samples, µs", sizes, steps),
        Curve("features", "scoring the window for a scrape, µs", sizes, scrapes),
    ]


def _drift(features: int) -> tuple[float, float]:
    """A batch, and scoring the window."""
    random = np.random.default_rng(0)
    drift = FeatureDrift(Drift(Reference.from_data(random.normal(size=(4000, features))), window=2000))
    batch = random.normal(size=(ROWS, features)).astype(np.float32)
    step = _microseconds(lambda: drift.add([drift.encode(batch)]), 20)
    return step, _microseconds(lambda: list(drift.families()), 3)


def _series(sizes: Sequence[int]) -> list[Curve]:
    return [
        Curve(
            "series", f"rendering, {share:.0%} changed, µs", sizes, [_render(size, share) for size in sizes]
        )
        for share in (1.0, 0.1)
    ]


def _render(series: int, share: float) -> float:
    renderer, scrapes = Renderer(IDENTITY), Gauges(series).curves(share, 4)
    return _microseconds(lambda: renderer.render(next(scrapes), "text"), 4)


def _steps(sizes: Sequence[int]) -> Curve:
    """Memory of a process that does nothing else, without a state directory on disk."""
    code = f"from benchmarks.cost.growth import memory; print(*memory({list(sizes)}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return Curve("steps", "resident memory, MiB", sizes, list(map(float, done.stdout.split())))


def memory(sizes: Sequence[int]) -> Iterator[float]:
    """Resident memory of this process, in MiB, after each number of steps."""
    done = 0
    with ModelMonitor("bench", delivery=[]) as monitor:
        for size in sizes:
            for _ in range(size - done):
                monitor.step(loss=0.5, learning_rate=0.1, gradient_norm=1.0, entropy=2.0)
            done = size
            monitor.collector.families()
            gc.collect()
            pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
            yield pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _microseconds(work: Callable[[], object], count: int) -> float:
    """Processor seconds of one call: the minimum of several."""
    work()
    best = math.inf
    for _ in range(TIMES):
        started = time.thread_time()
        for _ in range(count):
            work()
        best = min(best, (time.thread_time() - started) / count)
    return best * 1e6
