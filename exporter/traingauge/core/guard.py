"""Monitoring never breaks training: the one place where errors inside monitoring are caught.

The rule has two halves. A call that cannot be meant raises :class:`~traingauge.errors.TrainGaugeError`, at once, in the
call. Any other error inside monitoring is counted, logged once for each reason, and swallowed.

Data stand between the two. Data that do not fit raise while a person is looking, in the first step or pass that gives data
of their kind. Hours into training they are counted like an error inside monitoring.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from typing import ParamSpec, TypeVar

import numpy as np

from traingauge.errors import TrainGaugeError
from traingauge.forks import leave_to_parent_after_fork
from traingauge.logs import logger

#: Where an error inside monitoring happened: the values of ``model_monitor_errors_total{reason}``.
REASONS = (
    "step",
    "digest",
    "scrape",
    "server",
    "discovery",
    "registration",
    "delivery",
    "alert",
    "integration",
    "state",
    "data",
    "guess",
)

P = ParamSpec("P")
T = TypeVar("T")


class Guard:
    """Runs work of monitoring so that its errors do not reach training, and counts them; from any thread.

    Args:
        strict: Whether data that do not fit always raise, however long training has run.

    Attributes:
        strict: As given.
        errors: Errors so far, by reason.

    >>> guard = Guard()
    >>> guard.run("step", lambda: 1 / 0), guard.errors["step"]
    (None, 1)
    """

    def __init__(self, *, strict: bool = False) -> None:
        self.strict = strict
        self._fitted: frozenset[str] = frozenset()  # kinds of data that were taken before
        self._lock = threading.Lock()  # never held while anything else is done
        self.errors = dict.fromkeys(REASONS, 0)
        self._logged: set[str] = set()
        leave_to_parent_after_fork(self)

    def leave_to_parent(self) -> None:
        """A forked child counts and logs its own errors."""
        self._lock = threading.Lock()
        self.errors, self._logged = dict.fromkeys(REASONS, 0), set()

    def run(self, reason: str, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
        """What ``work`` returns, ``None`` if it fails; for calls that a user made.

        Args:
            reason: One of :data:`REASONS`.
            work: What to call.
            *args: Passed to ``work``.
            **kwargs: Passed to ``work``.

        Raises:
            TrainGaugeError: ``work`` found an argument that does not fit.
        """
        try:
            with np.errstate(all="ignore"):  # a script may have numpy raise where NaN is what we mean
                return work(*args, **kwargs)
        except TrainGaugeError:
            raise
        except Exception as error:  # noqa: BLE001 the second half of the rule
            self.report(reason, error)
            return None

    def shield(self, reason: str, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
        """The same where no user is waiting for an answer: every error is counted, a wrong argument too."""
        try:
            return self.run(reason, work, *args, **kwargs)
        except TrainGaugeError as error:
            self.report(reason, error)
            return None

    def catch(self, reason: str, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
        """The same as :meth:`shield` for work that does not compute with numpy: to set its error state takes long."""
        try:
            return work(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 the second half of the rule
            self.report(reason, error)
            return None

    def admit(self, kind: str, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
        """What ``work`` returns for data that a user gave, ``None`` if they do not fit and data of their kind did before.

        Args:
            kind: What the user gave, and of which split; see :meth:`fitted`.
            work: What to call.
            *args: Passed to ``work``.
            **kwargs: Passed to ``work``.

        Raises:
            TrainGaugeError: The data do not fit, while a person is looking.
        """
        try:
            try:
                return work(*args, **kwargs)
            except (
                FloatingPointError
            ):  # the script has numpy raise; asking before each step costs a third of it
                with np.errstate(all="ignore"):
                    return work(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 the second half of the rule
            self._misfit(kind, error)
            return None

    @staticmethod
    def attempt(otherwise: T, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What ``work`` returns, or ``otherwise`` if it fails: for the parts of data that :meth:`admit` has not taken."""
        try:
            return work(*args, **kwargs)
        except Exception:  # noqa: BLE001 it is counted already
            return otherwise

    def fitted(self, kinds: Collection[str]) -> None:
        """Remember that data of these kinds were taken: a person has seen them fit."""
        if not self._fitted.issuperset(kinds):
            self._fitted |= frozenset(kinds)

    def raises(self, kind: str) -> bool:
        """Whether data of a kind that do not fit raise; if not, it does not matter when that is found."""
        return self.strict or kind not in self._fitted

    def _misfit(self, kind: str, error: Exception) -> None:
        if not isinstance(error, TrainGaugeError):
            self.report("step", error)
        elif self.raises(kind):
            raise error
        else:
            self.report("data", error)

    def report(self, reason: str, error: BaseException) -> None:
        """Count an error inside monitoring, and log the first one of each reason in this process.

        Data that do not fit, a server that refuses connections and a full disk are explained by their message; any other
        error may be a defect of monitoring, and is logged with its traceback.
        """
        with self._lock:
            self.errors[reason] += 1
            first = reason not in self._logged
            self._logged.add(reason)
        if first:
            logger.warning(
                "%s (%s): %s; training continues, further failures are only counted in "
                'model_monitor_errors_total{reason="%s"}',
                "data left out" if reason == "data" else "monitoring failed",
                reason,
                error,
                reason,
                exc_info=None if isinstance(error, (TrainGaugeError, OSError)) else error,
            )

    def guessed(self, says: str, *, changed: bool) -> None:
        """Tell the user about a guess about the model; one that contradicts an earlier guess is counted."""
        if changed:
            with self._lock:
                self.errors["guess"] += 1
        logger.warning("%s", says)

    def add(self, errors: Mapping[str, int]) -> None:
        """Add errors that were counted before, by an earlier process of the run."""
        with self._lock:
            for reason, count in errors.items():
                self.errors[reason] += count
