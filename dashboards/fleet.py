"""Fleet: every run at once, and one click to any of them."""

from __future__ import annotations

from dashboards.vocabulary import colours, units, variables
from dashboards.vocabulary.alerts import firing, firing_alerts
from dashboards.vocabulary.layout import Section, compose
from dashboards.vocabulary.links import FLEET, from_line, to_run
from dashboards.vocabulary.metrics import in_time_range, per_run, series
from dashboards.vocabulary.panels import bars, lines, number, states
from dashboards.vocabulary.queries import Query
from dashboards.vocabulary.sdk import Panel, model
from dashboards.vocabulary.states import RUNNING, SILENT, health_codes, health_words, state_codes, state_words
from dashboards.vocabulary.tables import Column, rows
from dashboards.vocabulary.thresholds import NONE_ALLOWED
from traingauge.catalog import RUN_STATES


def dashboard() -> model.Dashboard:
    """The dashboard."""
    return compose(
        uid=FLEET,
        one_run=False,
        title="Fleet",
        description="Every training run of the time range: which one needs attention?",
        variables=[variables.datasource(), *variables.many_runs()],
        sections=[
            Section("Now: does any run need attention?", _now()),
            Section("Every run", _runs()),
            Section("Over time", _over_time()),
        ],
        since="now-6h",
        refresh="30s",
    )


def _now() -> list[Panel]:
    return [
        *(
            number(
                f"Runs {word}",
                Query(f"count({state_codes()} == {code}) or vector(0)", word, instant=True),
                description=description,
                unit=units.COUNT,
                decimals=0,
                colouring=colouring,
            )
            for word, code, description, colouring in (
                ("training", 1, "Runs in progress whose endpoint answers.", ((None, colours.NEUTRAL),)),
                (
                    "failed",
                    1 + RUN_STATES.index("failed"),
                    "Runs that ended with an exception and whose endpoint still answers.",
                    NONE_ALLOWED,
                ),
                (
                    "not answering",
                    SILENT,
                    "Runs whose endpoint is gone although they never reported their end: crashed or killed.",
                    NONE_ALLOWED,
                ),
            )
        ),
        *(
            number(
                f"{severity.capitalize()} alerts",
                Query(
                    f"count({firing(severity)}) or vector(0)",
                    severity,
                    instant=True,
                ),
                description=f"Alerts of severity {severity} that fire now.",
                unit=units.COUNT,
                decimals=0,
                colouring=((None, colours.GOOD), (1, colour)),
                filled=True,
            )
            for severity, colour in (("critical", colours.CRITICAL), ("warning", colours.WARNING))
        ),
        number(
            "Samples per second",
            Query(
                f"sum(rate({series('model_samples_total', split='train')}[$__rate_interval])) or vector(0)",
                "all runs",
            ),
            description="Training samples of all runs together.",
            unit=units.SAMPLES_PER_SECOND,
            decimals=0,
            trend=True,
        ),
    ]


def _runs() -> list[Panel]:
    steps, planned = in_time_range("model_steps_total", split="train"), in_time_range("model_steps_planned")
    age = f"time() - {per_run('model_last_step_timestamp_seconds')}"
    left = f"clamp_min({planned} - on (model, run) {steps}, 0)"
    return [
        rows(
            "Runs",
            Column("Run", 220, label="run", link=to_run()),
            Column("Model", 110, label="model"),
            Column(
                "State",
                110,
                expr=state_codes("[$__range]"),
                unit=units.NUMBER,
                mappings=state_words(),
                colouring=(),
            ),
            Column(
                "Health",
                90,
                expr=health_codes(),
                unit=units.NUMBER,
                mappings=health_words(),
                colouring=(),
            ),
            Column(
                "Alerts",
                70,
                expr=f"count by (model, run) ({firing()})",
                unit=units.COUNT,
                decimals=0,
                colouring=NONE_ALLOWED,
            ),
            Column(
                "Last step",
                90,
                expr=f"({age}) and on (model, run) {RUNNING}",
                unit=units.SECONDS,
                decimals=0,
            ),
            Column(
                "Progress",
                90,
                expr=f"{steps} / on (model, run) {planned}",
                unit=units.SHARE,
                decimals=0,
            ),
            Column(
                "Time left",
                120,
                expr=f"{left} * on (model, run) {in_time_range('model_step_expected_seconds')} "
                f"and on (model, run) {RUNNING}",
                unit=units.DURATION,
            ),
            Column(
                "Loss",
                90,
                expr=in_time_range("model_loss_window_mean", split="train"),
                unit=units.NUMBER,
                decimals=4,
            ),
            Column(
                "Best loss",
                90,
                expr=in_time_range("model_loss_best", split="train"),
                unit=units.NUMBER,
                decimals=4,
            ),
            Column(
                "Validation loss",
                120,
                expr=in_time_range("model_loss", split="validation"),
                unit=units.NUMBER,
                decimals=4,
            ),
            Column(
                "Validation accuracy",
                140,
                expr=in_time_range("model_accuracy", split="validation"),
                unit=units.SHARE,
                decimals=1,
            ),
            Column(
                "Started",
                130,
                expr=f"{in_time_range('model_run_start_timestamp_seconds')} * 1000",
                unit=units.SINCE,
            ),
            description="Every run of the time range, including those that are over. Click a name to "
            "open the run. A cell is blank where a run does not report the value; last "
            "step and time left are blank for runs that are over.",
            sort_by="Started",
            descending=True,
            height=12,
        ),
        firing_alerts(width=24, height=7),
    ]


def _over_time() -> list[Panel]:
    return [
        states(
            "State of every run",
            Query(state_codes(), "{{run}}"),
            description="When each run started, ended, or stopped answering.",
            unit=units.NUMBER,
            mappings=state_words(),
            height=8,
        ),
        lines(
            "Training loss of every run",
            Query(per_run("model_loss_window_mean", split="train"), "{{run}}"),
            description="Mean loss over the window. Compare runs of one model only: losses of "
            "different models are not comparable.",
            unit=units.NUMBER,
            links=[from_line()],
        ),
        bars(
            "Overdue steps",
            Query(
                f"sort_desc(({age_in_steps()}) and on (model, run) {RUNNING})",
                "{{run}}",
                instant=True,
            ),
            description="Time since the last step, in usual step durations. A stuck run stands out "
            "here long before an alert fires.",
            unit=units.COUNT,
            decimals=1,
            empty="no run is in progress.",
        ),
    ]


def age_in_steps() -> str:
    """Time since the last step of each run, in expected durations of a step."""
    return (
        f"(time() - {per_run('model_last_step_timestamp_seconds')}) "
        f"/ on (model, run) {per_run('model_step_expected_seconds')}"
    )
