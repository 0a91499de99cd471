"""Loss: its course, its spread, and the gap to validation."""

from __future__ import annotations

from dashboards.vocabulary import reasons, units
from dashboards.vocabulary.layout import Section
from dashboards.vocabulary.metrics import occurrences, per_run, series
from dashboards.vocabulary.panels import events, lines
from dashboards.vocabulary.queries import BEST_LINE, EXPECTED_LINE, FAINT, SPLIT, Query
from dashboards.vocabulary.sdk import Panel
from dashboards.vocabulary.thresholds import baseline_line, threshold_lines


def section() -> Section:
    """The section."""
    return Section("Loss: does it learn?", _panels())


def _panels() -> list[Panel]:
    window_mean = per_run("model_loss_window_mean", split="train")
    held_out = per_run("model_loss", split="validation")
    return [
        lines(
            "Loss",
            Query(series("model_loss"), "last step, " + SPLIT, style=FAINT),
            Query(series("model_loss_window_mean"), "window mean, " + SPLIT),
            Query(series("model_loss_best"), "best, " + SPLIT, style=BEST_LINE),
            Query(
                series("model_expected", metric="loss"),
                "expected, " + SPLIT,
                style=EXPECTED_LINE,
            ),
            *threshold_lines("loss"),
            baseline_line("loss"),
            description="Loss of the last step and its mean over the window (train), or of the last "
            "whole pass (validation, test). A gap is a NaN. Dashed: thresholds, the "
            "baseline, and the reference run; dotted: the best so far.",
            unit=units.NUMBER,
            width=16,
            height=10,
        ),
        lines(
            "Spread of the loss",
            Query(series("model_loss_window_stddev"), "standard deviation, " + SPLIT),
            Query(
                f"{series('model_loss_window_max')} - {series('model_loss_window_min')}",
                "highest to lowest, " + SPLIT,
                style=FAINT,
            ),
            description="Variation of the loss over the window. If it grows while the mean does not "
            "fall, the learning rate is too high or batches differ too much.",
            unit=units.NUMBER,
            minimum=0,
            width=8,
            height=10,
        ),
        lines(
            "Generalisation gap",
            Query(
                f"{held_out} - on (model, run) {window_mean}",
                "validation above train, {{run}}",
            ),
            description="Validation loss minus mean training loss. If it widens while the training "
            "loss still falls, the model overfits.",
            unit=units.NUMBER,
            width=8,
            empty="the run evaluates no validation data.",
        ),
        lines(
            "Time since the best loss",
            Query(f"time() - {series('model_loss_best_timestamp_seconds')}", SPLIT),
            description="Grows on a plateau and while the loss diverges; drops to 0 at each new best.",
            unit=units.SECONDS,
            minimum=0,
            width=8,
        ),
        events(
            "NaN and infinite values by source",
            Query(
                occurrences("model_nonfinite_total", "model, run, split, signal"),
                "{{signal}}, {{split}}, {{run}}",
            ),
            description="Where non-finite values appeared first: in a feature (bad data), a gradient "
            "(too large a step), the weights, a prediction, or the loss (last).",
            width=8,
            empty=reasons.ALL_FINITE,
        ),
    ]
