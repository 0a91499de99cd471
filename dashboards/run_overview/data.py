"""Data: the strongest drift, and how many features drifted."""

from __future__ import annotations

from dashboards.vocabulary import units
from dashboards.vocabulary.layout import Section
from dashboards.vocabulary.links import DATA_AND_DRIFT, from_line
from dashboards.vocabulary.metrics import (
    ALERTED_STATISTIC,
    per_run,
)
from dashboards.vocabulary.panels import lines
from dashboards.vocabulary.queries import EXPECTED_LINE, Query
from dashboards.vocabulary.sdk import Panel
from dashboards.vocabulary.thresholds import threshold_lines


def section() -> Section:
    """The section."""
    return Section("Data: does it match the reference?", _panels())


def _panels() -> list[Panel]:
    no_reference = "the run has no reference to compare its data with."
    to_drift = from_line(DATA_AND_DRIFT, "Which features?")
    return [
        lines(
            "Strongest feature drift",
            Query(
                per_run("model_feature_drift", statistic=ALERTED_STATISTIC),
                "{{run}}",
            ),
            *threshold_lines("feature_drift", feature=""),
            description="Population stability index of the feature furthest from the reference. Below "
            "0.1 is normal. *Data and drift* names the feature.",
            unit=units.NUMBER,
            decimals=3,
            minimum=0,
            width=12,
            empty=no_reference,
            links=[to_drift],
        ),
        lines(
            "Features drifted",
            Query(per_run("model_features_drifted"), "drifted, {{run}}"),
            Query(
                per_run("model_features_monitored"),
                "monitored, {{run}}",
                style=EXPECTED_LINE,
            ),
            description="Features above their drift threshold, out of those monitored. A single one "
            "points to that feature's pipeline; all at once to the data source, or to a "
            "wrong reference.",
            unit=units.COUNT,
            decimals=0,
            minimum=0,
            width=12,
            empty=no_reference,
            links=[to_drift],
        ),
    ]
