"""Compare runs: two or more side by side, aligned by step, so that a slow machine does not look like a bad model."""

from __future__ import annotations

from dashboards.vocabulary import colours, units, variables
from dashboards.vocabulary.by_step import curve, curve_table, step_grid
from dashboards.vocabulary.layout import Section, compose
from dashboards.vocabulary.links import to_run
from dashboards.vocabulary.metrics import (
    SHORTFALL,
    in_time_range,
    last_training_loss,
    last_validation_loss,
    or_infinite,
    per_second,
    series,
    training_loss,
    training_loss_or_nan,
)
from dashboards.vocabulary.names import DRAWN, NAME, WHERE, named, where
from dashboards.vocabulary.panels import lines
from dashboards.vocabulary.queries import Query
from dashboards.vocabulary.reasons import NO_RUN, Reason
from dashboards.vocabulary.sdk import Panel, model
from dashboards.vocabulary.states import RUNNING, state_codes, state_words
from dashboards.vocabulary.tables import Column, rows
from dashboards.vocabulary.thresholds import NONE_ALLOWED

UID = "traingauge-compare-runs"

#: From this loss on, axes are logarithmic: one run that diverges must not flatten the others.
_LINEAR_TO = 0.01

#: No run has as many scores.
_NO_COUNT = 1e6

_OF_MORE = f"Of more than {DRAWN} runs, the newest."

_NO_VALIDATION = Reason("no chosen run evaluates validation data.", "no validation")
_NO_CLASSES = Reason("no chosen run reports class predictions on validation data.", "no class predictions")

#: Curves over steps: title, metric, split, what is drawn of it if not all, unit, description, and why it may be empty.
_CURVES = (
    (
        "Training loss",
        "model_loss_window_mean",
        "train",
        # The window leaves out what is not finite: the mean of ever fewer steps would keep rising.
        training_loss_or_nan(),
        units.NUMBER,
        "Mean loss over the window, at the same step of each run. A line ends while the loss is NaN or infinite.",
        None,
    ),
    (
        "Validation loss",
        "model_loss",
        "validation",
        None,
        units.NUMBER,
        "Loss of the last validation pass, at the same training step of each run.",
        _NO_VALIDATION,
    ),
    (
        "Validation accuracy",
        "model_accuracy",
        "validation",
        None,
        units.SHARE,
        "Accuracy of the last validation pass, at the same training step of each run.",
        _NO_CLASSES,
    ),
    (
        "Validation recall",
        "model_recall",
        "validation",
        None,
        units.SHARE,
        "Recall of the last validation pass, at the same training step of each run.",
        _NO_CLASSES,
    ),
)


def dashboard() -> model.Dashboard:
    """The dashboard."""
    return compose(
        uid=UID,
        one_run=False,
        title="Compare runs",
        description="Two or more runs side by side, aligned by training step and not only by time.",
        variables=[*variables.many_runs(), step_grid()],
        sections=[
            Section("Where do they stand?", _standing()),
            Section(
                "Aligned by training step",
                [
                    curve(
                        title,
                        series(metric, split=split),
                        description=f"{says} {_OF_MORE}",
                        unit=unit,
                        expr=expr,
                        empty=empty,
                        linear_to=_LINEAR_TO if metric.startswith("model_loss") else None,
                    )
                    for title, metric, split, expr, unit, says, empty in _CURVES
                ],
            ),
            Section(
                "The same as tables (for Grafana before 10, which cannot plot over steps)",
                [
                    curve_table(
                        f"{title} at step",
                        series(metric, split=split),
                        f"{says} {_OF_MORE}",
                        unit=unit,
                        expr=expr,
                        empty=empty,
                    )
                    for title, metric, split, expr, unit, says, empty in _CURVES
                ],
                collapsed=True,
            ),
            Section("Over time", _over_time()),
        ],
        since="now-6h",
        refresh="30s",
    )


