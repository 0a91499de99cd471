"""Loss in detail: its gap to validation, its spread, and the scalars that a script adds."""

from __future__ import annotations

from dashboards.vocabulary import units
from dashboards.vocabulary.layout import Section
from dashboards.vocabulary.metrics import per_run, series, training_loss_or_nan
from dashboards.vocabulary.panels import lines
from dashboards.vocabulary.queries import FAINT, LIMIT_LINE, SPLIT, Query
from dashboards.vocabulary.reasons import Reason
from dashboards.vocabulary.sdk import Panel


def section() -> Section:
    """The section."""
    return Section("Loss and scalars in detail", _panels(), collapsed=True)


def _panels() -> list[Panel]:
    gap = f"{per_run('model_loss', split='validation')} - on (model, run) {training_loss_or_nan()}"
    return [
        lines(
            "Generalisation gap",
            Query(f"0 * ({gap})", "limit: no gap", style=LIMIT_LINE),
            Query(gap, "validation above train"),
            description="Validation loss minus mean training loss. If it widens while the training loss still falls, "
            "the model overfits.",
            unit=units.NUMBER,
            last_in_legend="any",
            empty=Reason("the run evaluates no validation data.", "no validation"),
        ),
        lines(
            "Spread of the loss",
            Query(series("model_loss_window_stddev"), "standard deviation, " + SPLIT),
            Query(
                f"{series('model_loss_window_max')} - {series('model_loss_window_min')}",
                "highest to lowest, " + SPLIT,
                style=FAINT,
            ),
            description="Variation of the loss over the window. If it grows while the mean does not fall, the learning "
            "rate is too high or batches differ too much.",
            unit=units.NUMBER,
            minimum=0,
        ),
        lines(
            "Time since the best loss",
            Query(f"time() - {series('model_loss_best_timestamp_seconds')}", SPLIT),
            description="Grows on a plateau and while the loss diverges; drops to 0 at each new best.",
            unit=units.SECONDS,
            minimum=0,
            by_split=True,
        ),
        lines(
            "Further scalars",
            Query(series("model_scalar"), "{{name}}, " + SPLIT),
            description="Every other scalar that the script passes to a step.",
            unit=units.NUMBER,
            empty=Reason("the script passes no further scalars.", "none"),
        ),
    ]
