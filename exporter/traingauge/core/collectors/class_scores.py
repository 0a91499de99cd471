"""Scores and counters by class: of all classes up to a cap, beyond it of the weakest ones and the rest together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from traingauge.catalog import CATALOG
from traingauge.core.collectors.key_cache import KeyCache
from traingauge.core.families import Family, Key
from traingauge.stats.classification import scores
from traingauge.stats.classification.counts import Counts
from traingauge.stats.classification.selection import lowest_recall

Score: TypeAlias = Callable[[Counts], NDArray[np.float64]]

#: Label value for all classes without series of their own.
OTHER = "other"


def _support(counts: Counts) -> NDArray[np.float64]:
    return counts.support.astype(np.float64)


_GAUGES = {
    "model_class_precision": scores.precision,
    "model_class_recall": scores.recall,
    "model_class_f1": scores.f1,
    "model_class_specificity": scores.specificity,
    "model_class_support": _support,
}
_COUNTERS = (
    "model_class_true_positives_total",
    "model_class_false_positives_total",
    "model_class_false_negatives_total",
)


class ClassCounters:
    """Monotonic counters of one split, also when a class starts or ceases to be published by name.

    Samples counted while a class has no series of its own stay in ``other``, so that the sum over all classes is exact over
    any range.
    """

    def __init__(self) -> None:
        self._named = np.zeros((3, 0))
        self._other = np.zeros((3, 1))

    def add(self, counts: Counts, chosen: NDArray[np.intp] | None) -> None:
        """Add counts; ``chosen`` are the codes of the classes published by name, ``None`` for all."""
        new = np.array(
            [counts.true_positives, counts.false_positives, counts.false_negatives], dtype=np.float64
        )
        self._widen(new.shape[1])
        by_name = np.arange(new.shape[1]) if chosen is None else chosen
        self._named[:, by_name] += new[:, by_name]
        if chosen is not None:
            self._other += np.delete(new, by_name, axis=1).sum(axis=1, keepdims=True)

    def save(self) -> list[Any]:
        """The state, as arrays."""
        return [self._named.copy(), self._other.copy()]

    @classmethod
    def restored(cls, saved: list[Any]) -> ClassCounters:
        """The counters that :meth:`save` was called on."""
        counters = cls()
        counters._named, counters._other = saved
        return counters

    def values(self, classes: int, chosen: NDArray[np.intp] | None) -> NDArray[np.float64]:
        """True positives, false positives, false negatives, shape (3, published); ``other`` comes last."""
        self._widen(classes)
        return self._named if chosen is None else np.hstack([self._named[:, chosen], self._other])

    def _widen(self, classes: int) -> None:
        if classes > self._named.shape[1]:
            self._named = np.pad(self._named, ((0, 0), (0, classes - self._named.shape[1])))


class ClassScores:
    """Series by class, for every split.

    Args:
        cap: Maximum number of classes that are all published. With more classes, the ``cap // 2`` with the lowest recall
            are, and the others are pooled as ``other``.
    """

    def __init__(self, cap: int) -> None:
        self._cap = cap
        self._counters: dict[str, ClassCounters] = {}
        self._chosen: dict[str, NDArray[np.intp] | None] = {}
        self._left_out: dict[str, NDArray[np.bool_]] = {}
        self._key_cache = KeyCache()

    @property
    def dropped(self) -> int:
        """Number of classes left out so far, summed over splits."""
        return sum(int(each.sum()) for each in self._left_out.values())

    def count(self, split: str, counts: Counts) -> None:
        """Add to the counters of a split."""
        if split not in self._counters or (counts.classes > self._cap and self._chosen[split] is None):
            self._choose(split, counts)
        self._counters.setdefault(split, ClassCounters()).add(counts, self._chosen[split])

    def families(self, current: Mapping[str, Counts], names: tuple[str, ...]) -> Iterator[Family]:
        """``model_class_*``.

        Args:
            current: Counts of the window or the last pass, by split.
            names: Names of the classes.
        """
        for split, counts in current.items():
            self._choose(split, counts)
        published = self._published_keys(current, names)
        for name, score in _GAUGES.items():
            values = [_with_other(score, counts, self._chosen[split]) for split, counts in current.items()]
            yield Family(CATALOG[name], published, np.concatenate(values).tolist())
        totals = np.hstack(
            [self._counters[split].values(len(names), self._chosen[split]) for split in current]
        )
        for name, values in zip(_COUNTERS, totals, strict=True):
            yield Family(CATALOG[name], published, values.tolist())

    def save(self) -> dict[str, Any]:
        """The state, as a tree of plain values and arrays."""
        return {
            "counters": {split: one.save() for split, one in self._counters.items()},
            "chosen": dict(self._chosen),
            "left_out": dict(self._left_out),
        }

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Restore a state from :meth:`save`."""
        self._counters = {split: ClassCounters.restored(one) for split, one in saved["counters"].items()}
        self._chosen, self._left_out = saved["chosen"], saved["left_out"]

    def _choose(self, split: str, counts: Counts) -> None:
        if counts.classes <= self._cap:
            self._chosen[split] = None
            return
        before = self._chosen.get(split)
        chosen = lowest_recall(counts, self._cap // 2, np.zeros(0, np.intp) if before is None else before)
        left_out = np.ones(counts.classes, dtype=bool)
        left_out[chosen] = False
        seen = self._left_out.get(split, np.zeros(0, dtype=bool))
        left_out[: len(seen)] |= seen
        self._chosen[split], self._left_out[split] = chosen, left_out

    def _published_keys(self, current: Mapping[str, Counts], names: tuple[str, ...]) -> tuple[Key, ...]:
        labels = ((split, name) for split in current for name in _published_names(names, self._chosen[split]))
        return self._key_cache.keys("class", tuple(labels))


def _published_names(names: tuple[str, ...], chosen: NDArray[np.intp] | None) -> tuple[str, ...]:
    if chosen is None:
        return names
    # A class that was discovered may be called as the rest is.
    return (*(f"{OTHER} (class)" if names[code] == OTHER else names[code] for code in chosen), OTHER)


def _with_other(score: Score, counts: Counts, chosen: NDArray[np.intp] | None) -> NDArray[np.float64]:
    """Score of each class that is published by name, and of all others pooled."""
    if chosen is None:
        return score(counts)
    rest = Counts(
        np.delete(counts.true_positives, chosen),
        np.delete(counts.support, chosen),
        np.delete(counts.predicted, chosen),
        counts.correct,
        counts.total,
    )
    return np.append(score(counts)[chosen], score(scores.pooled(rest)))
