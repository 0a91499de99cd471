"""Fleet: every run at once, those that need a person first, with the reason, and one click to any of them."""

from __future__ import annotations

from dashboards.vocabulary import colours, units, variables
from dashboards.vocabulary.absent import or_absent
from dashboards.vocabulary.alerts import count_tile, firing, firing_alerts, first_alert, severity_ranges
from dashboards.vocabulary.layout import Section, compose
from dashboards.vocabulary.links import FLEET, from_line, to_run, to_runbook
from dashboards.vocabulary.metrics import (
    in_time_range,
    last_training_loss,
    or_zero,
    per_run,
    series,
    training_loss,
)
from dashboards.vocabulary.names import CALLED, DRAWN, NAME, WHERE, named, newest, where
from dashboards.vocabulary.panels import ABSENT, lines, number, states
from dashboards.vocabulary.queries import Query
from dashboards.vocabulary.reasons import NO_RUN
from dashboards.vocabulary.sdk import Panel, model
from dashboards.vocabulary.states import RUNNING, SILENT, health_codes, health_words, state_codes, state_words
from dashboards.vocabulary.tables import Column, rows
from dashboards.vocabulary.thresholds import NONE_ALLOWED, PLAIN, Steps
from traingauge.catalog import RUN_STATES

#: Expected durations of a step after which the next one is late, and after which the run is probably stuck.
_LATE, _STUCK = 10, 20

#: The rank of a run's most severe alert is worth this much; twice the number of its critical alerts and 1 for a bad end are
#: worth less, and order runs of one rank.
_RANK = 1000

_URGENCIES = severity_ranges(_RANK)


def dashboard() -> model.Dashboard:
    """The dashboard."""
    return compose(
        uid=FLEET,
        one_run=False,
        title="Fleet",
        description="Every training run of the time range: which one needs attention?",
        variables=variables.many_runs(),
        sections=[
            Section("", [*_tiles(), _runs()]),
            Section("What fires?", [firing_alerts(one_run=False, width=24, height=9)]),
            Section("Over time", _over_time()),
        ],
        since="now-6h",
        refresh="30s",
    )


def _tiles() -> list[Panel]:
    return [
        count_tile("critical", width=4, height=3),
        count_tile("warning", width=4, height=3),
        _in_state(
            "Not answering",
            SILENT,
            "Runs whose endpoint is gone although they never reported their end: crashed or killed.",
            NONE_ALLOWED,
        ),
        _in_state(
            "Failed",
            1 + RUN_STATES.index("failed"),
            "Runs that ended with an exception and whose endpoint still answers.",
            NONE_ALLOWED,
        ),
        _in_state("Training", 1, "Runs in progress whose endpoint answers.", PLAIN),
        number(
            "Samples/s",
            Query(
                or_zero(f"sum(rate({series('model_samples_total', split='train')}[$__rate_interval]))"),
                "all runs",
            ),
            description="Training samples of all runs together.",
            unit=units.SAMPLES_PER_SECOND,
            decimals=0,
            height=3,
            empty=NO_RUN,
        ),
    ]


def _in_state(title: str, code: int, description: str, colouring: Steps) -> Panel:
    """How many runs are in a state now."""
    return number(
        title,
        Query(or_zero(f"count({state_codes()} == {code})"), title.lower(), instant=True),
        description=description,
        unit=units.COUNT,
        decimals=0,
        colouring=colouring,
        height=3,
        empty=NO_RUN,
    )


