"""Names of categories: one for a value, however a table stores it."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import numpy as np

_ABSENT = frozenset(("NoneType", "NAType", "NaTType"))


def category(value: Any) -> str:
    """Name of a category: whole numbers as integers, everything else as text.

    A column of integers becomes one of floats as soon as a value is missing, so 1, 1.0 and True are the same category. A
    float32 has the name of the float64 that prints like it.

    >>> category(1), category(np.float32(1)), category(True), category(np.float32(0.1)), category("red")
    ('1', '1', '1', '0.1', 'red')
    """
    if isinstance(value, str):
        return str(value)
    if isinstance(value, (bool, int, np.bool_, np.integer)):
        return str(int(value))
    if isinstance(value, (float, np.floating, Decimal)) and math.isfinite(value) and value == int(value):
        return str(int(value))
    return str(value)


def is_absent(value: Any) -> bool:
    """Whether a value is missing: ``None``, ``pandas.NA``, or a number that is not finite.

    >>> is_absent(None), is_absent(np.float32("nan")), is_absent("nan")
    (True, True, False)
    """
    if type(value).__name__ in _ABSENT:
        return True
    return isinstance(value, (float, np.floating, Decimal)) and not math.isfinite(value)


def is_value(kind: type) -> bool:
    """Whether values of a type can stand in a column: text, numbers, and what marks a missing value.

    >>> is_value(str), is_value(np.int8), is_value(list)
    (True, True, False)
    """
    return kind.__name__ in _ABSENT or issubclass(
        kind, (str, bool, int, float, Decimal, np.bool_, np.integer, np.floating)
    )
