"""Canary: outputs for a fixed batch beside those of a trusted model."""

from __future__ import annotations

from dashboards.vocabulary import units
from dashboards.vocabulary.layout import Section
from dashboards.vocabulary.metrics import (
    series,
)
from dashboards.vocabulary.panels import lines
from dashboards.vocabulary.queries import EXPECTED_LINE, Query
from dashboards.vocabulary.sdk import Panel


def section() -> Section:
    """The section."""
    return Section("Canary: does it answer as a trusted model does?", _panels(), collapsed=True)


def _panels() -> list[Panel]:
    none = "the run asks no canary."
    return [
        lines(
            "Distance from the trusted answers",
            Query(series("model_canary_distance"), "{{run}}"),
            description="Root mean square difference of the model's outputs, for a fixed batch, to those of "
            "a trusted model. A jump between two steps is corrupted weights or changed preprocessing.",
            unit=units.NUMBER,
            minimum=0,
            width=8,
            empty=none,
        ),
        lines(
            "Samples answered differently",
            Query(series("model_canary_mismatches"), "{{run}}"),
            Query(series("model_canary_samples"), "samples, {{run}}", style=EXPECTED_LINE),
            description="Of the samples in the canary (dashed), those whose answer is another one.",
            unit=units.COUNT,
            decimals=0,
            minimum=0,
            width=8,
            empty=none,
        ),
        lines(
            "Time since the canary was asked",
            Query(series("model_canary_age_seconds"), "{{run}}"),
            description="How old the answer is. Growing without end: the script no longer asks.",
            unit=units.SECONDS,
            minimum=0,
            width=8,
            empty=none,
        ),
    ]
