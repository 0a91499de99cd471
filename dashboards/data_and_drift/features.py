"""Features: the drift of each of them."""

from __future__ import annotations

from dashboards.vocabulary import colours, reasons, units
from dashboards.vocabulary.layout import Section
from dashboards.vocabulary.metrics import (
    ALERTED_STATISTIC,
    THRESHOLD,
    series,
)
from dashboards.vocabulary.panels import cells, lines
from dashboards.vocabulary.queries import Query
from dashboards.vocabulary.sdk import Panel
from dashboards.vocabulary.tables import Column, rows
from dashboards.vocabulary.thresholds import threshold_lines

#: Rows of the table of features.
_TOP = 20


def section() -> Section:
    """The section."""
    return Section("Which features?", _panels())


def _panels() -> list[Panel]:
    drift = _of_a_feature("model_feature_drift", statistic=ALERTED_STATISTIC)
    top = f"topk({_TOP}, {drift})"
    pvalue = series("model_feature_drift_pvalue", feature="$feature")
    threshold = f"max by (feature) ({series(THRESHOLD, metric='feature_drift', severity='warning', feature='$feature')})"
    return [
        rows(
            "Features by drift",
            Column("Feature", 150, label="feature"),
            Column("Drift", 70, expr=top, unit=units.NUMBER, decimals=3, colouring=_drift_colours()),
            Column(
                "P-value",
                75,
                expr=f"min by (feature) ({pvalue}) and on (feature) {top}",
                unit=units.NUMBER,
                decimals=4,
            ),
            Column(
                "Own threshold", 75, expr=f"{threshold} and on (feature) {top}", unit=units.NUMBER, decimals=3
            ),
            Column(
                "Missing",
                80,
                expr=f"{_of_a_feature('model_feature_missing_ratio')} and on (feature) {top}",
                unit=units.SHARE,
                decimals=1,
            ),
            Column(
                "Out of range",
                100,
                expr=f"{_of_a_feature('model_feature_out_of_range_ratio')} and on (feature) {top}",
                unit=units.SHARE,
                decimals=1,
            ),
            description=f"The {_TOP} features that drifted most; of several runs the strongest drift. "
            f"*Own threshold* is set only for features that have one; the others use the "
            f"general threshold. The p-value is the smallest of the statistics that are "
            f"tests: a large one means that chance explains the drift.",
            sort_by="Drift",
            descending=True,
            width=10,
            height=12,
            empty=reasons.NO_REFERENCE,
        ),
        cells(
            "Drift of each feature",
            Query(drift, "{{feature}}"),
            description="One row per feature; the darkest cells have a population stability index of "
            "0.5 or more. If many rows darken at once, something upstream changed at that "
            "moment.",
            unit=units.NUMBER,
            scheme="YlOrRd",
            minimum=0,
            maximum=0.5,
            width=14,
            height=12,
            empty=reasons.NO_REFERENCE,
        ),
        lines(
            "Drift of the chosen features",
            Query(
                series("model_feature_drift", feature="$feature", statistic="$statistic"),
                "{{feature}}, {{statistic}}, {{run}}",
            ),
            *threshold_lines("feature_drift", feature=""),
            description="The chosen statistic of the chosen features. Dashed: the general thresholds, "
            "which apply to the population stability index.",
            unit=units.NUMBER,
            decimals=3,
            minimum=0,
            width=24,
            height=9,
            empty=reasons.NO_REFERENCE,
        ),
    ]


def _of_a_feature(name: str, **labels: str) -> str:
    return f"max by (feature) ({series(name, feature='$feature', **labels)})"


def _drift_colours() -> tuple[tuple[float | None, str], ...]:
    return ((None, colours.GOOD), (0.1, colours.WARNING), (0.2, colours.CRITICAL))
