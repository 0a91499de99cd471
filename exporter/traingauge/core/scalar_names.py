"""Names of scalars: which a script may choose, and how many are kept.

A scalar becomes a column of the history and, exported, a metric. So it may not have the name of a column that the history
keeps itself, nor that of a metric which it is not. A number with the name of a score is that score, computed by the script.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from traingauge.catalog import CATALOG, in_words
from traingauge.errors import InvalidArgumentError
from traingauge.stats import run_scores

#: Names of scalars with metrics of their own.
DEDICATED = {"learning_rate": "model_learning_rate", "gradient_norm": "model_gradient_norm"}

#: Columns that the history keeps of every row, and labels of an exported one.
_COLUMNS = frozenset(("step", "steps", "time", "samples", "seconds", "attempt", "split"))

#: Names of scores that a script may compute itself; the others have further labels.
SCORES = run_scores.SCORES - run_scores.PUBLISHED_AS.keys()

#: Names that no scalar may have.
RESERVED = (
    _COLUMNS
    | run_scores.PUBLISHED_AS.keys()
    | {
        name.removeprefix("model_")
        for name, metric in CATALOG.items()
        if metric.kind == "gauge" and metric.labels in {(), ("split",)}
    }
) - {"loss", *DEDICATED, *SCORES}


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


def logged(name: str) -> str:
    """The name of a scalar for a number that a script gave a logger.

    What a run publishes itself under that name, such as the loss of the step, is another thing. Two names never become one.

    >>> logged("val/acc"), logged("loss"), logged("logged_loss")
    ('val/acc', 'logged_loss', 'logged_logged_loss')
    """
    bare = name
    while bare.startswith("logged_"):
        bare = bare.removeprefix("logged_")
    taken = bare == "loss" or bare in DEDICATED or bare in SCORES or bare in RESERVED
    return f"logged_{name}" if taken else name


def range_of(name: str) -> tuple[float, float]:
    """The lowest and the highest value of a score."""
    return CATALOG[f"model_{name}"].range


def is_score(name: str, value: float) -> bool:
    """Whether a number may be the value of the score of that name; NaN stands for an undefined one.

    >>> is_score("accuracy", 0.95), is_score("accuracy", 95.0)
    (True, False)
    """
    lowest, highest = range_of(name)
    return math.isnan(value) or lowest <= value <= highest


def no_score(name: str, value: float) -> InvalidArgumentError:
    """The error for a number that is out of the range of its score."""
    return InvalidArgumentError(f"{name} is {value:g}: expected {in_words(range_of(name))}")


def check_source(names: Iterable[str]) -> None:
    """Check the names of numbers that a script gave along with labels and predictions.

    Raises:
        InvalidArgumentError: One of them is a score, which follows from the labels and predictions.

    >>> check_source(["accuracy"])
    Traceback (most recent call last):
    traingauge.errors.InvalidArgumentError: accuracy was given along with y_true and y_pred: expected one or the other
    """
    if not SCORES.isdisjoint(names):
        name = min(SCORES.intersection(names))
        raise InvalidArgumentError(
            f"{name} was given along with y_true and y_pred: expected one or the other"
        )
