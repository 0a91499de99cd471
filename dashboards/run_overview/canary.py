"""Canary: outputs for a fixed batch compared with those of a trusted model."""

from __future__ import annotations

from dashboards.vocabulary import units
from dashboards.vocabulary.layout import Section
from dashboards.vocabulary.metrics import series
from dashboards.vocabulary.panels import lines
from dashboards.vocabulary.queries import EXPECTED_LINE, Query
from dashboards.vocabulary.reasons import Reason
from dashboards.vocabulary.sdk import Panel


def section() -> Section:
    """The section."""
    return Section("Canary: are the outputs still those of a trusted model?", _panels(), collapsed=True)


def _panels() -> list[Panel]:
    none = Reason("the run checks no canary.", "no canary")
    return [
        lines(
            "Distance from the trusted outputs",
            Query(series("model_canary_distance"), "distance"),
            description="Root mean square difference between the model's outputs for a fixed batch "
            "and those of a trusted model. A jump between two steps means corrupted "
            "weights or changed preprocessing.",
            unit=units.NUMBER,
            minimum=0,
            width=8,
            empty=none,
        ),
        lines(
            "Samples with another prediction",
            Query(series("model_canary_mismatches"), "other prediction"),
            Query(series("model_canary_samples"), "samples", style=EXPECTED_LINE),
            description="Canary samples whose prediction differs from the trusted one, out of all of "
            "them (dashed).",
            unit=units.COUNT,
            decimals=0,
            minimum=0,
            width=8,
            empty=none,
        ),
        lines(
            "Time since the last canary check",
            Query(f"{series('model_canary_age_seconds')} / 60", "age"),
            description="Age of the last check. If it keeps growing, the script no longer checks the canary.",
            unit=units.MINUTES,
            minimum=0,
            width=8,
            empty=none,
        ),
    ]
