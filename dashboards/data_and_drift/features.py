"""Features: the drift of each of them."""

from __future__ import annotations

from alerting.inlined import SET
from dashboards.data_and_drift.now import PSI
from dashboards.vocabulary import reasons, units
from dashboards.vocabulary.heatmap import RED_WHEN_HIGH, ROWS, cells
from dashboards.vocabulary.layout import Section
from dashboards.vocabulary.metrics import (
    ALERTED_STATISTIC,
    latest,
    per_run,
    series,
)
from dashboards.vocabulary.panels import lines
from dashboards.vocabulary.queries import Query
from dashboards.vocabulary.ranking import highest
from dashboards.vocabulary.sdk import Panel
from dashboards.vocabulary.tables import Column, rows
from dashboards.vocabulary.thresholds import threshold_lines

#: Rows of the table of features, and lines of the features' drift.
_TOP, _LINES = 20, 10


def section() -> Section:
    """The section."""
    return Section("Which features, and since when?", _panels())


def _panels() -> list[Panel]:
    drift = _of_a_feature("model_feature_drift", statistic=ALERTED_STATISTIC)
    top = f"topk({_TOP}, {drift})"
    chosen = series("model_feature_drift", feature="$feature", statistic="$statistic")
    pvalue = series("model_feature_drift_pvalue", feature="$feature")
    threshold = (
        f"max by (feature) ({series(SET, metric='feature_drift', severity='warning', feature='$feature')})"
    )
    return [
        rows(
            "Features by drift",
            Column("Feature", 140, label="feature"),
            Column("Drift", 70, expr=top, unit=units.NUMBER, decimals=3, colouring=PSI),
            Column(
                "P-value",
                75,
                expr=f"min by (feature) ({latest(pvalue)}) and on (feature) {top}",
                unit=units.NUMBER,
                decimals=4,
            ),
            Column(
                "Threshold", 85, expr=f"{threshold} and on (feature) {top}", unit=units.NUMBER, decimals=3
            ),
            Column(
                "Missing",
                80,
                expr=f"{_of_a_feature('model_feature_missing_ratio')} and on (feature) {top}",
                unit=units.SHARE,
                decimals=1,
            ),
            Column(
                "Outside",
                80,
                expr=f"{_of_a_feature('model_feature_out_of_range_ratio')} and on (feature) {top}",
                unit=units.SHARE,
                decimals=1,
            ),
            description=f"The {_TOP} features that drifted most. *Threshold* is set only for features that have one; "
            "the others use the general threshold. The p-value is the smallest of the statistics that are tests: a "
            "large one means that chance explains the drift. *Outside* is the share of values outside the range of the "
            "reference.",
            sort_by="Drift",
            descending=True,
            width=11,
            height=12,
            empty=reasons.NO_REFERENCE,
        ),
        cells(
            "Drift of each feature",
            series("model_feature_drift", feature="$feature", statistic=ALERTED_STATISTIC),
            by="feature",
            combine="max",
            shade=RED_WHEN_HIGH,
            description="One row per feature, red from a population stability index of 0.5 on. If many rows turn red "
            f"at once, something upstream changed at that moment. Of more than {ROWS} features, those that drifted most.",
            unit=units.NUMBER,
            minimum=0,
            maximum=0.5,
            width=13,
            height=12,
            empty=reasons.NO_REFERENCE,
        ),
        lines(
            "Drift of the chosen features",
            Query(
                f"{chosen} and on (feature) {highest(chosen, 'feature', _LINES)}",
                "{{feature}}",
            ),
            *threshold_lines("feature_drift", feature=""),
            description=f"The chosen statistic of the chosen features; of more than {_LINES} those that drifted most. "
            "Dashed: the general thresholds, which apply to the population stability index.",
            unit=units.NUMBER,
            decimals=3,
            minimum=0,
            linear_to=1,
            width=12,
            height=9,
            empty=reasons.NO_REFERENCE,
        ),
        lines(
            "Share of features drifted",
            Query(
                f"{per_run('model_features_drifted')} / on (model, run) {per_run('model_features_monitored')}",
                "drifted",
            ),
            *threshold_lines("features_drifted_ratio"),
            description="Features above their drift threshold, as a share of those monitored. Dashed: "
            "the thresholds of the alerts.",
            unit=units.SHARE,
            minimum=0,
            maximum=1,
            width=12,
            height=9,
            empty=reasons.NO_REFERENCE,
        ),
    ]


def _of_a_feature(name: str, **labels: str) -> str:
    return f"max by (feature) ({latest(series(name, feature='$feature', **labels))})"
