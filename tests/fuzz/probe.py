"""Calls the product as a test does, and sees what comes of it: an answer, one of its own errors, or something wrong."""

from __future__ import annotations

import faulthandler
import math
import os
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from traingauge import ModelMonitor
from traingauge.core.families import Identity
from traingauge.delivery.base import RunView
from traingauge.errors import TrainGaugeError
from traingauge.testing import Sample, samples

#: Metrics that change by themselves: by reading them, and when the saver's thread has saved.
_BY_THEMSELVES = ("model_monitor_overhead_", "model_state_")
#: What a refused call may change.
_OF_ERRORS = {"model_monitor_errors_total"}


class RawError(AssertionError):
    """The product raised what is none of its own errors."""


class WrongAnswerError(AssertionError):
    """The product published what is not so, or a refused call left something behind."""


@dataclass
class Tally:
    """How many calls were made, and what came of them."""

    calls: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)

    def line(self) -> str:
        return f"{self.calls.total()} calls, {self.refused.total()} of them refused with a reason"


TALLY = Tally()

#: Seconds after a call until when the next one has to begin, or the process ends and says where it is; ``None`` for any.
HANGS_AFTER: float | None = None


def call(name: str, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> tuple[Any, bool]:
    """What a function returns, and whether it took its arguments.

    Raises:
        RawError: It raised what is none of traingauge's errors, or one that does not say what fits.
    """
    TALLY.calls[name] += 1
    if HANGS_AFTER is not None:
        faulthandler.dump_traceback_later(HANGS_AFTER, exit=True)
    try:
        return function(*args, **kwargs), True
    except TrainGaugeError as error:
        TALLY.refused[name] += 1
        if len(str(error)) <= 20:
            raise RawError(f"{name} does not say what fits: {error}") from error
        return None, False
    except OSError as error:
        if not any(isinstance(value, (str, bytes, os.PathLike)) for value in (*args, *kwargs.values())):
            raise RawError(f"{name} raised {error!r:.200}") from error
        return None, False  # no such file, as every function of files says
    except Exception as error:
        raise RawError(f"{name} raised {error!r:.200}") from error


class Watched:
    """A delivery that lets a test read a run after its end too."""

    url, linger = None, 0.0

    def start(self, run: RunView) -> Watched:
        self.run = run
        return self

    def finish(self, *_: object) -> None:
        pass

    def close(self) -> None:
        pass

    @property
    def identity(self) -> Identity:
        return self.run.identity

    def read(self) -> dict[Sample, float]:
        """Every sample that a scrape reads now, but those that change by themselves."""
        found = samples(self.run.families(lambda: None))
        return {sample: value for sample, value in found.items() if not sample[0].startswith(_BY_THEMSELVES)}


@dataclass
class State:
    """All that a user can see of a run."""

    samples: dict[Sample, float]
    rows: dict[str, dict[str, bytes]]
    history: str

    @classmethod
    def of(cls, monitor: ModelMonitor, watched: Watched) -> State:
        """The present state of a run."""
        rows = {split: monitor.rows(split) for split in ("train", "validation", "test")}
        return cls(
            watched.read(),
            {
                split: {name: one.filled().tobytes() for name, one in table.items()}
                for split, table in rows.items()
            },
            repr(sorted(monitor.history.items())),
        )

    def differences(self, later: State, *, but: frozenset[str] = frozenset(_OF_ERRORS)) -> list[str]:
        """What is not the same later, but for these metrics."""
        found = [
            f"{name} {dict(labels)}: {self.samples.get((name, labels))} became {later.samples.get((name, labels))}"
            for name, labels in self.samples.keys() | later.samples.keys()
            if name not in but
            and not _same(self.samples.get((name, labels)), later.samples.get((name, labels)))
        ]
        if self.rows != later.rows:
            found.append(f"rows: {_lengths(self.rows)} became {_lengths(later.rows)}")
        if self.history != later.history:
            found.append(f"history {self.history} became {later.history}")
        return found


def errors(found: dict[Sample, float]) -> dict[str, float]:
    """Errors that a run has counted, by reason."""
    return {dict(labels)["reason"]: value for (name, labels), value in found.items() if name in _OF_ERRORS}


def shown(value: Any) -> str:
    """A value as text, even if it cannot be shown."""
    with suppress(Exception):
        return np.array2string(value, threshold=20) if isinstance(value, np.ndarray) else repr(value)[:200]
    return type(value).__name__


def _same(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12) or (math.isnan(one) and math.isnan(other))


def _lengths(rows: dict[str, dict[str, bytes]]) -> dict[str, dict[str, int]]:
    return {split: {name: len(one) // 8 for name, one in table.items()} for split, table in rows.items()}
