"""Data and drift: does the model see what it was made for?"""

from __future__ import annotations

from dashboards.vocabulary import annotations, colours, units, variables
from dashboards.vocabulary.layout import Section, compose
from dashboards.vocabulary.metrics import JUDGED_STATISTIC, THRESHOLD, series
from dashboards.vocabulary.panels import cells, lines, number
from dashboards.vocabulary.queries import EXPECTED_LINE, Query
from dashboards.vocabulary.sdk import Panel, model
from dashboards.vocabulary.sdk import dashboard as builders
from dashboards.vocabulary.shares import side_by_side
from dashboards.vocabulary.tables import Column, rows
from dashboards.vocabulary.thresholds import threshold_lines

UID = "traingauge-data-and-drift"

_NO_REFERENCE = "the run has no reference to compare its data with."

#: Rows of the table of features.
_TOP = 20


def dashboard() -> model.Dashboard:
    """The dashboard."""
    return compose(
        uid=UID,
        title="Data and drift",
        description="How far the data that a run sees is from the data that it was made for.",
        variables=[
            variables.datasource(),
            variables.models(),
            variables.runs(),
            variables.label("feature", "Feature", "Features to draw", "model_feature_missing_ratio"),
            variables.label(
                "statistic",
                "Statistic",
                "How distance is measured",
                "model_feature_drift",
                single=JUDGED_STATISTIC,
            ),
            _moved(),
        ],
        annotations=annotations.of_a_run(),
        sections=[
            Section("Has the data moved?", _now()),
            Section("Which features?", _features()),
            Section("Whither did $moved move?", _distribution()),
            Section("Did they move together?", _together()),
            Section("Did what the model answers, and what is right, move too?", _targets()),
            Section("Is the data sound?", _quality()),
            Section("How far are the scores to be trusted?", _trust()),
        ],
    )


def _moved() -> builders.QueryVariable:
    """The feature whose distribution is drawn: to begin with the one that drifted most in the time range."""
    drift = series("model_feature_drift", statistic=JUDGED_STATISTIC)
    known = series("model_feature_distribution_ratio")
    return variables.ranked(
        "moved",
        "Distribution of",
        "Feature whose distribution is drawn, those that drifted most in the time range first",
        f"max by (feature) (max_over_time({drift}[$__range])) and on (feature) "
        f"max by (feature) (last_over_time({known}[$__range]))",
        "feature",
    )


def _of_a_run(name: str, **labels: str) -> str:
    return f"max by (model, run) ({series(name, **labels)})"


def _of_a_feature(name: str, **labels: str) -> str:
    return f"max by (feature) ({series(name, feature='$feature', **labels)})"


_DRIFTED = _of_a_run("model_features_drifted")
_MONITORED = _of_a_run("model_features_monitored")


def _now() -> list[Panel]:
    return [
        number(
            "Features drifted",
            Query(_DRIFTED, "{{run}}"),
            description="Features whose drift is above their threshold. One: look at how that feature is "
            "made. All at once: another source, another preprocessing, or the wrong reference.",
            unit=units.COUNT,
            decimals=0,
            colouring=((None, colours.GOOD), (1, colours.WARNING)),
            trend=True,
            height=8,
            empty=_NO_REFERENCE,
        ),
        number(
            "Strongest drift",
            Query(_of_a_run("model_feature_drift", statistic=JUDGED_STATISTIC), "{{run}}"),
            description="Population stability index of the feature that moved most. Below 0.1 little has "
            "moved, from 0.2 on it usually matters.",
            unit=units.NUMBER,
            decimals=3,
            colouring=((None, colours.GOOD), (0.1, colours.WARNING), (0.2, colours.CRITICAL)),
            trend=True,
            height=8,
            empty=f"{_NO_REFERENCE[:-1]}, or the window does not hold enough samples yet.",
        ),
        lines(
            "Share of features drifted",
            Query(f"{_DRIFTED} / on (model, run) {_MONITORED}", "{{run}}"),
            *threshold_lines("features_drifted_ratio"),
            description="Dashed: the thresholds that the alerts compare with.",
            unit=units.SHARE,
            decimals=0,
            minimum=0,
            maximum=1,
            width=16,
            empty=_NO_REFERENCE,
        ),
    ]


