"""The classes of a run: what they are called, and their codes 0 to K - 1."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from traingauge.errors import InvalidArgumentError, InvalidTypeError, LabelError
from traingauge.stats.arrays import Array

#: A class set that is not told grows up to this many classes: a label beyond is taken for a mistake.
UNTOLD_CLASSES = 10_000

#: Up to so many labels it pays to look at true and predicted ones together: a call of numpy costs more than what it does.
FEW = 1024

# No float or integer of any byte order beyond it is a label.
_LARGEST = 2**53

# Seen as unsigned, what is negative becomes huge: one comparison checks both ends.
_UNSIGNED = {np.dtype(f"{kind}{size}"): np.dtype(f"u{size}") for kind in "iu" for size in (1, 2, 4, 8)}
_UNSIGNED[np.dtype(bool)] = np.dtype(np.uint8)


class ClassSet:
    """The classes of a run.

    A class is known by its code, which is an integer label itself, by its name if labels are strings, or by
    its value if other integers than 0 to K - 1 were told. A class set that was not told widens when it meets
    a new label: integers up to the highest seen, strings in the order in which they appear. Safe to use from
    several threads.

    Args:
        classes: How many, or what they are called: names, or integer labels. ``None`` to find out.

    Attributes:
        names: One a class; integer labels as text.
        dtype: The smallest unsigned type that holds every code.
        told: Whether the set is known to be complete.

    Raises:
        InvalidArgumentError: No class at all, or one that is named twice.
        InvalidTypeError: Neither a number nor all strings or all integers.

    >>> ClassSet(["ham", "spam"]).codes(np.array(["spam", "ham"]), "y_true")
    array([1, 0], dtype=uint8)
    >>> untold = ClassSet(); codes = untold.codes(np.array([0, 3]), "y_true"); untold.names
    ('0', '1', '2', '3')
    """

    def __init__(self, classes: int | Sequence[str] | Sequence[int] | None = None) -> None:
        self.told = classes is not None
        self._lock = threading.Lock()
        self._by_label: dict[Any, int] = {}  # codes of labels that are not codes themselves
        self._coded = classes is not None  # whether integer labels are codes; not yet known of an empty set
        if classes is None:
            labels: list[Any] = []
        elif isinstance(classes, (int, np.integer)):
            labels = list(range(int(classes)))
        else:
            labels = _checked(classes)
        self._name(map(str, labels))
        if self.told and not labels:
            raise InvalidArgumentError(
                f"classes={classes!r} holds no class: expected their number or their names"
            )
        if labels != list(range(len(labels))):
            self._by_label = {label: code for code, label in enumerate(labels)}
            self._coded = isinstance(labels[0], str)

    def __len__(self) -> int:
        return len(self.names)

    def codes(self, labels: Array, what: str) -> Array:
        """Codes of labels, as unsigned integers of the smallest fitting size.

        Args:
            labels: Shape (n,): integers, booleans, whole floats, or strings.
            what: Their name, for the error.

        Raises:
            LabelError: A label outside of the classes, with the value and the classes.
        """
        view = self._views.get(labels.dtype) if self._coded else None
        if view is None:
            if labels.dtype.kind == "U" or self._by_label:
                return self._looked_up(labels, what)
            labels = self._as_int64(labels, what)
            self._coded, view = True, self._views[labels.dtype]
        unsigned, limit = view
        codes = labels.view(unsigned)
        if np.count_nonzero(codes < limit) < len(codes) and int(codes.max()) >= len(self.names):
            self._widen(int(codes.max()) + 1, labels, what)
        return codes.astype(self.dtype)

    def plain_codes(self, true: Array, predicted: Array) -> tuple[Array, Array] | None:
        """Codes of a few labels of one dtype that are known codes themselves; ``None`` for any others.

        Args:
            true: Shape (n,).
            predicted: Shape (n,).
        """
        if not self._coded or len(true) > FEW or true.dtype != predicted.dtype:
            return None
        view = self._views.get(true.dtype)
        if view is None:
            return None
        unsigned, limit = view
        codes = np.concatenate((true, predicted)).view(unsigned)
        if np.count_nonzero(codes < limit) < len(codes):
            return None
        codes = codes.astype(self.dtype)
        return codes[: len(true)], codes[len(true) :]

    def settle(self, count: int) -> None:
        """Take ``count`` for the number of classes, because predictions have that many columns.

        Raises:
            LabelError: Other classes are known already.
        """
        known = len(self.names)
        if known == count and self.told:
            return
        with self._lock:
            if len(self.names) > count or self.told or (self._by_label and known != count):
                named = ", ".join(self.names[:10]) + (", ..." if len(self.names) > 10 else "")
                raise LabelError(f"predictions are for {count} classes, but there are {known}: {named}")
            self._name((*self.names, *map(str, range(len(self.names), count))))
            self._coded = self._coded or not self._by_label
            self.told = True

    def at_least(self, count: int) -> None:
        """Widen to ``count`` classes; a wider or a told set stays as it is."""
        if not self.told and not self._by_label and len(self.names) < count:
            with self._lock:
                self._name((*self.names, *map(str, range(len(self.names), count))))

    def save(self) -> dict[str, Any]:
        """What is known, as a tree of plain values."""
        return {
            "names": list(self.names),
            "labels": list(self._by_label),
            "told": self.told,
            "coded": self._coded,
        }

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Take what :meth:`save` gave.

        Raises:
            InvalidArgumentError: Other classes were told since.
        """
        if self.told and list(self.names) != saved["names"]:
            raise InvalidArgumentError(f"the classes were {saved['names']} and are now {list(self.names)}")
        self._name(saved["names"])
        self._by_label = {label: code for code, label in enumerate(saved["labels"])}
        self.told, self._coded = saved["told"], saved["coded"]

    def _name(self, names: Iterable[str]) -> None:
        self.names = tuple(names)
        count = len(self.names)
        self.dtype = np.min_scalar_type(max(count - 1, 0))
        # Limits as arrays of the labels' own type: numpy compares with them three times as fast as with an integer.
        self._views = {
            given: (unsigned, np.array(min(count, np.iinfo(unsigned).max), unsigned))
            for given, unsigned in _UNSIGNED.items()
        }

    def _as_int64(self, labels: Array, what: str) -> Array:
        """Whole floats, and integers of an unusual byte order."""
        values = labels.astype(np.float64)
        fits = (np.abs(values) < _LARGEST) & (values == np.floor(values))
        if not fits.all():
            raise self._unknown(labels[~fits][0].item(), what)
        return labels.astype(np.int64)

    def _widen(self, count: int, labels: Array, what: str) -> None:
        if self.told or count > UNTOLD_CLASSES:
            outside = (labels < 0) | (labels >= (len(self.names) if self.told else UNTOLD_CLASSES))
            raise self._unknown(labels[outside][0].item(), what)
        self.at_least(count)

    def _looked_up(self, labels: Array, what: str) -> Array:
        values = labels.tolist()
        try:
            codes = [self._by_label[value] for value in values]
        except KeyError:
            self._learn(values, what)
            codes = [self._by_label[value] for value in values]
        return np.array(codes, dtype=self.dtype)

    def _learn(self, values: list[Any], what: str) -> None:
        with self._lock:
            for value in dict.fromkeys(values):
                if value in self._by_label:
                    continue
                strings = not self.names or bool(self._by_label)
                if (
                    self.told
                    or not isinstance(value, str)
                    or not strings
                    or len(self.names) >= UNTOLD_CLASSES
                ):
                    raise self._unknown(value, what)
                self._by_label[value] = len(self.names)
                self._name((*self.names, value))

    def _unknown(self, value: object, what: str) -> LabelError:
        names = self.names[:10] if len(self.names) > 11 else self.names
        listed = ", ".join(names) + (f", ... {self.names[-1]}" if len(names) < len(self.names) else "")
        if self.told:
            hint = f"expected one of the {len(self.names)} classes {listed}"
        else:
            hint = f"expected class codes from 0 below {UNTOLD_CLASSES}; for other labels pass classes=[...]"
        return LabelError(f"{what} holds the label {value!r}: {hint}")


def _checked(classes: Iterable[Any]) -> list[Any]:
    labels = [label.item() if isinstance(label, np.generic) else label for label in classes]
    if not (
        all(isinstance(label, str) for label in labels) or all(isinstance(label, int) for label in labels)
    ):
        raise InvalidTypeError(f"classes={labels!r}: expected their number, or all names or all integers")
    if len(set(labels)) < len(labels):
        raise InvalidArgumentError(f"classes={labels!r} names a class twice")
    return labels
