"""Now: the first screen. Is the run healthy, what fires, does it learn, and how much is left?"""

from __future__ import annotations

from dashboards.vocabulary import reasons, units
from dashboards.vocabulary.absent import or_absent
from dashboards.vocabulary.alerts import count_tile, firing_alerts
from dashboards.vocabulary.identity import IDENTITY
from dashboards.vocabulary.layout import Section
from dashboards.vocabulary.metrics import per_run, series, training_loss_or_nan
from dashboards.vocabulary.panels import ABSENT, lines, nothing_drawn, number, states
from dashboards.vocabulary.queries import BEST_OF_SPLIT, EXPECTED_OF_SPLIT, RAW_LINE, Query
from dashboards.vocabulary.reasons import Reason
from dashboards.vocabulary.sdk import Panel
from dashboards.vocabulary.states import RUNNING, health_codes, health_words, state_codes, state_words
from dashboards.vocabulary.thresholds import NONE_ALLOWED, baseline_line, threshold_lines

_UNPLANNED = Reason(
    "the number of steps is unknown (`total_steps=`; Keras knows its epochs).", "length unknown"
)


def section() -> Section:
    """The section; it has no title, so that all of it is on the first screen of a laptop."""
    return Section("", [*_tiles(), _loss(), firing_alerts(one_run=True, width=11, height=8), _strips()])


def _tiles() -> list[Panel]:
    steps = per_run("model_steps_total", split="train")
    planned = per_run("model_steps_planned")
    expected = per_run("model_step_expected_seconds")
    return [
        number(
            "Health",
            Query(health_codes(), "health"),
            description="Severity of the run's worst signal, measured against its own past and, if there is one, "
            "against a reference run. *Severity of each signal* shows the cause.",
            unit=units.NUMBER,
            mappings=health_words(),
            filled=True,
            height=3,
            empty=reasons.TOO_FEW_STEPS,
        ),
        number(
            "State",
            Query(state_codes(), "state"),
            description="State of the run. *not answering* means that its endpoint is gone although it never reported "
            "its end: a crash, an out-of-memory kill or a lost node. Look at the job's log.",
            unit=units.NUMBER,
            mappings=state_words(),
            filled=True,
            height=3,
        ),
        count_tile("critical", width=3, height=3),
        count_tile("warning", width=3, height=3),
        number(
            "Non-finite",
            Query(f"sum by (model, run) ({series('model_nonfinite_total')})", "values"),
            description="NaN and infinite losses, gradients, features, predictions and weight tensors since the run "
            "began, including any that were gone before the next scrape. Normally 0.",
            unit=units.COUNT,
            decimals=0,
            colouring=NONE_ALLOWED,
            width=3,
            height=3,
        ),
        number(
            "Progress",
            Query(f"{steps} / on (model, run) {planned}", "progress"),
            description="Training steps taken, as a share of those planned.",
            unit=units.SHARE,
            decimals=0,
            width=3,
            height=3,
            empty=_UNPLANNED,
        ),
        number(
            "Time left",
            Query(
                f"clamp_min({planned} - on (model, run) {steps}, 0) * on (model, run) {expected} "
                f"and on (model, run) {RUNNING}",
                "left",
                instant=True,
            ),
            description="Remaining steps times the median duration of the recent ones. Evaluation between epochs is "
            "not included.",
            unit=units.DURATION,
            height=3,
            empty=Reason(f"the run is over, or {_UNPLANNED.why}", "none"),
        ),
    ]


def _loss() -> Panel:
    return lines(
        "Loss",
        Query(series("model_loss_best"), "best, {{split}}", style=BEST_OF_SPLIT),
        Query(series("model_loss", split="train"), "last step, {{split}}", style=RAW_LINE),
        Query(training_loss_or_nan(), "train"),
        Query(series("model_loss", split="validation|test"), "{{split}}"),
        Query(series("model_expected", metric="loss"), "expected, {{split}}", style=EXPECTED_OF_SPLIT),
        *threshold_lines("loss"),
        baseline_line("loss"),
        description="Loss of the last step and its mean over the window (train), or of the last whole pass "
        "(validation, test). A gap is a NaN. Dashed: thresholds, the baseline, and, in the colour of its split, the "
        "reference run; dotted: the best so far. Red vertical lines: the condition of a critical alert that fires began to "
        "hold.",
        unit=units.NUMBER,
        by_split=True,
        last_in_legend="any",
        width=13,
        height=8,
    )


def _strips() -> Panel:
    return states(
        # A title is trimmed where the run has no such labels.
        f"State and health {' '.join(f'${label}' for label in IDENTITY)}",
        Query(
            or_absent(state_codes(), series("model_run_state"), "run", reasons.NO_RUN.short, ABSENT),
            "state",
            style={"mappings": [*state_words(), nothing_drawn()]},
        ),
        Query(health_codes(), "health", style={"mappings": health_words()}),
        description="When the run started, ended, or stopped answering, and how its health changed: from 3 standard "
        "deviations its worst signal is in warning, from 6 degraded, from 12 failing.",
        unit=units.NUMBER,
        mappings=(),
        height=4,
    )
