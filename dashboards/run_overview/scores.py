"""Scores: accuracy, precision, recall and F1."""

from __future__ import annotations

from dashboards.vocabulary import reasons, units
from dashboards.vocabulary.layout import Section
from dashboards.vocabulary.links import CLASSES, from_line
from dashboards.vocabulary.metrics import (
    series,
)
from dashboards.vocabulary.panels import lines
from dashboards.vocabulary.queries import BEST_LINE, EXPECTED_LINE, SPLIT, Query
from dashboards.vocabulary.sdk import Panel
from dashboards.vocabulary.thresholds import baseline_line, threshold_lines

#: The scores, and what a low one means.
_SCORES = {
    "accuracy": "Share of samples predicted correctly. It hides rare classes: check recall, too.",
    "precision": "Share of correct ones among the predictions of a class. Low: other classes are mistaken for it.",
    "recall": "Share of each class that is found. Low: a class is lost; *Classes* shows which.",
    "f1": "Harmonic mean of precision and recall.",
}


def section() -> Section:
    """The section."""
    return Section("Scores: are they good enough?", _panels())


def _panels() -> list[Panel]:
    return [_score(name, description) for name, description in _SCORES.items()]


def _score(name: str, description: str) -> Panel:
    return lines(
        name.capitalize(),
        Query(series(f"model_{name}"), SPLIT),
        Query(series("model_score_best", metric=name), "best, " + SPLIT, style=BEST_LINE),
        Query(series("model_expected", metric=name), "expected, " + SPLIT, style=EXPECTED_LINE),
        *threshold_lines(name),
        baseline_line(name),
        description=f"{description} Over the last steps (train) or the last whole pass (validation, test). "
        "Dashed: thresholds, baseline and reference run; dotted: the best so far.",
        unit=units.SHARE,
        decimals=1,
        maximum=1,
        width=12,
        empty=reasons.NO_CLASSES,
        links=[from_line(CLASSES, "Which classes?")],
    )