def _features() -> list[Panel]:
    drift = _of_a_feature("model_feature_drift", statistic=JUDGED_STATISTIC)
    top = f"topk({_TOP}, {drift})"
    pvalue = series("model_feature_drift_pvalue", feature="$feature")
    threshold = f"max by (feature) ({series(THRESHOLD, metric='feature_drift', severity='warning', feature='$feature')})"
    return [
        rows(
            "Features by drift",
            Column("Feature", label="feature"),
            Column("Drift", expr=top, unit=units.NUMBER, decimals=3, colouring=_drift_colours()),
            Column(
                "P-value",
                expr=f"min by (feature) ({pvalue}) and on (feature) {top}",
                unit=units.NUMBER,
                decimals=4,
            ),
            Column(
                "Own threshold", expr=f"{threshold} and on (feature) {top}", unit=units.NUMBER, decimals=3
            ),
            Column(
                "Missing",
                expr=f"{_of_a_feature('model_feature_missing_ratio')} and on (feature) {top}",
                unit=units.SHARE,
                decimals=1,
            ),
            Column(
                "Out of range",
                expr=f"{_of_a_feature('model_feature_out_of_range_ratio')} and on (feature) {top}",
                unit=units.SHARE,
                decimals=1,
            ),
            description=f"The {_TOP} features that moved most, of several runs the strongest drift. A "
            "threshold of its own stands beside a feature that has one; the general one holds for the "
            "others. The p-value is the smallest of those statistics that are tests: drift by chance "
            "alone has a large one.",
            sort_by="Drift",
            descending=True,
            width=10,
            height=12,
            empty=_NO_REFERENCE,
        ),
        cells(
            "Drift of each feature",
            Query(drift, "{{feature}}"),
            description="One row a feature, from no drift to a population stability index of 0.5. When a "
            "band begins in many rows at once, something upstream changed at that moment.",
            unit=units.NUMBER,
            scheme="YlOrRd",
            minimum=0,
            maximum=0.5,
            width=14,
            height=12,
            empty=_NO_REFERENCE,
        ),
        lines(
            "Drift of the chosen features",
            Query(
                series("model_feature_drift", feature="$feature", statistic="$statistic"),
                "{{feature}}, {{statistic}}, {{run}}",
            ),
            *threshold_lines("feature_drift", feature=""),
            description="Every statistic of the features chosen above. Dashed: the general thresholds, "
            "which are of the population stability index.",
            unit=units.NUMBER,
            decimals=3,
            minimum=0,
            width=24,
            height=9,
            empty=_NO_REFERENCE,
        ),
    ]


def _distribution() -> list[Panel]:
    few = f"{_NO_REFERENCE[:-1]}, or the feature is not among those whose distribution is published."

    def share(source: str) -> str:
        found = series("model_feature_distribution_ratio", feature="$moved", source=source)
        return f"avg by (bin) ({found})"

    return [
        side_by_side(
            "Window beside reference",
            {
                "Reference": (share("reference"), colours.NEUTRAL),
                "Window": (share("window"), colours.WARNING),
            },
            by="bin",
            heading="Bin",
            description="Share of the feature's values in each bin, in the window now and in the reference. "
            "Bins are those that the statistics look at; of categories the most common ones. The exporter "
            "publishes the features that drifted most (`drift_distributions=`).",
            width=10,
            height=12,
            empty=few,
        ),
        cells(
            "Distribution over time",
            Query(share("window"), "{{bin}}"),
            description="Share of the window's values in each bin. Mass that moves up or down is a shift; "
            "that gathers in one row, a constant or a default in place of a value.",
            unit=units.SHARE,
            scheme="Blues",
            minimum=0,
            width=14,
            height=12,
            empty=few,
        ),
    ]


def _drift_colours() -> tuple[tuple[float | None, str], ...]:
    return ((None, colours.GOOD), (0.1, colours.WARNING), (0.2, colours.CRITICAL))


def _together() -> list[Panel]:
    return [
        lines(
            "Drift of how features vary together",
            Query(series("model_multivariate_drift", statistic="$statistic"), "{{statistic}}, {{run}}"),
            *threshold_lines("multivariate_drift"),
            description="Distance of the features' joint behaviour to the reference. It moves when "
            "correlations change while each feature by itself looks as before. Dashed: the thresholds, of the "
            "population stability index.",
            unit=units.NUMBER,
            decimals=3,
            minimum=0,
            width=24,
            height=7,
            empty=_NO_REFERENCE,
        ),
    ]


def _targets() -> list[Panel]:
    return [
        lines(
            "Drift of the predictions",
            Query(series("model_prediction_drift", statistic="$statistic"), "{{statistic}}, {{run}}"),
            *threshold_lines("prediction_drift"),
            description="Distance of what the model answers to what it answered on the reference. "
            "Predictions that move while features do not are a change of the model itself.",
            unit=units.NUMBER,
            decimals=3,
            minimum=0,
            empty="the reference holds no predictions.",
        ),
        lines(
            "Drift of the labels",
            Query(series("model_label_drift", statistic="$statistic"), "{{statistic}}, {{run}}"),
            *threshold_lines("label_drift"),
            description="Distance of the labels to those of the reference. Labels that move while features "
            "do not are a fault of labelling, or a class that comes or goes.",
            unit=units.NUMBER,
            decimals=3,
            minimum=0,
            empty="the reference holds no labels.",
        ),
    ]


