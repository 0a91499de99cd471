"""Data and drift: does the model see what it was trained for? A file a section."""

from __future__ import annotations

from dashboards.data_and_drift import distribution, features, now, quality, together, trust
from dashboards.vocabulary import annotations, variables
from dashboards.vocabulary.layout import compose
from dashboards.vocabulary.links import DATA_AND_DRIFT
from dashboards.vocabulary.metrics import ALERTED_STATISTIC, series
from dashboards.vocabulary.sdk import dashboard as builders
from dashboards.vocabulary.sdk import model


def dashboard() -> model.Dashboard:
    """The dashboard."""
    return compose(
        uid=DATA_AND_DRIFT,
        one_run=True,
        title="Data and drift",
        description="Distance between the data of a run and the reference that it is compared with.",
        variables=[
            *variables.one_run(),
            variables.label("feature", "Feature", "Features to draw", "model_feature_missing_ratio"),
            variables.label(
                "statistic",
                "Drift by",
                "Measure of drift",
                "model_feature_drift",
                single=ALERTED_STATISTIC,
            ),
            _moved(),
        ],
        annotations=annotations.of_a_run(switches=False),
        sections=[
            now.section(),
            features.section(),
            distribution.section(),
            together.section(),
            quality.section(),
            quality.further(),
            trust.section(),
        ],
    )


def _moved() -> builders.QueryVariable:
    """The feature whose distribution is drawn: to begin with the one that drifted most in the time range."""
    drift = series("model_feature_drift", statistic=ALERTED_STATISTIC)
    known = series("model_feature_distribution_ratio")
    return variables.ranked(
        "moved",
        "Detail",
        "Feature that is shown in detail; first those that drifted most in the time range",
        f"max by (feature) (max_over_time({drift}[$__range])) and on (feature) "
        f"max by (feature) (last_over_time({known}[$__range]))",
        "feature",
    )
