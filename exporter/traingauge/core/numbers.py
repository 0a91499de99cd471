"""Numbers that a step gives by name, and what is left of them where some are none."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from traingauge import validation
from traingauge.stats.arrays import as_scalar


def as_scalars(scalars: Mapping[str, Any]) -> dict[str, Any]:
    """Scalars given by name, each as one number; those that are ``None`` or masked are left out.

    Raises:
        TrainGaugeError: One that is no number.
    """
    numbers = {name: as_scalar(value, name) for name, value in scalars.items() if value is not None}
    return {name: number for name, number in numbers.items() if number is not None}


def sound_numbers(given: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the numbers given by name that are one number each."""
    numbers = {}
    for name, value in given.items():
        with suppress(Exception):
            numbers.update(as_scalars({name: value}))
    return numbers


def count_or(count: Any, otherwise: int) -> int:
    """A count that a user gave, or another if it is none."""
    with suppress(Exception):
        return validation.number_of("count", count)
    return otherwise
