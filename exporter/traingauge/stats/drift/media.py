"""What is no table, by its name, and the few numbers of each sample that are compared instead of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from traingauge.stats.drift.images import image_names, image_statistics
from traingauge.stats.drift.tokens import TOKEN_NAMES, token_statistics


class Medium(NamedTuple):
    """Samples that are reduced to a table.

    Attributes:
        statistics: Of samples, shape (n, ...), the table, shape (n, F).
        names: Of the shape of the samples, the names of its F features.
    """

    statistics: Callable[[NDArray[Any]], NDArray[np.float64]]
    names: Callable[[Sequence[int]], tuple[str, ...]]


#: Another one is a file of its own, its test, and a line here.
MEDIA: Mapping[str, Medium] = MappingProxyType(
    {
        "images": Medium(image_statistics, lambda shape: image_names(shape[3] if len(shape) > 3 else 1)),
        "tokens": Medium(token_statistics, lambda shape: TOKEN_NAMES),
    }
)
