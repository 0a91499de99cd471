"""Further scores: precision and F1, those corrected for chance, and those of a regression."""

from __future__ import annotations

from dashboards.run_overview.scores import score
from dashboards.vocabulary import reasons, units
from dashboards.vocabulary.layout import Section
from dashboards.vocabulary.metrics import series
from dashboards.vocabulary.panels import lines
from dashboards.vocabulary.queries import SPLIT, Query
from dashboards.vocabulary.sdk import Panel
from dashboards.vocabulary.thresholds import baseline_line


def section() -> Section:
    """The section."""
    return Section("Further scores", [*_of_classes(), *_of_a_regression()], collapsed=True)


def _of(*names: str) -> list[Query]:
    scores = [Query(series(f"model_{name}"), f"{name.replace('_', ' ')}, {SPLIT}") for name in names]
    return [*scores, baseline_line(*names)]


def _of_classes() -> list[Panel]:
    return [
        score(
            "precision",
            "Share of correct ones among the predictions of a class. Low: other classes are mistaken for it.",
            width=8,
        ),
        score("f1", "Harmonic mean of precision and recall.", width=8),
        lines(
            "Chance-corrected scores",
            *_of("balanced_accuracy", "matthews_correlation", "cohen_kappa", "specificity"),
            description="Balanced accuracy (mean recall of the classes), agreement beyond chance, and specificity. "
            "With unequal classes, accuracy stays high while these fall. Dashed: baselines.",
            unit=units.NUMBER,
            decimals=3,
            maximum=1,
            last_in_legend="any",
            width=8,
            height=7,
            empty=reasons.NO_CLASSES,
        ),
    ]


def _of_a_regression() -> list[Panel]:
    return [
        lines(
            "Residual percentiles",
            Query(series("model_residual_percentile"), "{{percentile}} %, " + SPLIT),
            description="Percentiles of prediction minus target. A fan that opens to one side is a bias for part of "
            "the samples, which the mean hides.",
            unit=units.NUMBER,
            last_in_legend="any",
            width=12,
            height=7,
            empty=reasons.NO_REGRESSION,
        ),
        lines(
            "Regression fit and bias",
            *_of("r2_score"),
            Query(series("model_bias"), "bias, " + SPLIT),
            description="R², the share of the target's variance that is explained, and the mean of prediction minus "
            "target. A bias away from 0 affects all samples.",
            unit=units.NUMBER,
            last_in_legend="any",
            width=12,
            height=7,
            empty=reasons.NO_REGRESSION,
        ),
    ]
