"""What a step of one's own returns as its logs: all that is known of one that never calls ``compute_loss``."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any

from traingauge.core import scalar_names


def numbers_of(logs: Any) -> dict[str, Any]:
    """The numbers of a step's logs by the names of their scalars, as they are: numbers, or tensors of one.

    They may be means of the epoch so far, as the result of a metric is. So one that is called ``loss`` is not the step's.
    A dictionary among them is taken for its parts, as Keras takes it.

    >>> numbers_of({"d_loss": 0.5, "loss": 0.7, "parts": {"kl": 2}, "image": [1, 2], "phase": "warm"})
    {'d_loss': 0.5, 'logged_loss': 0.7, 'kl': 2}
    """
    found: dict[str, Any] = {}
    for name, value in logs.items() if isinstance(logs, Mapping) else ():
        if isinstance(value, Mapping):
            found |= numbers_of(value)
        elif isinstance(value, Real) or _is_number(value):
            found[scalar_names.logged(str(name))] = value
    return found


def _is_number(value: Any) -> bool:
    """Whether it is a tensor of one real number, without a dimension."""
    shape, kind = getattr(value, "shape", None), str(getattr(value, "dtype", ""))
    if shape is None or not any(real in kind for real in ("float", "int", "bool")):
        return False
    dimensions = (
        shape.rank if hasattr(shape, "rank") else len(shape)
    )  # the rank of TensorFlow's may be unknown
    return dimensions == 0
