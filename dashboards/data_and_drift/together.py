"""Together: the drift of the joint distribution."""

from __future__ import annotations

from dashboards.vocabulary import reasons, units
from dashboards.vocabulary.layout import Section
from dashboards.vocabulary.metrics import (
    series,
)
from dashboards.vocabulary.panels import lines
from dashboards.vocabulary.queries import Query
from dashboards.vocabulary.sdk import Panel
from dashboards.vocabulary.thresholds import threshold_lines


def section() -> Section:
    """The section."""
    return Section("Did the features change together?", _panels())


def _panels() -> list[Panel]:
    return [
        lines(
            "Multivariate drift",
            Query(series("model_multivariate_drift", statistic="$statistic"), "{{statistic}}, {{run}}"),
            *threshold_lines("multivariate_drift"),
            description="Distance between the joint distribution of the features and that of the "
            "reference. It rises when correlations change although each feature on its "
            "own looks normal. Dashed: the thresholds, which apply to the population "
            "stability index.",
            unit=units.NUMBER,
            decimals=3,
            minimum=0,
            width=24,
            height=7,
            empty=reasons.NO_REFERENCE,
        ),
    ]
