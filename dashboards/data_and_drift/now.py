"""Now: how many features drifted, and how far."""

from __future__ import annotations

from dashboards.vocabulary import colours, reasons, units
from dashboards.vocabulary.layout import Section
from dashboards.vocabulary.metrics import (
    ALERTED_STATISTIC,
    per_run,
)
from dashboards.vocabulary.panels import lines, number
from dashboards.vocabulary.queries import Query
from dashboards.vocabulary.sdk import Panel
from dashboards.vocabulary.thresholds import threshold_lines

_DRIFTED = per_run("model_features_drifted")


_MONITORED = per_run("model_features_monitored")


def section() -> Section:
    """The section."""
    return Section("Has the data drifted?", _panels())


def _panels() -> list[Panel]:
    return [
        number(
            "Features drifted",
            Query(_DRIFTED, "{{run}}"),
            description="Features above their drift threshold. A single one: check how that feature "
            "is computed. All at once: another data source, other preprocessing, or a "
            "wrong reference.",
            unit=units.COUNT,
            decimals=0,
            colouring=((None, colours.GOOD), (1, colours.WARNING)),
            trend=True,
            height=8,
            empty=reasons.NO_REFERENCE,
        ),
        number(
            "Strongest drift",
            Query(per_run("model_feature_drift", statistic=ALERTED_STATISTIC), "{{run}}"),
            description="Population stability index of the feature that drifted most. Below 0.1 is "
            "normal; from 0.2 it usually matters.",
            unit=units.NUMBER,
            decimals=3,
            colouring=((None, colours.GOOD), (0.1, colours.WARNING), (0.2, colours.CRITICAL)),
            trend=True,
            height=8,
            empty=f"{reasons.NO_REFERENCE[:-1]}, or the window does not hold enough samples yet.",
        ),
        lines(
            "Share of features drifted",
            Query(f"{_DRIFTED} / on (model, run) {_MONITORED}", "{{run}}"),
            *threshold_lines("features_drifted_ratio"),
            description="Features above their drift threshold, as a share of those monitored. Dashed: "
            "the thresholds of the alerts.",
            unit=units.SHARE,
            minimum=0,
            maximum=1,
            width=16,
            empty=reasons.NO_REFERENCE,
        ),
    ]
