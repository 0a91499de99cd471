"""Optimisation: learning rate, gradient norm, and further scalars."""

from __future__ import annotations

from dashboards.vocabulary import units
from dashboards.vocabulary.layout import Section
from dashboards.vocabulary.metrics import (
    series,
)
from dashboards.vocabulary.panels import lines
from dashboards.vocabulary.queries import SPLIT, Query
from dashboards.vocabulary.sdk import Panel


def section() -> Section:
    """The section."""
    return Section("Optimisation: are the steps sound?", _panels())


def _panels() -> list[Panel]:
    return [
        lines(
            "Learning rate",
            Query(series("model_learning_rate"), "{{run}}"),
            description="Learning rate of the last step. A straight line where a schedule was meant, or a "
            "jump where none was, explains most sick losses.",
            unit=units.NUMBER,
            logarithmic=True,
            width=8,
            empty="the script does not report a learning rate.",
        ),
        lines(
            "Gradient norm",
            Query(series("model_gradient_norm"), "{{run}}"),
            description="Global L2 norm of the last step's gradients. Rising by orders of magnitude: "
            "exploding; sinking towards 0 with a loss that stays: vanishing.",
            unit=units.NUMBER,
            logarithmic=True,
            width=8,
            empty="the script does not report a gradient norm.",
        ),
        lines(
            "Further scalars",
            Query(series("model_scalar", split="$split"), "{{name}}, " + SPLIT),
            description="Whatever else the script passes to each step by name.",
            unit=units.NUMBER,
            width=8,
            empty="the script passes no further scalars.",
        ),
    ]
