"""Further scores: those corrected for chance, and those of a regression."""

from __future__ import annotations

from dashboards.vocabulary import reasons, units
from dashboards.vocabulary.layout import Section
from dashboards.vocabulary.metrics import (
    series,
)
from dashboards.vocabulary.panels import lines
from dashboards.vocabulary.queries import SPLIT, Query
from dashboards.vocabulary.sdk import Panel
from dashboards.vocabulary.thresholds import baseline_line


def section() -> Section:
    """The section."""
    return Section("Further scores", _panels(), collapsed=True)


def _panels() -> list[Panel]:
    def of(*names: str) -> list[Query]:
        scores = [Query(series(f"model_{name}"), f"{name.replace('_', ' ')}, {SPLIT}") for name in names]
        return [*scores, baseline_line(*names)]

    regression = "the run is no regression."
    return [
        lines(
            "Chance-corrected scores",
            *of("balanced_accuracy", "matthews_correlation", "cohen_kappa", "specificity"),
            description="Balanced accuracy (mean recall of the classes), agreement beyond chance, and "
            "specificity. With unequal classes, accuracy stays high while these fall. "
            "Dashed: baselines.",
            unit=units.NUMBER,
            decimals=3,
            maximum=1,
            width=12,
            empty=reasons.NO_CLASSES,
        ),
        lines(
            "Regression error",
            *of("mean_absolute_error", "root_mean_squared_error"),
            description="Mean absolute and root mean squared error, in the unit of the target. If the "
            "second is far above the first, a few errors are large.",
            unit=units.NUMBER,
            minimum=0,
            width=12,
            empty="the run is not a regression.",
        ),
        lines(
            "Residual percentiles",
            Query(series("model_residual_percentile"), "{{percentile}} %, " + SPLIT),
            description="Percentiles of prediction minus target. A fan that opens to one side is a "
            "bias for part of the samples, which the mean hides.",
            unit=units.NUMBER,
            width=12,
            empty=regression,
        ),
        lines(
            "Regression fit and bias",
            *of("r2_score"),
            Query(series("model_bias"), "bias, " + SPLIT),
            description="R², the share of the target's variance that is explained, and the mean of "
            "prediction minus target. A bias away from 0 affects all samples.",
            unit=units.NUMBER,
            width=12,
            empty=regression,
        ),
    ]
