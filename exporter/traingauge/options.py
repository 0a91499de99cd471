"""Settings of a run beyond the everyday, as small frozen values.

A value that does not fit raises when the setting is made. The error names the field, what was given and what fits.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from traingauge import validation
from traingauge.errors import (
    InvalidArgumentError,
    InvalidTypeError,
    ReferenceMismatchError,
    TrainGaugeError,
    shown,
)
from traingauge.stats.classification.classes import ClassSet
from traingauge.stats.classification.scores import AVERAGES, Average
from traingauge.stats.classification.tasks import TASKS, Task

if TYPE_CHECKING:
    from traingauge.reference import Reference

#: Drift statistics that are published unless others are chosen.
USUAL_STATISTICS = ("psi", "ks", "js", "wasserstein", "chi2")

#: Samples in the drift window, unless the reference is calibrated for another number.
DRIFT_WINDOW = 1000

#: Most classes: each has a name and counts of its own in memory.
MOST_CLASSES = 1_000_000

#: Most features whose distribution is published: with 24 series each, 1200 series.
MOST_DISTRIBUTIONS = 50


@dataclass(frozen=True)
class Scoring:
    """How predictions are scored. What is ``None`` is found out from the data.

    What was found out may change: labels of only 0 and 1 may be the first of many, and scores in [0, 1] may be logits. Then
    scores recorded before are dropped, which ``model_monitor_errors_total{reason="guess"}`` counts and the log explains.

    Args:
        task: ``"binary"``, ``"multiclass"``, ``"multilabel"`` or ``"regression"``.
        classes: Names or integer labels of the classes in the order of their codes, or their number.
        average: How precision, recall and F1 are averaged over classes: ``"binary"`` (of the positive class), ``"macro"``,
            ``"weighted"`` or ``"micro"``; by default ``"binary"`` for two classes, else ``"macro"``.
        decision_threshold: Probability above which a binary or multi-label prediction is positive; 0.5 by default.
        from_logits: Whether predictions are logits. With ``None`` they are from the first value outside [0, 1].
        ignore_index: Label that is left out of every score, without the rest of its row if that has several labels. With
            ``None`` that is -100, as in PyTorch, if no class has it.
        window: Training steps in the rolling window of scores and loss.

    Raises:
        TrainGaugeError: A field that does not fit.

    >>> Scoring(task="multiclass", classes=["cat", "dog", "bird"]).window
    100
    >>> Scoring(window=0)
    Traceback (most recent call last):
    traingauge.errors.InvalidArgumentError: Scoring.window is 0: expected at least 1
    """

    task: Task | None = None
    classes: int | Sequence[str] | Sequence[int] | None = None
    average: Average | None = None
    decision_threshold: float | None = None
    from_logits: bool | None = None
    ignore_index: int | str | None = None
    window: int = 100

    def __post_init__(self) -> None:
        if self.task is not None:
            validation.choice("Scoring.task", self.task, TASKS)
        if self.average is not None:
            validation.choice("Scoring.average", self.average, AVERAGES)
        if self.classes is not None:
            _set(self, classes=_classes(self.classes))
        if self.decision_threshold is not None:
            validation.number("Scoring.decision_threshold", self.decision_threshold, above=0, below=1)
        if self.from_logits is not None:
            validation.flag("Scoring.from_logits", self.from_logits)
        _set(self, window=validation.count("Scoring.window", self.window))
        self._check_together()

    def _check_together(self) -> None:
        if self.task == "binary" and self.classes is not None:
            number = self.classes if isinstance(self.classes, int) else len(self.classes)
            if number != 2:
                raise InvalidArgumentError(
                    f"Scoring.classes has {number} classes: expected 2 with task='binary'"
                )
        if self.average == "binary" and self.task not in (None, "binary"):
            raise InvalidArgumentError(
                f"Scoring.average is 'binary', the score of the positive class, and task is {self.task!r}: "
                "expected 'macro', 'weighted' or 'micro'"
            )


@dataclass(frozen=True, eq=False)
class Drift:
    """What features, labels and predictions are compared with, and how.

    Args:
        reference: Profile of the data to compare with.
        window: Samples in the window that is compared; by default 1000, or as many as the reference is calibrated for.
        kind: How samples leave the window: ``"sliding"``, ``"tumbling"`` or ``"decaying"``.
        statistics: Statistics to publish, names of :data:`traingauge.stats.drift.statistics.STATISTICS`; the usual ones by
            default. ``"psi"`` is always among them, because thresholds are compared with it.
        multivariate: Also compare all features together. It about doubles the time of a step.
        sampling: Share of the rows to compare, in (0, 1]. It bounds the time of a step, and is published.
        distributions: Features whose distribution is published with that of the reference: those that drifted most, with
            up to 24 series each; 0 for none.

    Raises:
        TrainGaugeError: A field that does not fit.

    >>> from traingauge import Reference
    >>> reference = Reference.from_data(np.arange(4000.0).reshape(-1, 1))
    >>> Drift(reference).window_size
    1000
    >>> Drift(reference, sampling=2)
    Traceback (most recent call last):
    traingauge.errors.InvalidArgumentError: Drift.sampling is 2.0: expected above 0 and at most 1
    """

    reference: Reference
    window: int | None = None
    kind: str = "sliding"
    statistics: Sequence[str] | None = None
    multivariate: bool = True
    sampling: float = 1.0
    distributions: int = 10

    def __post_init__(self) -> None:
        from traingauge.reference import Reference  # what a run without drift need not load
        from traingauge.stats.drift.window import WINDOWS

        validation.instance(
            "Drift.reference", self.reference, Reference, "Reference.from_data(x) or Reference.load(path)"
        )
        validation.choice("Drift.kind", self.kind, WINDOWS)
        validation.flag("Drift.multivariate", self.multivariate)
        validation.number("Drift.sampling", self.sampling, above=0, most=1)
        validation.count("Drift.distributions", self.distributions, least=0, most=MOST_DISTRIBUTIONS)
        if self.statistics is not None:
            _set(self, statistics=_statistics(self.statistics))
        if self.window is not None:
            self._check_window(validation.count("Drift.window", self.window))

    @property
    def window_size(self) -> int:
        """Samples in the window: the given number, else that of the calibration, else :data:`DRIFT_WINDOW`."""
        if self.window is not None:
            return self.window
        calibration = self.reference.calibration
        return DRIFT_WINDOW if calibration is None else calibration.window

    @property
    def published(self) -> tuple[str, ...]:
        """Names of the statistics that are published."""
        return USUAL_STATISTICS if self.statistics is None else tuple(self.statistics)

    def _check_window(self, window: int) -> None:
        calibration = self.reference.calibration
        if calibration is not None and window != calibration.window:
            raise ReferenceMismatchError(
                f"Drift.window is {window}: expected {calibration.window}, which the reference is calibrated for"
            )


@dataclass(frozen=True)
class State:
    """Where a run keeps its state, so that a new process continues it.

    A process that is given the directory of an earlier one continues its run: ``run`` may be left out, counters continue,
    and :meth:`traingauge.ModelMonitor.resume_at` says from which step.

    Args:
        directory: Directory of this run alone; made if it does not exist.
        save_every: Longest time in seconds between two saves. After a scrape the state is saved sooner.
        log_bytes: Most bytes of rows on disk, at least a mebibyte; the oldest rows are deleted beyond it.

    Raises:
        TrainGaugeError: A field that does not fit.

    >>> State("runs/digits", save_every=0)
    Traceback (most recent call last):
    traingauge.errors.InvalidArgumentError: State.save_every is 0.0: expected at least 0.1 seconds
    """

    directory: str | os.PathLike[str]
    save_every: float = 30.0
    log_bytes: int = 2 << 30

    def __post_init__(self) -> None:
        _set(
            self,
            directory=validation.path("State.directory", self.directory),
            save_every=validation.seconds("State.save_every", self.save_every, least=0.1),
            log_bytes=validation.count("State.log_bytes", self.log_bytes, least=1 << 20),
        )


def scoring_of(given: Scoring | None) -> Scoring:
    """The argument ``scoring`` of a monitor, checked."""
    return (
        Scoring() if given is None else validation.instance("scoring", given, Scoring, "Scoring(window=50)")
    )


def drift_of(given: Drift | None, reference: Reference | None) -> Drift | None:
    """The arguments ``drift`` and ``reference`` of a monitor, checked; the latter is short for ``Drift(reference)``.

    Raises:
        InvalidArgumentError: Both were given.
    """
    if reference is None:
        return (
            None
            if given is None
            else validation.instance("drift", given, Drift, "Drift(reference, window=500)")
        )
    if given is not None:
        raise InvalidArgumentError(
            "reference and drift were both given: expected one; reference=r is short for drift=Drift(r)"
        )
    return Drift(reference)


def state_of(given: State | None) -> State | None:
    """The argument ``state`` of a monitor, checked."""
    return None if given is None else validation.instance("state", given, State, "State('runs/digits')")


def links(what: str, value: object) -> Mapping[str, str]:
    """Addresses by title, as a copy that cannot be changed.

    Raises:
        InvalidTypeError: No mapping of strings to strings.
        InvalidArgumentError: An address that a browser would run instead of open.
    """
    if not isinstance(value, Mapping) or not all(
        isinstance(part, str) for entry in value.items() for part in entry
    ):
        raise InvalidTypeError(
            f"{what} is {shown(value)}: expected addresses by title, as {{'Code': 'https://…'}}"
        )
    for title, to in value.items():
        scheme, colon, _ = to.partition("/")[0].partition(":")
        if (
            not to.strip()
            or not to.isprintable()
            or (colon and scheme.strip().lower() not in {"http", "https"})
        ):
            raise InvalidArgumentError(
                f"{what}[{title!r}] is {to!r}: expected an http:// or https:// address"
            )
    return MappingProxyType(dict(value))


def _classes(given: int | Sequence[str] | Sequence[int]) -> int | tuple[str, ...] | tuple[int, ...]:
    if isinstance(given, (int, np.integer)):
        validation.count("Scoring.classes", given, most=MOST_CLASSES)
    try:
        ClassSet(given)
    except TrainGaugeError as error:
        raise type(error)(f"Scoring.{error}") from None
    except Exception:  # noqa: BLE001 whatever hinders it from being iterated over
        raise InvalidTypeError(
            f"Scoring.classes is {shown(given)}: expected their number or their names"
        ) from None
    if isinstance(given, (int, np.integer)):
        return int(given)
    return tuple(label.item() if isinstance(label, np.generic) else label for label in given)  # type: ignore[return-value]


def _statistics(given: Iterable[str]) -> tuple[str, ...]:
    found = validation.names("Drift.statistics", given)
    from traingauge.stats.drift.statistics import STATISTICS

    for one in found:
        validation.choice("Drift.statistics", one, STATISTICS)
    return tuple(dict.fromkeys(("psi", *found)))


def _set(setting: object, **checked: object) -> None:
    """Put checked values in a frozen setting."""
    for field, value in checked.items():
        object.__setattr__(setting, field, value)
