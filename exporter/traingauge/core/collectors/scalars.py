"""Scalars other than the loss: learning rate, gradient norm, and those that a script passes by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from traingauge.catalog import CATALOG
from traingauge.core.collectors.base import Collector
from traingauge.core.events import Pass
from traingauge.core.families import Family, Key, keys, single
from traingauge.core.scalar_names import DEDICATED, SCORES
from traingauge.core.step_batch import StepBatch

#: Maximum number of series of named scalars; more are dropped and counted, as labels must be bounded.
NAME_CAP = 50

_ELSEWHERE = frozenset(("loss", *SCORES))


class Scalars(Collector):
    """Publishes the last value of each scalar.

    ``learning_rate`` and ``gradient_norm`` have metrics of their own; other names become ``model_scalar{name,split}``.

    >>> scalars = Scalars(); scalars.update("train", {"learning_rate": 0.1, "entropy": 2.0})
    >>> [family.metric.name for family in scalars.families()]
    ['model_learning_rate', 'model_scalar']
    """

    def __init__(self) -> None:
        self._dropped = 0
        self._dedicated: dict[str, float] = {}
        self._named: dict[tuple[str, str], float] = {}
        self._refused: set[tuple[str, str]] = set()
        self._keys: tuple[Key, ...] = ()
        self.handlers = {Pass: self.on_pass}

    @property
    def dropped(self) -> dict[str, int]:
        """Number of series left out because of :data:`NAME_CAP`."""
        return {"scalar": self._dropped}

    def on_batch(self, batch: StepBatch) -> None:
        """Record the last value of each name."""
        self.update("train", {name: batch.last(name) for name in batch.numbers if name not in _ELSEWHERE})

    def on_pass(self, done: Pass, unix: float) -> None:
        """Record the scalars of a pass."""
        scalars = {name: float(value) for name, value in done.scalars.items() if name not in _ELSEWHERE}
        self.update(done.split, scalars)

    def update(self, split: str, scalars: Mapping[str, float]) -> None:
        """Replace the values of the given scalars."""
        for name, value in scalars.items():
            if name in DEDICATED:
                self._dedicated[name] = value
            elif self.admits(name, split):
                self._named[name, split] = value

    def admits(self, name: str, split: str = "train") -> bool:
        """Whether a scalar of this name is kept; one that is not is counted once, up to :data:`NAME_CAP` of them."""
        return (
            name in _ELSEWHERE
            or name in DEDICATED
            or (name, split) in self._named
            or self._admit(name, split)
        )

    def families(self) -> Iterator[Family]:
        """Metrics of all scalars that have a value."""
        for name, metric in DEDICATED.items():
            if name in self._dedicated:
                yield single(metric, self._dedicated[name])
        if self._named:
            yield Family(CATALOG["model_scalar"], self._keys, tuple(self._named.values()))

    def save(self) -> dict[str, Any]:
        """The last values, as a tree of plain values."""
        return {
            "dedicated": dict(self._dedicated),
            "named": [[*key, value] for key, value in self._named.items()],
        }

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Restore a state from :meth:`save`."""
        self._dedicated = saved["dedicated"]
        self._named = {(name, split): value for name, split, value in saved["named"]}
        self._keys = keys(*self._named)

    def _admit(self, name: str, split: str) -> bool:
        if len(self._named) < NAME_CAP:
            self._named[name, split] = float("nan")
            self._keys = keys(*self._named)
            return True
        if (name, split) not in self._refused and len(self._refused) < NAME_CAP:
            self._refused.add((name, split))
            self._dropped += 1
        return False
