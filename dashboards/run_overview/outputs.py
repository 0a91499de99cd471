"""Each output of a model with several: its loss, and the scores of its task."""

from __future__ import annotations

from dashboards.vocabulary import units
from dashboards.vocabulary.layout import Section
from dashboards.vocabulary.metrics import series
from dashboards.vocabulary.panels import lines
from dashboards.vocabulary.queries import SPLIT, Query
from dashboards.vocabulary.reasons import Reason
from dashboards.vocabulary.sdk import Panel

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
            last_in_legend="any",
            width=8,
            height=7,
            empty=_ONE_OUTPUT,
        ),
        lines(
            "Accuracy and F1 of each output",
            *_of("accuracy", "f1"),
            description="Of each output that tells classes apart, over the last steps (train) or the last whole pass.",
            unit=units.SHARE,
            decimals=1,
            maximum=1,
            last_in_legend="any",
            width=8,
            height=7,
            empty=_ONE_OUTPUT.or_("none of them tells classes apart.", "no classes"),
        ),
        lines(
            "Regression error of each output",
            *_of("mean_absolute_error", "root_mean_squared_error"),
            description="Of each output that is a quantity, in its unit.",
            unit=units.NUMBER,
            minimum=0,
            last_in_legend="any",
            width=8,
            height=7,
            empty=_ONE_OUTPUT.or_("none of them is a quantity.", "no regression"),
        ),
    ]


def _of(*names: str) -> list[Query]:
    return [
        Query(series(f"model_{name}", output=".+"), f"{{{{output}}}}: {name.replace('_', ' ')}, {SPLIT}")
        for name in names
    ]
