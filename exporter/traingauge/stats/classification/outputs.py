"""Models with several outputs, whose labels and predictions cannot be scored as those of one."""

from __future__ import annotations

from collections.abc import Mapping

from traingauge.errors import InvalidTypeError


def check_one_output(y_true: object, y_pred: object) -> None:
    """Refuse the labels and predictions of several outputs.

    Joined to one array, they would have a sample for each output and a label for each sample.

    Args:
        y_true: Labels. A list of numbers or of lists is one array, and so is one of arrays if ``y_pred`` is not.
        y_pred: Predictions.

    Raises:
        InvalidTypeError: Either is a mapping, or both hold several arrays.

    >>> check_one_output([0, 1], [[0.9, 0.1], [0.2, 0.8]])
    """
    if hasattr(y_true, "shape") and hasattr(y_pred, "shape"):
        return  # arrays and tensors, of most steps: to ask whether one is a mapping takes a while
    for what, values in (("y_true", y_true), ("y_pred", y_pred)):
        if isinstance(values, Mapping):
            named = ", ".join(map(repr, list(values)[:5]))
            raise InvalidTypeError(f"{what} is a mapping of {named}: expected the array of one output")
    if _holds_arrays(y_true) and _holds_arrays(y_pred):
        raise InvalidTypeError(
            f"y_true is a {type(y_true).__name__} of {len(y_true)} arrays, and so is y_pred: "  # type: ignore[arg-type]
            "expected the labels and predictions of one output; "
            "pass np.stack(y_true) and np.stack(y_pred) if each array is a sample"
        )


def _holds_arrays(values: object) -> bool:
    return (
        isinstance(values, (list, tuple))
        and len(values) > 1
        and all(len(getattr(one, "shape", ())) > 0 for one in values)
    )
