"""Scores: the ones to look at first, of a classification and of a regression."""

from __future__ import annotations

from dashboards.vocabulary import reasons, units
from dashboards.vocabulary.layout import Section
from dashboards.vocabulary.links import CLASSES, from_line
from dashboards.vocabulary.metrics import series
from dashboards.vocabulary.panels import lines
from dashboards.vocabulary.queries import BEST_OF_SPLIT, EXPECTED_OF_SPLIT, SPLIT, Query
from dashboards.vocabulary.sdk import Panel
from dashboards.vocabulary.thresholds import baseline_line, threshold_lines


def section() -> Section:
    """The section."""
    return Section("Is it good enough?", _panels())


def _panels() -> list[Panel]:
    return [
        score(
            "accuracy",
            "Share of samples predicted correctly. It hides rare classes: check recall, too.",
            width=8,
        ),
        score(
            "recall",
            "Share of each class that is found. Low: a class is lost; *Classes* shows which.",
            width=8,
        ),
        lines(
            "Regression error",
            *(
                Query(series(f"model_{name}"), f"{name.replace('_', ' ')}, {SPLIT}")
                for name in ("mean_absolute_error", "root_mean_squared_error")
            ),
            baseline_line("mean_absolute_error", "root_mean_squared_error"),
            description="Mean absolute and root mean squared error, in the unit of the target. If the second is far "
            "above the first, a few errors are large. Dashed: baselines.",
            unit=units.NUMBER,
            minimum=0,
            last_in_legend="any",
            by_split=True,
            shades={"dark-": "root mean squared error"},
            width=8,
            height=7,
            empty=reasons.NO_REGRESSION,
        ),
    ]


def score(name: str, description: str, *, width: int) -> Panel:
    """One score of a classification with its best, its thresholds, the baseline and the reference run.

    Args:
        name: As in the catalogue, without ``model_``.
        description: What a low one means.
        width: Columns of the grid's 24.
    """
    return lines(
        name.capitalize(),
        Query(series("model_score_best", metric=name), f"best, {SPLIT}", style=BEST_OF_SPLIT),
        Query(series(f"model_{name}"), SPLIT),
        Query(series("model_expected", metric=name), f"expected, {SPLIT}", style=EXPECTED_OF_SPLIT),
        *threshold_lines(name),
        baseline_line(name),
        description=f"{description} Over the last steps (train) or the last whole pass (validation, test). "
        "Dashed: thresholds, baseline and reference run; dotted: the best so far.",
        unit=units.SHARE,
        decimals=1,
        maximum=1,
        by_split=True,
        last_in_legend="any",
        width=width,
        height=7,
        empty=reasons.NO_CLASSES,
        links=[from_line(CLASSES, "Which classes?", scored="split")],
    )
