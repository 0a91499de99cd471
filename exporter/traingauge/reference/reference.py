"""The reference as a training script sees it."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from traingauge.classification.arrays import Array
from traingauge.errors import InvalidArgumentError, ShapeError
from traingauge.reference import file
from traingauge.reference.profile import Profile, profile
from traingauge.reference.summary import summarise
from traingauge.reference.tables import as_column, as_table, table_names

_PARTS = ("features", "labels", "predictions")

#: Bins of labels and predictions: more than of features, so that every class has its own.
TARGET_BINS = 100


@dataclass(frozen=True, slots=True)
class Reference:
    """A compact profile of training data, which later data is compared with.

    It keeps the edges of each feature's bins and a uniform sample of the rows, at most 20 000, as they are:
    treat its file like the data.

    Attributes:
        features: The profile of the features.
        labels: That of ``y_true``, one column; ``None`` if it was not given.
        predictions: That of ``y_pred``, one column; ``None`` if it was not given.
        created: Unix time in seconds at which it was made.

    >>> reference = Reference.from_data([[0, 5], [1, 5], [1, 5]], feature_names=["switch", "constant"])
    >>> reference.names, reference.samples, reference.edges.shape
    (('switch', 'constant'), 3, (2, 3))
    """

    features: Profile
    labels: Profile | None
    predictions: Profile | None
    created: float

    @classmethod
    def from_data(
        cls,
        features: Any,
        *,
        feature_names: Sequence[str] | None = None,
        y_true: Any = None,
        y_pred: Any = None,
    ) -> Reference:
        """Profile of data that is at hand as a whole.

        Args:
            features: Shape (n, F) or (n, ...), which is flattened; or a DataFrame. NaN and infinite values
                count as missing.
            feature_names: One a feature; by default a DataFrame's columns, else ``f0``, ``f1`` and so on.
            y_true: Labels, shape (n,) or one-hot (n, K), for the drift of the labels.
            y_pred: What the trained model predicts, of the same shapes (labels, probabilities, logits or a
                regression's numbers), for the drift of the predictions.

        Raises:
            InvalidArgumentError: No rows, or feature names that do not fit.
            ShapeError: Labels or predictions of another length than the features.
            InvalidTypeError: Not numbers.
        """
        table = as_table(features, None)
        if not table.size:
            raise InvalidArgumentError(
                f"features have shape {table.shape}: a reference needs rows and features"
            )
        names = table_names(features, feature_names, table.shape[1])
        labels = _target(y_true, "y_true", len(table))
        return cls(
            profile(names, summarise(table)), labels, _target(y_pred, "y_pred", len(table)), time.time()
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the features, F in all."""
        return self.features.names

    @property
    def samples(self) -> int:
        """Rows it was made from."""
        return self.features.summary.samples

    @property
    def edges(self) -> NDArray[np.float64]:
        """Edges of the bins, shape (F, E), ascending, padded with +inf.

        ``bin(x) = sum(x > edges[f])`` for finite x, in 0 … E; NaN and infinite values are "missing", E + 1.
        """
        return self.features.edges

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it to a file, whole or not at all; a file that is there is replaced.

        Raises:
            OSError: The file cannot be written.
        """
        header: dict[str, Any] = {"created": self.created, "profiles": {}}
        arrays: dict[str, Array] = {}
        for part in _PARTS:
            one: Profile | None = getattr(self, part)
            if one is not None:
                header["profiles"][part] = {"names": list(one.names), "samples": one.summary.samples}
                arrays |= {f"{part}.{name}": array for name, array in one.arrays().items()}
        file.write(Path(path), header, arrays)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Reference:
        """Read it from a file.

        Raises:
            DamagedFileError: Not a reference, damaged, or written by a newer version.
            OSError: The file cannot be read.
        """
        header, arrays = file.read(Path(path))
        profiles = {
            part: Profile.of(
                tuple(one["names"]),
                one["samples"],
                {name: arrays[f"{part}.{name}"] for name in Profile.ARRAYS},
            )
            for part, one in header["profiles"].items()
        }
        return cls(
            profiles["features"], profiles.get("labels"), profiles.get("predictions"), header["created"]
        )


def _target(values: Any, what: str, rows: int) -> Profile | None:
    if values is None:
        return None
    column = as_column(values, what)
    if len(column) != rows:
        raise ShapeError(f"{what} has {len(column)} rows and features {rows}: expected one for each")
    return profile((what,), summarise(column), TARGET_BINS)
