"""The classes of a run: their names, and their codes 0 to K - 1."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from traingauge.errors import InvalidArgumentError, InvalidTypeError, LabelError, shown
from traingauge.stats.arrays import Array

#: Maximum number of classes that are discovered from labels; a label beyond is taken for a mistake.
MAX_DISCOVERED_CLASSES = 10_000

#: Up to this many labels, encoding true and predicted ones together saves time: the overhead of numpy calls dominates.
SMALL_BATCH = 4096

# Upper bound of labels given as floats, or as integers of unusual byte order.
_LARGEST = 2**53

# Viewed as unsigned, negative integers become huge, so one comparison checks both bounds.
_UNSIGNED = {np.dtype(f"{kind}{size}"): np.dtype(f"u{size}") for kind in "iu" for size in (1, 2, 4, 8)}
_UNSIGNED[np.dtype(bool)] = np.dtype(np.uint8)


#: What a set of classes goes back to.
ClassMark = tuple[tuple[str, ...], dict[Any, int], bool, bool]


class ClassSet:
    """Maps labels to class codes.

    Integer labels are codes themselves, unless other integers than 0 to K - 1 were given as classes; strings have codes in
    the order of the classes. A set without given classes discovers them: it grows up to the highest integer seen, or by each
    new string in order of appearance. Thread-safe.

    Args:
        classes: Number of classes, or their names or integer labels. ``None`` discovers them.

    Attributes:
        names: Name of each class; integer labels as text.
        dtype: Smallest unsigned dtype that holds every code.
        fixed: Whether the set is complete, so that other labels are errors.

    Raises:
        InvalidArgumentError: No classes, or a class is given twice.
        InvalidTypeError: Neither a number, nor only strings, nor only integers.

    >>> ClassSet(["ham", "spam"]).codes(np.array(["spam", "ham"]), "y_true")
    array([1, 0], dtype=uint8)
    >>> discovered = ClassSet(); codes = discovered.codes(np.array([0, 3]), "y_true"); discovered.names
    ('0', '1', '2', '3')
    """

    def __init__(self, classes: int | Sequence[str] | Sequence[int] | None = None) -> None:
        self.fixed = classes is not None
        self._lock = threading.Lock()
        self._by_label: dict[Any, int] = {}  # codes of labels that are not codes themselves
        self._coded = classes is not None  # whether integer labels are codes; unknown while the set is empty
        if classes is None:
            labels: list[Any] = []
        elif isinstance(classes, (int, np.integer)):
            labels = list(range(int(classes)))
        else:
            labels = _checked(classes)
        self._name(map(str, labels))
        if self.fixed and not labels:
            raise InvalidArgumentError(
                f"classes={shown(classes)} holds no class: expected their number or their names"
            )
        if labels != list(range(len(labels))):
            self._by_label = {label: code for code, label in enumerate(labels)}
            self._coded = isinstance(labels[0], str)

    def __len__(self) -> int:
        return len(self.names)

    def codes(self, labels: Array, what: str) -> Array:
        """Codes of labels, of dtype :attr:`dtype` and shape (n,).

        Args:
            labels: Shape (n,): integers, booleans, whole floats, or strings.
            what: Name of the argument, for error messages.

        Raises:
            LabelError: A label is not one of the classes.
        """
        view = self._views.get(labels.dtype) if self._coded else None
        if view is None:
            if labels.dtype.kind == "U" or self._by_label:
                return self._lookup(labels, what)
            labels = self._as_int64(labels, what)
            self._coded, view = self._coded or len(labels) > 0, self._views[labels.dtype]
        unsigned, limit = view
        codes = labels.view(unsigned)
        if np.count_nonzero(codes < limit) < len(codes) and int(codes.max()) >= len(self.names):
            self._widen(int(codes.max()) + 1, labels, what)
        return codes.astype(self.dtype)

    def known_codes(self, true: Array, predicted: Array) -> tuple[Array, Array] | None:
        """A fast path for small batches of one dtype in which every label is a known code; ``None`` for others.

        Args:
            true: Shape (n,).
            predicted: Shape (n,).

        Returns:
            True and predicted codes, of dtype :attr:`dtype`.
        """
        if not self._coded or len(true) > SMALL_BATCH or true.dtype != predicted.dtype:
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

    def fix_count(self, count: int) -> None:
        """Fix the number of classes, as predictions have ``count`` columns.

        Raises:
            LabelError: The known classes contradict it.
        """
        known = len(self.names)
        if known == count and self.fixed:
            return
        with self._lock:
            if len(self.names) > count or self.fixed or (self._by_label and known != count):
                named = ", ".join(self.names[:10]) + (", ..." if len(self.names) > 10 else "")
                raise LabelError(f"predictions have {count} classes, but {known} are known: {named}")
            self._name((*self.names, *map(str, range(len(self.names), count))))
            self._coded = self._coded or not self._by_label
            self.fixed = True

    def widen_to(self, count: int) -> None:
        """Grow to ``count`` classes; a larger or fixed set is unchanged."""
        if not self.fixed and not self._by_label and len(self.names) < count:
            with self._lock:
                self._name((*self.names, *map(str, range(len(self.names), count))))

    def mark(self) -> ClassMark:
        """What :meth:`undo` goes back to; taking it costs next to nothing."""
        return self.names, self._by_label, self.fixed, self._coded

    def undo(self, mark: ClassMark) -> None:
        """Forget the classes that were learned since."""
        if mark != (self.names, self._by_label, self.fixed, self._coded):
            names, self._by_label, self.fixed, self._coded = mark
            self._name(names)

    def save(self) -> dict[str, Any]:
        """The state, as a tree of plain values."""
        return {
            "names": list(self.names),
            "labels": list(self._by_label),
            "fixed": self.fixed,
            "coded": self._coded,
        }

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Restore a state from :meth:`save`.

        Raises:
            InvalidArgumentError: The classes given now differ from the saved ones.
        """
        if self.fixed and list(self.names) != saved["names"]:
            raise InvalidArgumentError(f"the classes were {saved['names']} and are now {list(self.names)}")
        self._name(saved["names"])
        self._by_label = {label: code for code, label in enumerate(saved["labels"])}
        self.fixed, self._coded = saved["fixed"], saved["coded"]

    def _name(self, names: Iterable[str]) -> None:
        self.names = tuple(names)
        count = len(self.names)
        self.dtype = np.min_scalar_type(max(count - 1, 0))
        # Limits have the dtype of the labels: numpy compares with them three times as fast as with a Python integer.
        self._views = {
            given: (unsigned, np.array(min(count, np.iinfo(unsigned).max), unsigned))
            for given, unsigned in _UNSIGNED.items()
        }

    def _as_int64(self, labels: Array, what: str) -> Array:
        """Convert whole floats, and integers of unusual byte order."""
        values = labels.astype(np.float64)
        fits = (np.abs(values) < _LARGEST) & (values == np.floor(values))
        if not fits.all():
            raise self._unknown(labels[~fits][0].item(), what)
        return labels.astype(np.int64)

    def _widen(self, count: int, labels: Array, what: str) -> None:
        if self.fixed or count > MAX_DISCOVERED_CLASSES:
            outside = (labels < 0) | (labels >= (len(self.names) if self.fixed else MAX_DISCOVERED_CLASSES))
            raise self._unknown(labels[outside][0].item(), what)
        self.widen_to(count)

    def _lookup(self, labels: Array, what: str) -> Array:
        values = labels.tolist()
        try:
            codes = [self._by_label[value] for value in values]
        except KeyError:
            self._learn(values, what)
            codes = [self._by_label[value] for value in values]
        return np.array(codes, dtype=self.dtype)

    def _learn(self, values: list[Any], what: str) -> None:
        with self._lock:
            learned = dict(self._by_label)  # another one: a mark keeps the old one
            takes_strings = not self.fixed and (not self.names or bool(learned))
            for value in dict.fromkeys(values):
                if value in learned:
                    continue
                if not takes_strings or not isinstance(value, str) or len(learned) >= MAX_DISCOVERED_CLASSES:
                    raise self._unknown(value, what)
                learned[value] = len(learned)
            self._by_label = learned
            self._name(map(str, learned))

    def _unknown(self, value: object, what: str) -> LabelError:
        names = self.names[:10] if len(self.names) > 11 else self.names
        listed = ", ".join(names) + (f", ... {self.names[-1]}" if len(names) < len(self.names) else "")
        if self.fixed:
            hint = f"expected one of the {len(self.names)} classes {listed}"
        else:
            hint = (
                f"expected class codes from 0 to {MAX_DISCOVERED_CLASSES - 1}; "
                "pass Scoring(classes=N) for more, or Scoring(classes=[...]) for other labels"
            )
        return LabelError(f"{what} holds the label {shown(value)}: {hint}")


def _checked(classes: Iterable[Any]) -> list[Any]:
    labels = [label.item() if isinstance(label, np.generic) else label for label in classes]
    if not (
        all(isinstance(label, str) for label in labels) or all(isinstance(label, int) for label in labels)
    ):
        raise InvalidTypeError(f"classes={shown(labels)}: expected a number, only names, or only integers")
    if len(set(labels)) < len(labels):
        raise InvalidArgumentError(f"classes={shown(labels)} names a class twice")
    return labels