def _runs() -> Panel:
    steps, planned = in_time_range("model_steps_total", split="train"), in_time_range("model_steps_planned")
    left = f"clamp_min({planned} - on (model, run) {steps}, 0)"
    return rows(
        "Runs",
        Column("Run", 100, label="run", link=to_run()),
        Column(
            "Severity",
            96,
            expr=_urgency(),
            unit=units.NUMBER,
            mappings=_URGENCIES,
            colouring=(),
            fixed=True,
        ),
        Column("First alert", 192, label="alertname", link=to_runbook("${__value.text}")),
        Column("About", 80, label="about"),
        Column(
            "Alerts",
            58,
            expr=f"count by (model, run) ({firing()})",
            unit=units.COUNT,
            decimals=0,
            colouring=NONE_ALLOWED,
            fixed=True,
        ),
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
            "Health",
            76,
            expr=health_codes("[$__range]"),
            unit=units.NUMBER,
            mappings=health_words(),
            colouring=(),
            fixed=True,
        ),
        Column(
            "Steps late",
            80,
            expr=f"({age_in_steps()}) and on (model, run) {RUNNING}",
            unit=units.COUNT,
            decimals=0,
            colouring=((None, colours.GOOD), (_LATE, colours.WARNING), (_STUCK, colours.CRITICAL)),
        ),
        Column("Progress", 72, expr=f"{steps} / on (model, run) {planned}", unit=units.SHARE, decimals=0),
        Column(
            "Time left",
            80,
            expr=f"{left} * on (model, run) {in_time_range('model_step_expected_seconds')} "
            f"and on (model, run) {RUNNING}",
            unit=units.DURATION,
        ),
        Column(
            "Train loss",
            80,
            expr=last_training_loss(),
            unit=units.NUMBER,
            decimals=4,
        ),
        Column(
            "Started",
            136,
            expr=where(f"{in_time_range('model_run_start_timestamp_seconds')} * 1000"),
            unit=units.SINCE,
            fixed=True,
        ),
        Column("Model", 70, label="model"),
        Column("Where", 70, label=WHERE, fixed=False),
        description="Every run of the time range, including those that are over; those with the most severe alerts "
        "come first, of these the ones with the most critical alerts, then those that ended badly, then the newest. "
        "*First alert* is the one that began first among the most severe: click it for its runbook, a run for its "
        "overview. *Steps late* is the time since the last sign of life, in usual step durations: "
        "a stuck run stands out there before an alert fires. *Train loss* is the mean over the window, and "
        "infinite while the last one is NaN or infinite. A dash: the run does not report the value.",
        sort_by="Severity",
        descending=True,
        then_by="Started",
        every_row_has="Started",
        empty=NO_RUN,
        height=11,
    )


def _urgency() -> str:
    """How much each run needs a person, with the name of its first alert: see :data:`_URGENCIES`."""
    every = f"0 * {in_time_range('model_run_start_timestamp_seconds')}"
    critical = f"clamp_max(count by (model, run) ({firing('critical')}), {_RANK / 4:.0f})"
    ended_badly = f"({state_codes('[$__range]')} > bool {RUN_STATES.index('finished') + 1})"
    further = f"(2 * {critical} or on (model, run) {every}) + on (model, run) ({ended_badly} or on (model, run) {every})"
    ranked = f"{_RANK} * {first_alert('model, run')} or on (model, run) {every}"
    return f"({ranked}) + on (model, run) group_left () ({further})"


def _over_time() -> list[Panel]:
    return [
        states(
            "State of the newest runs",
            Query(
                or_absent(
                    named(state_codes(among=newest(DRAWN)), newest=DRAWN),
                    series("model_run_state"),
                    CALLED,
                    NO_RUN.short,
                    ABSENT,
                ),
                NAME,
            ),
            description=f"When each of the {DRAWN} newest runs started, ended, or stopped answering.",
            unit=units.NUMBER,
            mappings=state_words(),
            width=12,
            height=10,
        ),
        lines(
            "Training loss of the newest runs",
            Query(named(training_loss(), newest=DRAWN), NAME),
            description="Mean loss over the window. A line ends while the loss is NaN or infinite. Compare runs of one "
            "model only: losses of different models are not comparable.",
            unit=units.NUMBER,
            last_in_legend="none",
            height=10,
            links=[from_line()],
        ),
    ]


def age_in_steps() -> str:
    """Time since the last sign of life of each run, in expected durations of a step."""
    return (
        f"(time() - {per_run('model_last_activity_timestamp_seconds')}) "
        f"/ on (model, run) {per_run('model_step_expected_seconds')}"
    )
