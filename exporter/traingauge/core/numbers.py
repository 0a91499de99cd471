"""Numbers that a step or a batch gives by name, and what is left of them where some are none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from traingauge import validation
from traingauge.core import scalar_names
from traingauge.core.guard import Guard
from traingauge.errors import InvalidTypeError, shown
from traingauge.stats.arrays import as_scalar


def admitted(
    guard: Guard, kind: str, given: Mapping[str, Any], samples: Any, steps: Any = 1
) -> tuple[dict[str, Any], int, int]:
    """The numbers of a step or a batch, its samples and its steps; what does not fit is left out.

    Args:
        guard: Decides whether what does not fit raises.
        kind: What the numbers are to the guard.
        given: Numbers by name; ``None`` and what is masked count as not given.
        samples: Samples in it; 0 if they do not fit.
        steps: Steps that it stands for; 1 if they do not fit.

    Raises:
        TrainGaugeError: What does not fit, while a person is looking.

    >>> admitted(Guard(), "numbers", {"loss": 1, "entropy": None}, 32.0)
    ({'loss': 1.0}, 32, 1)
    """
    return guard.admit(kind, _checked, given, samples, steps) or _sound(guard, given, samples, steps)


def _checked(given: Mapping[str, Any], samples: Any, steps: Any) -> tuple[dict[str, Any], int, int]:
    numbers = {}
    for name, value in given.items():
        if isinstance(value, dict):
            raise InvalidTypeError(
                f"{name} is {shown(value)}: expected a number; each number is a keyword of its own, which ** unpacks"
            )
        number = value if type(value) is float or value is None else as_scalar(value, name)
        if number is None:
            continue
        if name in scalar_names.SCORES and type(number) is float and not scalar_names.is_score(name, number):
            raise scalar_names.no_score(name, number)
        numbers[name] = number
    return numbers, validation.number_of("samples", samples), validation.number_of("steps", steps)


def _sound(
    guard: Guard, given: Mapping[str, Any], samples: Any, steps: Any
) -> tuple[dict[str, Any], int, int]:
    """What fits of a step, each part by itself."""
    numbers: dict[str, Any] = {}
    for name, value in given.items():
        found, _, _ = guard.attempt(({}, 0, 1), _checked, {name: value}, 0, 1)
        numbers |= found
    return (
        numbers,
        guard.attempt(0, validation.number_of, "samples", samples),
        guard.attempt(1, validation.number_of, "steps", steps),
    )