def _quality() -> list[Panel]:
    return [
        cells(
            "Missing values",
            Query(_of_a_feature("model_feature_missing_ratio"), "{{feature}}"),
            description="Share of the window's values of each feature that are missing, NaN or infinite. A "
            "band is an outage upstream; a single feature a broken join or a renamed column.",
            unit=units.SHARE,
            scheme="Reds",
            minimum=0,
            maximum=1,
            empty=_NO_REFERENCE,
        ),
        cells(
            "Values out of range",
            Query(_of_a_feature("model_feature_out_of_range_ratio"), "{{feature}}"),
            description="Share of the window's values of each feature outside of what the reference held. "
            "Often a unit that changed, or a scaling that was left out.",
            unit=units.SHARE,
            scheme="Reds",
            minimum=0,
            maximum=1,
            empty=_NO_REFERENCE,
        ),
        cells(
            "Infinite values",
            Query(_of_a_feature("model_feature_infinite_ratio"), "{{feature}}"),
            description="Share of the window's values of each feature that are infinite: a division by 0, or "
            "an overflow, upstream. They count as missing, too.",
            unit=units.SHARE,
            scheme="Reds",
            minimum=0,
            maximum=1,
            empty=_NO_REFERENCE,
        ),
        cells(
            "Values in one bin",
            Query(_of_a_feature("model_feature_constant_ratio"), "{{feature}}"),
            description="Share of the window's values of each feature that lie in its fullest bin. A row that "
            "turns dark is a feature that became constant: a default in place of a value.",
            unit=units.SHARE,
            scheme="Reds",
            minimum=0,
            maximum=1,
            empty=_NO_REFERENCE,
        ),
        lines(
            "Columns that do not fit the reference",
            Query(_of_a_run("model_features_missing"), "missing, {{run}}"),
            Query(_of_a_run("model_features_extra"), "extra, {{run}}"),
            description="Features that the last batch had no column for, and columns that the reference does "
            "not know. Both at once: a column was renamed.",
            unit=units.COUNT,
            decimals=0,
            minimum=0,
            width=12,
            height=6,
            empty=_NO_REFERENCE,
        ),
        lines(
            "NaN and infinite values by where they were seen",
            Query(
                "sum by (model, run, signal) "
                f"(increase({series('model_nonfinite_total')}[$__rate_interval])) > 0",
                "{{signal}}, {{run}}",
            ),
            description="Non-finite values as they come. In features they are the data's fault, and the "
            "loss follows.",
            unit=units.COUNT,
            minimum=0,
            bars=True,
            width=12,
            height=6,
            empty="every value was finite, which is how it should be.",
            nothing="none",
        ),
    ]


def _trust() -> list[Panel]:
    window, needed = _of_a_run("model_drift_window_samples"), _of_a_run("model_drift_samples_needed")
    return [
        lines(
            "Samples in the window",
            Query(window, "in the window, {{run}}"),
            Query(needed, "needed, {{run}}", style=EXPECTED_LINE),
            description="Samples that the drift is computed from. Below what is needed chance alone moves "
            "the scores, and none is published.",
            unit=units.COUNT,
            decimals=0,
            minimum=0,
            width=8,
            height=7,
            empty=_NO_REFERENCE,
        ),
        number(
            "Features undecided",
            Query(_of_a_run("model_features_undecided"), "{{run}}"),
            description="Features whose drift is not scored, as the window holds too few samples.",
            unit=units.COUNT,
            decimals=0,
            width=4,
            height=7,
            empty=_NO_REFERENCE,
        ),
        number(
            "Samples in the reference",
            Query(_of_a_run("model_drift_reference_samples"), "{{run}}"),
            description="How many rows of data the reference was made from.",
            unit=units.COUNT,
            decimals=0,
            width=4,
            height=7,
            empty=_NO_REFERENCE,
        ),
        number(
            "Age of the reference",
            Query(f"time() - {_of_a_run('model_drift_reference_timestamp_seconds')}", "{{run}}"),
            description="Time since the reference was made. The world may have moved on since, and rightly "
            "so.",
            unit=units.DURATION,
            width=4,
            height=7,
            empty=_NO_REFERENCE,
        ),
        number(
            "Share of rows looked at",
            Query(_of_a_run("model_drift_sampling_ratio"), "{{run}}"),
            description="Share of the rows of each batch that drift is computed from.",
            unit=units.SHARE,
            decimals=0,
            width=4,
            height=7,
            empty=_NO_REFERENCE,
        ),
    ]
