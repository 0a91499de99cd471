"""A line in the terminal of the training script that says how the run is doing."""

from __future__ import annotations

import math
import shutil
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TextIO

from traingauge import validation
from traingauge.core.families import Family
from traingauge.delivery.base import RunView
from traingauge.delivery.gil import GilYielder
from traingauge.delivery.plain_text import duration, printable
from traingauge.forks import leave_to_parent_after_fork

#: Seconds between two lines in a terminal, where each replaces the last, and elsewhere, where all stay.
EVERY, EVERY_ELSEWHERE = 2.0, 60.0

#: A reading of a run with many series takes a while: the line waits for as many times that.
REST = 50.0

_SCORES = ("accuracy", "f1", "r2", "mean_absolute_error")

#: One reading of a run: values by metric and labels.
Values = Mapping[tuple[str, tuple[str | None, ...]], float]


@dataclass(frozen=True, slots=True)
class ProgressLine:
    """Shows step, losses, a score, the time left and the state of health on standard error.

    In a terminal one line is drawn over and over. Where standard error is no terminal, as in the log of a job, or where tqdm
    draws its bars, a line of its own is written every minute. Without standard error there is none.
    ``ModelMonitor(progress=True)`` adds one to the deliveries.

    Args:
        every: Seconds between two lines; by default 2 in a terminal and 60 elsewhere.

    Raises:
        InvalidArgumentError: ``every`` is below 0.1.

    >>> ProgressLine(every=10)
    ProgressLine(every=10)
    """

    every: float | None = None

    def __post_init__(self) -> None:
        if self.every is not None:
            validation.seconds("ProgressLine.every", self.every, least=0.1)

    def start(self, run: RunView) -> DrawnProgress:
        """Draw the line until the run ends."""
        return DrawnProgress(run, self.every)


class DrawnProgress:
    """The line of one run.

    Args:
        run: The run.
        every: As in :class:`ProgressLine`.
    """

    url = None
    linger = 0.0

    def __init__(self, run: RunView, every: float | None) -> None:
        self._run, self._every = run, every
        self._written = time.monotonic()
        self._cost = 0.0  # seconds that the last reading took
        self._over = threading.Event()
        self._inherited = False
        leave_to_parent_after_fork(self)
        threading.Thread(target=self._draw_until_over, name="traingauge-progress", daemon=True).start()

    def finish(self, ended: float, deadline: float) -> None:
        """Write how the run ended, as a line that stays."""
        if not self._over.is_set() and not self._inherited:
            self._over.set()
            if (file := _standard_error()) is not None:
                self._write(line(self._read(), self._name), file, stays=True)

    def close(self) -> None:
        """Stop drawing."""
        self._over.set()

    def leave_to_parent(self) -> None:
        """In a forked child: the terminal is the parent's."""
        self._inherited = True

    @property
    def _name(self) -> str:
        return printable(f"{self._run.identity.model} {self._run.identity.run}")

    def _draw_until_over(self) -> None:
        while not self._over.wait(max(self._every or EVERY, REST * self._cost)):
            self._run.guard.shield("delivery", self._draw)

    def _draw(self) -> None:
        if (file := _standard_error()) is None:
            return
        stays = not file.isatty() or _tqdm_draws()
        pause = self._every or (EVERY_ELSEWHERE if stays else EVERY)
        if not stays or time.monotonic() - self._written >= pause * 0.99:
            self._write(line(self._read(), self._name), file, stays=stays)

    def _read(self) -> Values:
        began = time.perf_counter()
        values = values_of(self._run.families(GilYielder().maybe_yield))
        self._cost = time.perf_counter() - began
        return values

    def _write(self, text: str, file: TextIO, *, stays: bool) -> None:
        self._written = time.monotonic()
        if not file.isatty():
            file.write(text + "\n")
        elif _tqdm_draws():
            sys.modules["tqdm"].tqdm.write(text, file=file)
        else:
            shown = text if stays else text[: shutil.get_terminal_size().columns - 1]
            file.write(f"\r{shown}\x1b[K" + ("\n" if stays else ""))
        file.flush()


def values_of(families: Sequence[Family]) -> Values:
    """The values of one reading, by metric and labels."""
    return {
        (family.metric.name, key.labels): value
        for family in families
        for key, value in zip(family.keys, family.values, strict=True)
    }


def line(values: Values, name: str) -> str:
    """What the line says; what the run does not have is left out.

    >>> line({("model_step", ()): 1200.0, ("model_steps_planned", ()): 4800.0, ("model_loss", ("train",)): 0.25,
    ...       ("model_step_expected_seconds", ()): 0.5, ("model_run_state", ("running",)): 1.0}, "digits r1")
    'digits r1: step 1,200/4,800 (25%), loss 0.25, 30m left'
    """
    state = _active(values, "model_run_state") or "running"
    health = _active(values, "model_health")
    parts = [_steps(values), *_losses(values), _score(values), _time(values, state)]
    if health not in ("", "healthy"):
        parts.append(health)
    said = ", ".join(part for part in parts if part)
    return f"{name}{'' if state == 'running' else ' ' + state}: {said or 'no step yet'}"


def _steps(values: Values) -> str:
    step = values.get(("model_step", ()), math.nan)
    planned = values.get(("model_steps_planned", ()), math.nan)
    if not math.isfinite(step):
        return ""
    return f"step {step:,.0f}" + (f"/{planned:,.0f} ({min(1.0, step / planned):.0%})" if planned > 0 else "")


def _losses(values: Values) -> list[str]:
    known = {split: values.get(("model_loss", (split,))) for split in ("train", "validation")}
    return [
        f"{'loss' if split == 'train' else 'validation loss'} {loss:.4g}"
        for split, loss in known.items()
        if loss is not None
    ]


def _score(values: Values) -> str:
    """One score, of the validation if there was one."""
    for score in _SCORES:
        for split in ("validation", "train"):
            value = values.get((f"model_{score}", (split,)), math.nan)
            if math.isfinite(value):
                return f"{score.replace('_', ' ')} {value:.4g}"
    return ""


def _time(values: Values, state: str) -> str:
    """The time left while the run lasts, and how long it took afterwards."""
    if state != "running":
        started = values.get(("model_run_start_timestamp_seconds", ()), math.nan)
        return f"after {duration(time.time() - started)}" if math.isfinite(started) else ""
    step, planned = (
        values.get(("model_step", ()), math.nan),
        values.get(("model_steps_planned", ()), math.nan),
    )
    left = (planned - step) * values.get(("model_step_expected_seconds", ()), math.nan)
    return f"{duration(left)} left" if left > 0 else ""


def _active(values: Values, metric: str) -> str:
    states = (labels[0] for (name, labels), value in values.items() if name == metric and value == 1)
    return next(states, "") or ""


def _standard_error() -> TextIO | None:
    """Where the line goes: nowhere in a process without standard error, as under ``pythonw``, or once it is closed."""
    file: TextIO | None = sys.stderr
    return None if file is None or getattr(file, "closed", False) else file


def _tqdm_draws() -> bool:
    """Whether the script shows bars of tqdm at the moment, which a line must not cut through."""
    tqdm = getattr(sys.modules.get("tqdm"), "tqdm", None)
    return bool(getattr(tqdm, "_instances", None))