def _standing() -> list[Panel]:
    started, last = (
        in_time_range("model_run_start_timestamp_seconds"),
        in_time_range("model_last_step_timestamp_seconds"),
    )
    return [
        rows(
            "Chosen runs",
            Column("Run", 110, label="run", link=to_run()),
            Column("Model", 80, label="model"),
            Column(
                "State",
                106,
                expr=state_codes("[$__range]"),
                unit=units.NUMBER,
                mappings=state_words(),
                colouring=(),
                fixed=True,
            ),
            Column(
                "Steps",
                60,
                expr=where(in_time_range("model_steps_total", split="train")),
                unit=units.COUNT,
                decimals=0,
                fixed=True,
            ),
            Column("Trained for", 105, expr=f"{last} - on (model, run) {started}", unit=units.DURATION),
            Column(
                "Learning rate",
                110,
                expr=in_time_range("model_learning_rate"),
                unit=units.SCIENTIFIC,
                decimals=2,
            ),
            Column("Train loss", 110, expr=last_training_loss(), unit=units.NUMBER, decimals=4, fixed=True),
            Column("Val. loss", 78, expr=last_validation_loss(), unit=units.NUMBER, decimals=4, fixed=True),
            Column(
                "Best val. loss",
                112,
                expr=in_time_range("model_loss_best", split="validation"),
                unit=units.NUMBER,
                decimals=4,
            ),
            Column(
                "Best val. acc.",
                112,
                expr=in_time_range("model_score_best", metric="accuracy", split="validation"),
                unit=units.SHARE,
                decimals=1,
            ),
            Column(
                "Test accuracy",
                110,
                expr=in_time_range("model_accuracy", split="test"),
                unit=units.SHARE,
                decimals=1,
            ),
            Column(
                "Below baseline",
                117,
                expr=_below_baseline(),
                unit=units.COUNT,
                decimals=0,
                mappings=[_incomparable()],
                colouring=NONE_ALLOWED,
            ),
            Column("Where", 80, label=WHERE),
            description="The chosen runs, the lowest training loss first. *Train loss* is the mean over the window, *Val. "
            "loss* that of the last pass; each is infinite while the last one is NaN or infinite, so that a run that fell "
            "apart after a good start comes last. *Below baseline* counts the validation and test scores, losses included, "
            "whose last value is worse than the baseline; *not finite* means that the last loss is NaN or infinite, so that "
            "no score can be compared. A run may be above its baseline and lag behind its reference run, which is what "
            "*ModelWorseThanExpected* reports. A dash: the run does not report the value, or has no baseline. Click a "
            "name to open the run.",
            sort_by="Train loss",
            height=8,
            empty=NO_RUN,
        ),
    ]


def _below_baseline() -> str:
    """How many scores are worse than the baseline, of runs that have one; the rules skip a NaN."""
    worse = f"sum by (model, run) (last_over_time({series(SHORTFALL)}[$__range]) > bool 0)"
    # Of a thousand runs, these are tens of thousands of series: they are read once.
    none = f"0 * {in_time_range('model_run_start_timestamp_seconds')}"
    return f"{worse} + on (model, run) {or_infinite(none, 'validation|test')}"


def _incomparable() -> model.ValueMapping:
    """The words for the infinity of :func:`_below_baseline`: a number of scores is never infinite."""
    words = model.ValueMappingResult(text="not finite", color=colours.CRITICAL, index=0)
    return model.RangeMap(options=model.DashboardRangeMapOptions(from_val=_NO_COUNT, result=words))


def _over_time() -> list[Panel]:
    # After the end of a run, the rate falls for as long as it looks back.
    speed = f"{per_second('model_steps_total', 'model, run', split='train')} and on (model, run) {RUNNING}"
    return [
        lines(
            "Training loss over time",
            Query(named(training_loss(), newest=DRAWN), NAME),
            description="The same loss by the clock: what a faster machine gains. A line ends while the loss is NaN or "
            f"infinite. {_OF_MORE}",
            unit=units.NUMBER,
            linear_to=_LINEAR_TO,
            last_in_legend="none",
        ),
        lines(
            "Training steps per second",
            Query(named(speed, newest=DRAWN), NAME),
            description=f"Speed of each run until it ends. {_OF_MORE}",
            unit=units.STEPS_PER_SECOND,
            minimum=0,
        ),
    ]
