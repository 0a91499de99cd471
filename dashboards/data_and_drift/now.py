"""Now: what has drifted, and how far."""

from __future__ import annotations

from alerting.inlined import thresholds
from dashboards.vocabulary import colours, reasons, units
from dashboards.vocabulary.layout import Section
from dashboards.vocabulary.metrics import ALERTED_STATISTIC, in_time_range
from dashboards.vocabulary.panels import number
from dashboards.vocabulary.queries import Query
from dashboards.vocabulary.sdk import Panel
from dashboards.vocabulary.thresholds import Steps

#: Colours of a population stability index: the default thresholds of the alerts.
PSI: Steps = ((None, colours.GOOD), (0.2, colours.WARNING), (0.5, colours.CRITICAL))

#: Colours of the share of features that drifted: any is worth a look, as each is above a threshold of its own.
_DRIFTED: Steps = (
    (None, colours.GOOD),
    (1e-9, colours.WARNING),
    (thresholds()["features_drifted_ratio"]["critical"], colours.CRITICAL),
)

_FEW = "the window does not hold enough samples yet."
_TOO_FEW = reasons.NO_REFERENCE.or_(_FEW, "not computed")


def section() -> Section:
    """The section."""
    return Section("Has the data drifted?", _panels())


def _panels() -> list[Panel]:
    return [
        number(
            "Features drifted",
            Query(
                f"{in_time_range('model_features_drifted')} / on (model, run) "
                f"{in_time_range('model_features_monitored')}",
                "drifted",
                instant=True,
            ),
            description="Features above their drift threshold, as a share of those monitored. A single one: check how that "
            "feature is computed. All at once: another data source, other preprocessing, or a wrong reference. Red from the "
            "default threshold of the critical alert on.",
            unit=units.SHARE,
            decimals=1,
            colouring=_DRIFTED,
            empty=reasons.NO_REFERENCE,
        ),
        _psi(
            "Strongest drift",
            "model_feature_drift",
            "Population stability index of the feature that drifted most. Below 0.1 is normal; from 0.2 it usually matters.",
            empty=_TOO_FEW,
        ),
        _psi(
            "Multivariate drift",
            "model_multivariate_drift",
            "Population stability index of the joint distribution. High although no feature drifted: the features no longer "
            "go together as in the reference.",
            empty=_TOO_FEW,
        ),
        _psi(
            "Predictions",
            "model_prediction_drift",
            "Population stability index of the predictions. High although no feature drifted: the model itself changed.",
            empty=reasons.NO_PREDICTIONS.or_(_FEW),
        ),
        _psi(
            "Labels",
            "model_label_drift",
            "Population stability index of the labels. High although no feature drifted: labelling changed, or a class "
            "appeared or disappeared.",
            empty=reasons.NO_LABELS.or_(_FEW),
        ),
        number(
            "Most missing",
            Query(in_time_range("model_feature_missing_ratio"), "missing", instant=True),
            description="The largest share of missing, NaN or infinite values that a feature has in the window.",
            unit=units.SHARE,
            colouring=((None, colours.GOOD), (0.01, colours.WARNING), (0.2, colours.CRITICAL)),
            empty=reasons.NO_REFERENCE,
        ),
    ]


def _psi(title: str, metric: str, description: str, *, empty: reasons.Reason) -> Panel:
    return number(
        title,
        Query(in_time_range(metric, statistic=ALERTED_STATISTIC), "psi", instant=True),
        description=description,
        unit=units.NUMBER,
        decimals=3,
        colouring=PSI,
        empty=empty,
    )
