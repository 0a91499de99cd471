"""Now: the state of the run, what fires, and how much is left."""

from __future__ import annotations

from dashboards.vocabulary import units
from dashboards.vocabulary.alerts import firing, firing_alerts
from dashboards.vocabulary.layout import Section
from dashboards.vocabulary.metrics import per_run, series
from dashboards.vocabulary.panels import number, states
from dashboards.vocabulary.queries import Query
from dashboards.vocabulary.sdk import Panel
from dashboards.vocabulary.states import RUNNING, state_codes, state_words
from dashboards.vocabulary.thresholds import NONE_ALLOWED


def section() -> Section:
    """The section."""
    return Section("Now: is it healthy?", _panels())


def _panels() -> list[Panel]:
    steps = per_run("model_steps_total", split="train")
    planned = per_run("model_steps_planned")
    expected = per_run("model_step_expected_seconds")
    last_step = per_run("model_last_step_timestamp_seconds")
    unplanned = "the number of steps is unknown (`total_steps=`; Keras knows its epochs)."
    return [
        number(
            "State",
            Query(state_codes(), "{{run}}"),
            description="State of the run. *not answering* means that its endpoint is gone although "
            "it never reported its end: a crash, an out-of-memory kill or a lost node. "
            "Look at the job's log.",
            unit=units.NUMBER,
            mappings=state_words(),
            filled=True,
        ),
        number(
            "Firing alerts",
            Query(
                f"count({firing()}) or vector(0)",
                "alerts",
                instant=True,
            ),
            description="Critical and warning alerts of the chosen runs that fire now. 0 is normal; "
            "the table below lists them.",
            unit=units.COUNT,
            decimals=0,
            colouring=NONE_ALLOWED,
            filled=True,
        ),
        number(
            "Last step",
            Query(f"(time() - {last_step}) and on (model, run) {RUNNING}", "{{run}}", instant=True),
            description="Time since the last step of any split. If it keeps growing in a running run, "
            "the run is stuck: look at the data loader and at the other ranks.",
            unit=units.SECONDS,
            decimals=1,
            empty="the run is over, so no step is due.",
        ),
        number(
            "Progress",
            Query(f"{steps} / on (model, run) {planned}", "{{run}}"),
            description="Training steps taken, as a share of those planned.",
            unit=units.SHARE,
            decimals=1,
            empty=unplanned,
        ),
        number(
            "Time left",
            Query(
                f"clamp_min({planned} - on (model, run) {steps}, 0) * on (model, run) {expected} "
                f"and on (model, run) {RUNNING}",
                "{{run}}",
                instant=True,
            ),
            description="Remaining steps times the median duration of the recent ones. Evaluation "
            "between epochs is not included.",
            unit=units.DURATION,
            empty=f"the run is over, or {unplanned}",
        ),
        number(
            "NaN and infinite values",
            Query(f"sum by (model, run) ({series('model_nonfinite_total')})", "{{run}}"),
            description="Non-finite losses, gradients, features, predictions and weight tensors since "
            "the run began, including any that were gone before the next scrape. Normally "
            "0. Otherwise look at the gradient norm and the learning rate just before.",
            unit=units.COUNT,
            decimals=0,
            colouring=NONE_ALLOWED,
        ),
        firing_alerts(width=16, height=8),
        states(
            "State over time",
            Query(state_codes(), "{{run}}"),
            description="When the run started, ended, or stopped answering.",
            unit=units.NUMBER,
            mappings=state_words(),
            width=8,
            height=8,
        ),
    ]
