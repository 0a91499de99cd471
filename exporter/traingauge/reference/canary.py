"""A canary: a fixed batch, and the outputs of a trusted model for it.

If a model's outputs for the same batch differ later, something has changed: its weights, the preprocessing, or the hardware.
The outputs of a model in training should change slowly, without jumps; those of a model in service should not change at all.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from traingauge import validation
from traingauge.archive import Archive
from traingauge.errors import InvalidArgumentError, InvalidTypeError, ReferenceMismatchError, ShapeError
from traingauge.stats.arrays import as_array

Predict = Callable[[Any], Any]

_FILE = Archive("traingauge-canary", 1, "canary")


class CanaryResult(NamedTuple):
    """How the outputs of a model differ from those of the canary.

    Attributes:
        distance: Root mean square of the differences; NaN if an output is NaN.
        mismatches: Number of samples whose outputs differ.
        samples: Number of samples in the canary.
    """

    distance: float
    mismatches: int
    samples: int


@dataclass(frozen=True, slots=True)
class Canary:
    """A fixed batch with expected outputs.

    Attributes:
        model: Name of the model.
        inputs: Inputs of the model, shape (n, ...).
        outputs: Outputs of the trusted model, shape (n,) or (n, ...).
        tolerance: Maximum difference between equal outputs, relative to the larger of 1 and the expected output. It does not
            apply to the scores of several classes.
        created: Unix time of its creation, in seconds.
    """

    model: str
    inputs: NDArray[Any]
    outputs: NDArray[Any]
    tolerance: float
    created: float

    @classmethod
    def record(cls, model: str, predict: Predict, inputs: Any, *, tolerance: float = 1e-3) -> Canary:
        """Record the outputs of a trusted model.

        Args:
            model: Name of the model.
            predict: Function from inputs to outputs.
            inputs: An array, or values that convert to one; later checks pass the same array to ``predict``.
            tolerance: Relative tolerance, see :attr:`tolerance`.

        Raises:
            InvalidArgumentError: No samples, a negative tolerance, or outputs that are not finite.
            ShapeError: The numbers of inputs and outputs differ.
            InvalidTypeError: Inputs or outputs are not numbers.

        >>> canary = Canary.record("double", lambda x: 2 * x, [1.0, 2.0])
        >>> canary.compare([2.0, 4.5])
        CanaryResult(distance=0.3535533905932738, mismatches=1, samples=2)
        """
        validation.name("model", model)
        validation.function("predict", predict)
        tolerance = validation.number("tolerance", tolerance, least=0)
        batch = np.array(as_array(inputs, "inputs"))
        if not batch.ndim or not len(batch):
            raise InvalidArgumentError(
                f"inputs have shape {batch.shape}: a canary needs at least one sample, shape (n, …)"
            )
        outputs = np.array(_numbers(predict(batch)))
        if outputs.ndim == 0 or len(outputs) != len(batch):
            raise ShapeError(
                f"outputs have shape {outputs.shape}: expected one output for each of the {len(batch)} inputs"
            )
        if not np.isfinite(outputs).all():
            raise InvalidArgumentError(
                "outputs hold NaN or infinite values: expected finite outputs from a trusted model"
            )
        return cls(model, batch, outputs, tolerance, time.time())

    @np.errstate(all="ignore")  # whatever the script set
    def compare(self, outputs: Any) -> CanaryResult:
        """Compare outputs with the expected ones.

        Scores of several classes, floats of shape (n, K), mismatch if another class has the highest score; other outputs if
        one of the sample's differs by more than the tolerance. An output that is NaN or infinite always mismatches.

        Raises:
            ShapeError: The shape differs from that of the expected outputs.
            InvalidTypeError: The outputs are not numbers.
        """
        given = _numbers(outputs)
        if given.shape != self.outputs.shape:
            raise ShapeError(
                f"outputs have shape {given.shape}: those of the canary have {self.outputs.shape}"
            )
        expected = self.outputs.astype(np.float64)
        with np.errstate(over="ignore", invalid="ignore"):  # a flipped bit can give numbers of any size
            differences = given.astype(np.float64) - expected
            distance = math.sqrt(float(np.square(differences).mean()))
            if expected.ndim == 2 and expected.shape[1] > 1 and given.dtype.kind == "f":
                different = given.argmax(axis=1) != expected.argmax(axis=1)
            else:
                different = ~(np.abs(differences) <= self.tolerance * np.maximum(1.0, np.abs(expected)))
        rows = different.reshape(len(given), -1) | ~np.isfinite(given).reshape(len(given), -1).all(
            axis=1, keepdims=True
        )
        return CanaryResult(distance, int(rows.any(axis=1).sum()), len(given))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the canary to a file, atomically; an existing file is replaced.

        Raises:
            OSError: The file cannot be written.
        """
        header = {"model": self.model, "tolerance": self.tolerance, "created": self.created}
        _FILE.write(validation.path("path", path), header, {"inputs": self.inputs, "outputs": self.outputs})

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Canary:
        """Read a canary from a file.

        Raises:
            DamagedFileError: The file is not a canary, is damaged, or was written by a newer version.
            OSError: The file cannot be read.
        """
        return _FILE.load(validation.path("path", path), cls._restored)

    @classmethod
    def _restored(cls, header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Canary:
        inputs, outputs = as_array(arrays["inputs"], "inputs"), as_array(arrays["outputs"], "outputs")
        if not inputs.ndim or not outputs.ndim or len(inputs) != len(outputs):
            raise ShapeError(
                f"inputs have shape {inputs.shape}, outputs {outputs.shape}: expected equal numbers"
            )
        return cls(
            validation.name("model", header["model"]),
            inputs,
            outputs,
            validation.number("tolerance", header["tolerance"], least=0),
            validation.number("created", header["created"]),
        )


def _numbers(outputs: Any) -> NDArray[Any]:
    array = as_array(outputs, "outputs")
    if array.dtype.kind not in "biuf":
        raise InvalidTypeError(f"outputs have dtype {array.dtype}: expected numbers")
    return array


def validate_canary(canary: object, model: str) -> Canary:
    """Validate that a run of ``model`` can be checked with a canary, and return it.

    Raises:
        InvalidTypeError: ``canary`` is not a canary.
        ReferenceMismatchError: It is of another model.
    """
    if not isinstance(canary, Canary):
        raise InvalidTypeError(
            f"canary is a {type(canary).__name__}: expected a Canary, as from Canary.load(path)"
        )
    if canary.model != model:
        raise ReferenceMismatchError(
            f"the canary is of model {canary.model!r}, but this run is of {model!r}: record one of {model!r}"
        )
    return canary
