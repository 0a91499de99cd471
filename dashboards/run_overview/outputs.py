"""Each output of a model with several: its loss, and the scores of its task."""

from __future__ import annotations

from collections.abc import Mapping

from dashboards.vocabulary import units
from dashboards.vocabulary.layout import Section
from dashboards.vocabulary.metrics import series
from dashboards.vocabulary.panels import lines
from dashboards.vocabulary.queries import SPLIT, Query
from dashboards.vocabulary.reasons import Reason
from dashboards.vocabulary.sdk import Panel

#: From this loss on, the axis is logarithmic: losses of different tasks differ by orders of magnitude.
_LINEAR_TO = 0.001

#: Errors of a regression, by what their lines are called. In full, a legend has room for three of them.
_ERRORS = {"mean_absolute_error": "MAE", "root_mean_squared_error": "RMSE"}

_ONE_OUTPUT = Reason("the model has one output.", "one output")


def section() -> Section:
    """The section."""
    return Section("Outputs of a model with several", _panels(), collapsed=True)


def _panels() -> list[Panel]:
    return [
        lines(
            "Loss of each output",
            Query(series("model_loss_window_mean", split="train", output=".+"), "{{output}}, train"),
            Query(series("model_loss", split="validation|test", output=".+"), "{{output}}, " + SPLIT),
            description="Before loss weights: mean of the last steps (train), or of the last whole pass. One that stays "
            "while the others fall is not learned, or its weight is too low.",
            unit=units.NUMBER,
            linear_to=_LINEAR_TO,
            last_in_legend="any",
            width=8,
            height=7,
            empty=_ONE_OUTPUT,
        ),
        lines(
            "Accuracy and F1 of each output",
            *_of({"accuracy": "accuracy", "f1": "F1"}),
            description="Of each output that tells classes apart, over the last steps (train) or the last whole pass.",
            unit=units.SHARE,
            decimals=1,
            maximum=1,
            last_in_legend="any",
            width=8,
            height=7,
            empty=_ONE_OUTPUT.or_("none of them tells classes apart.", "one output, or no classes"),
        ),
        lines(
            "Regression error of each output",
            *_of(_ERRORS),
            description="Mean absolute (MAE) and root mean squared error (RMSE) of each output that is a quantity, in its "
            "unit. If the second is far above the first, a few errors are large.",
            unit=units.NUMBER,
            minimum=0,
            last_in_legend="any",
            width=8,
            height=7,
            empty=_ONE_OUTPUT.or_("none of them is a quantity.", "one output, or no quantity"),
        ),
    ]


def _of(called: Mapping[str, str]) -> list[Query]:
    return [
        Query(series(f"model_{name}", output=".+"), f"{{{{output}}}}: {word}, {SPLIT}")
        for name, word in called.items()
    ]
