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
            description="Learning rate of the last step. A flat line in place of a schedule, or a "
            "jump that nothing scheduled, explains most loss problems.",
            unit=units.NUMBER,
            logarithmic=True,
            width=8,
            empty="the script does not report a learning rate.",
        ),
        lines(
            "Gradient norm",
            Query(series("model_gradient_norm"), "{{run}}"),
            description="Global L2 norm of the last step's gradients. A rise by orders of magnitude "
            "is an explosion; a fall towards 0 while the loss stays high is vanishing "
            "gradients.",
            unit=units.NUMBER,
            logarithmic=True,
            width=8,
            empty="the script does not report a gradient norm.",
        ),
        lines(
            "Further scalars",
            Query(series("model_scalar"), "{{name}}, " + SPLIT),
            description="Every other scalar that the script passes to a step.",
            unit=units.NUMBER,
            width=8,
            empty="the script passes no further scalars.",
        ),
    ]
