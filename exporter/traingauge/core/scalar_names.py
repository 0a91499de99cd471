"""Names of scalars: which a script may choose, and how many are kept.

A scalar becomes a column of the history and, exported, a metric. So it may not have the name of a column that the history
keeps itself, nor that of a metric which it is not.
"""

from __future__ import annotations

from collections.abc import Iterable

from traingauge.catalog import CATALOG
from traingauge.errors import InvalidArgumentError

#: Names of scalars with metrics of their own.
DEDICATED = {"learning_rate": "model_learning_rate", "gradient_norm": "model_gradient_norm"}

#: Columns that the history keeps of every row, and labels of an exported one.
_COLUMNS = frozenset(("step", "steps", "time", "samples", "seconds", "attempt", "split"))

#: Names that no scalar may have.
RESERVED = (
    _COLUMNS
    | {
        name.removeprefix("model_")
        for name, metric in CATALOG.items()
        if metric.kind == "gauge" and metric.labels in {(), ("split",)}
    }
) - {"loss", *DEDICATED}


def check(names: Iterable[str]) -> None:
    """Check names that a script gave its scalars.

    Raises:
        InvalidArgumentError: One of them is reserved.

    >>> check(["entropy"])
    >>> check(["time"])
    Traceback (most recent call last):
    traingauge.errors.InvalidArgumentError: scalar 'time' is a name that traingauge uses: choose another, as my_time=
    """
    if not RESERVED.isdisjoint(names):
        raise refused(names)


def refused(names: Iterable[str]) -> InvalidArgumentError:
    """The error for names of which at least one is reserved."""
    name = min(RESERVED.intersection(names))
    return InvalidArgumentError(
        f"scalar {name!r} is a name that traingauge uses: choose another, as my_{name}="
    )
