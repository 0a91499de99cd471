"""A canary: a fixed batch with the outputs that a trusted model gave for it.

A model that is asked again and answers differently has changed: its weights, what prepares its data, or the hardware. While
it trains that is what it should do, slowly; a jump is not. A model that serves should not move at all.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from traingauge.archive import Archive
from traingauge.errors import InvalidArgumentError, InvalidTypeError, ReferenceMismatchError, ShapeError
from traingauge.stats.arrays import as_array

Predict = Callable[[Any], Any]

_FILE = Archive("traingauge-canary", 1, "canary")


class Reading(NamedTuple):
    """What a model's answer to the canary was like.

    Attributes:
        distance: Root mean square of the differences to the expected outputs; NaN if an output is.
        mismatches: Samples that were answered differently.
        samples: Samples in the canary.
    """

    distance: float
    mismatches: int
    samples: int


@dataclass(frozen=True, slots=True)
class Canary:
    """A fixed batch with expected outputs.

    Attributes:
        model: Name of the model.
        inputs: As the model takes them, n samples in the first dimension.
        outputs: What the trusted model gave, shape (n,) or (n, ...).
        tolerance: Difference, relative to the greater of 1 and the expected output, up to which outputs are the same, where
            they are not scores of several classes.
        created: Unix time in seconds.
    """

    model: str
    inputs: NDArray[Any]
    outputs: NDArray[Any]
    tolerance: float
    created: float

    @classmethod
    def record(cls, model: str, predict: Predict, inputs: Any, *, tolerance: float = 1e-3) -> Canary:
        """Ask a model that is trusted.

        Args:
            model: Name of the model.
            predict: Gives outputs for inputs.
            inputs: An array, or what becomes one; the same array is passed to ``predict`` later.
            tolerance: See above.

        Raises:
            InvalidArgumentError: No samples, a tolerance below 0, or outputs that are not finite.
            ShapeError: Another number of outputs than of inputs.
            InvalidTypeError: Inputs or outputs that are no numbers.

        >>> canary = Canary.record("double", lambda x: 2 * x, [1.0, 2.0])
        >>> canary.compare([2.0, 4.5])
        Reading(distance=0.3535533905932738, mismatches=1, samples=2)
        """
        batch = np.array(as_array(inputs, "inputs"))
        if not len(batch):
            raise InvalidArgumentError("inputs hold no sample: a canary needs some")
        if not tolerance >= 0:
            raise InvalidArgumentError(f"tolerance is {tolerance!r}: expected at least 0")
        outputs = np.array(as_array(predict(batch), "outputs"))
        if outputs.ndim == 0 or len(outputs) != len(batch):
            raise ShapeError(
                f"outputs have shape {outputs.shape}: expected one for each of {len(batch)} inputs"
            )
        if not np.isfinite(outputs).all():
            raise InvalidArgumentError(
                "outputs are not all finite: a model that is to be trusted gives numbers"
            )
        return cls(model, batch, outputs, float(tolerance), time.time())

    def compare(self, outputs: Any) -> Reading:
        """How far outputs are from what is expected.

        Scores of several classes, shape (n, K), are answered differently where another class has the highest; other outputs
        where one of a sample's differs by more than the tolerance. An output that is not finite is a different answer.

        Raises:
            ShapeError: Another shape than the expected outputs have.
            InvalidTypeError: No numbers.
        """
        given = as_array(outputs, "outputs")
        if given.shape != self.outputs.shape:
            raise ShapeError(f"outputs have shape {given.shape}: the canary has {self.outputs.shape}")
        expected = self.outputs.astype(np.float64)
        with np.errstate(over="ignore", invalid="ignore"):  # a flipped bit makes numbers of any size
            differences = given.astype(np.float64) - expected
            distance = math.sqrt(float(np.square(differences).mean()))
            if expected.ndim == 2 and expected.shape[1] > 1 and given.dtype.kind == "f":
                different = given.argmax(axis=1) != expected.argmax(axis=1)
            else:
                different = ~(np.abs(differences) <= self.tolerance * np.maximum(1.0, np.abs(expected)))
        rows = different.reshape(len(given), -1) | ~np.isfinite(given).reshape(len(given), -1).all(
            axis=1, keepdims=True
        )
        return Reading(distance, int(rows.any(axis=1).sum()), len(given))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it to a file, whole or not at all; a file that is there is replaced.

        Raises:
            OSError: The file cannot be written.
        """
        header = {"model": self.model, "tolerance": self.tolerance, "created": self.created}
        _FILE.write(Path(path), header, {"inputs": self.inputs, "outputs": self.outputs})

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Canary:
        """Read it from a file.

        Raises:
            DamagedFileError: Not a canary, damaged, or written by a newer version.
            OSError: The file cannot be read.
        """
        header, arrays = _FILE.read(Path(path))
        return cls(
            header["model"], arrays["inputs"], arrays["outputs"], header["tolerance"], header["created"]
        )


def checked(canary: object, model: str) -> Canary:
    """The canary, if it can be asked in a run of the model.

    Raises:
        InvalidTypeError: Not a canary.
        ReferenceMismatchError: That of another model.
    """
    if not isinstance(canary, Canary):
        raise InvalidTypeError(
            f"canary is a {type(canary).__name__}: expected a Canary, as Canary.load(path) gives"
        )
    if canary.model != model:
        raise ReferenceMismatchError(
            f"the canary is of model {canary.model!r} and this run of {model!r}: record one of {model!r}"
        )
    return canary
