"""Run overview: one run, everything in the order in which one debugs it."""

from __future__ import annotations

from dashboards.classes import UID as CLASSES
from dashboards.data_and_drift import UID as DATA_AND_DRIFT
from dashboards.vocabulary import annotations, units, variables
from dashboards.vocabulary.alerts import firing, firing_alerts
from dashboards.vocabulary.layout import Section, compose
from dashboards.vocabulary.links import RUN_OVERVIEW, from_line
from dashboards.vocabulary.metrics import JUDGED_STATISTIC, THRESHOLD, per_second, series
from dashboards.vocabulary.panels import lines, number, states
from dashboards.vocabulary.queries import BEST_LINE, EXPECTED_LINE, FAINT, LIMIT_LINE, Query
from dashboards.vocabulary.sdk import Panel, model
from dashboards.vocabulary.states import health_codes, health_words, state_codes, state_words
from dashboards.vocabulary.tables import Column, rows
from dashboards.vocabulary.thresholds import NONE_ALLOWED, baseline_line, threshold_lines

UID = RUN_OVERVIEW

#: A line of one split of one run.
_SPLIT = "{{split}}, {{run}}"

#: What a good run is compared in: worse when high, and worse when low. The rest has no worse side.
_LOWER_IS_BETTER = "loss|mean_absolute_error|root_mean_squared_error"
_HIGHER_IS_BETTER = "accuracy|precision|recall|f1|r2_score"

_NO_EXPECTATION = "the run was given no reference run to be compared with."


def dashboard() -> model.Dashboard:
    """The dashboard."""
    return compose(
        uid=UID,
        title="Run overview",
        description="One training run, top to bottom in the order in which one debugs it.",
        variables=[
            variables.datasource(),
            variables.models(),
            variables.runs(),
            variables.label("split", "Split", "Splits of the data", "model_steps_total"),
            variables.label(
                "signal", "Signal", "Signal whose own past is drawn", "model_signal_mean", single="loss"
            ),
        ],
        annotations=annotations.of_a_run(),
        sections=[
            Section("Now: is it healthy?", _now()),
            Section("Judgement: is it as it should be, and where does it head?", _judgement()),
            Section("Loss: does it learn?", _loss()),
            Section("Against its own past: is $signal unusual?", _own_past()),
            Section("Optimisation: are the steps sound?", _optimisation()),
            Section("Scores: is it good enough?", _scores()),
            Section("Further scores", _further_scores(), collapsed=True),
            Section("Canary: does it answer as a trusted model does?", _canary(), collapsed=True),
            Section("Data: does it see what it was made for?", _data()),
            Section("Throughput: is it fast enough?", _throughput()),
            Section("What runs here", _info(), collapsed=True),
        ],
    )


def _now() -> list[Panel]:
    steps = f"max by (model, run) ({series('model_steps_total', split='train')})"
    planned = f"max by (model, run) ({series('model_steps_planned')})"
    expected = f"max by (model, run) ({series('model_step_expected_seconds')})"
    last_step = f"max by (model, run) ({series('model_last_step_timestamp_seconds')})"
    running = f"max by (model, run) ({series('model_run_state', state='running')}) == 1"
    unplanned = "the run does not know how many steps it will take (no steps_planned, no epochs)."
    return [
        number(
            "State",
            Query(state_codes(), "{{run}}"),
            description="How the run stands. *not answering* means that the endpoint is gone although the "
            "run never said that it ended: a crash, an out-of-memory kill, a lost node.",
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
            description="Critical and warning alerts of the chosen runs that fire now; the table below "
            "names them.",
            unit=units.COUNT,
            decimals=0,
            colouring=NONE_ALLOWED,
            filled=True,
        ),
        number(
            "Last step",
            Query(f"(time() - {last_step}) and on (model, run) ({running})", "{{run}}", instant=True),
            description="Time since the last step of any split. A running run whose number grows is stuck.",
            unit=units.SECONDS,
            decimals=1,
            empty="the run is over, and no step is waited for.",
        ),
        number(
            "Progress",
            Query(f"{steps} / on (model, run) {planned}", "{{run}}"),
            description="Training steps taken, of those planned.",
            unit=units.SHARE,
            decimals=1,
            empty=unplanned,
        ),
        number(
            "Time left",
            Query(
                f"clamp_min({planned} - on (model, run) {steps}, 0) * on (model, run) {expected} "
                f"and on (model, run) ({running})",
                "{{run}}",
                instant=True,
            ),
            description="Steps left times the median duration of the recent steps. Evaluation between "
            "epochs comes on top.",
            unit=units.DURATION,
            empty=f"the run is over, or {unplanned}",
        ),
        number(
            "NaN and infinite values",
            Query(f"sum by (model, run) ({series('model_nonfinite_total')})", "{{run}}"),
            description="Non-finite losses, gradients, features, predictions and tensors of weights since the run began, "
            "also those that were gone before the next scrape. Any is a fault: look at the gradient norm and "
            "the learning rate just before.",
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


def _judgement() -> list[Panel]:
    expected = series("model_expected", metric="loss", split="$split")
    threshold = f"max by (model, run) ({series(THRESHOLD, metric='deviation', severity='warning')})"
    stddev = series("model_expected_stddev", metric="loss", split="$split")
    allowed = f"{stddev} * on (model, run) group_left () {threshold}"
    return [
        states(
            "Health over time",
            Query(health_codes(), "{{run}}"),
            description="State of the run's health: how far its worst signal is from its own past, or from "
            "what a reference run had at this point. Three standard deviations are a warning, six "
            "degraded, twelve failing.",
            unit=units.NUMBER,
            mappings=health_words(),
            width=8,
            height=8,
            empty="the run has not taken enough steps to be judged.",
        ),
        lines(
            "Probability of failing",
            Query(series("model_health_failing_probability"), "within {{horizon}} steps, {{run}}"),
            *threshold_lines("failing_probability"),
            description="How likely the run is to be failing within so many further training steps, if its "
            "health goes on as it did. It rises before a threshold is crossed. Dashed: the threshold of the "
            "alert, which looks 1000 steps ahead.",
            unit=units.SHARE,
            decimals=1,
            minimum=0,
            maximum=1,
            width=8,
            empty="the run has not taken enough steps to be judged.",
        ),
        lines(
            "Steps until failing",
            Query(series("model_health_steps_to_failing"), "{{run}}"),
            description="Training steps until the run is expected to be failing, if its health goes on as "
            "it did. Falling by orders of magnitude is the warning; the number itself is rough.",
            unit=units.COUNT,
            minimum=0,
            logarithmic=True,
            width=8,
            empty="the run has not taken enough steps to be judged, or nothing leads it to failing.",
        ),
        lines(
            "Share of time in each state of health",
            Query(series("model_health_stationary_probability"), "{{state}}, {{run}}"),
            description="Where the run would spend its time in the long run, if its health went on changing "
            "as it did so far.",
            unit=units.SHARE,
            decimals=0,
            minimum=0,
            maximum=1,
            width=8,
            empty="the run has not taken enough steps to be judged.",
        ),
        lines(
            "Strain of each signal",
            Query(series("model_health_strain", split="$split"), "{{signal}}, " + _SPLIT),
            description="How far each signal is on its worse side, in standard deviations: 3 is warning, 6 "
            "degraded, 12 failing. The highest names the cause.",
            unit=units.NUMBER,
            decimals=1,
            minimum=0,
            width=8,
            empty="the run has not taken enough steps to be judged.",
        ),
        lines(
            "Worse than expected by",
            Query(
                f"({series('model_deviation', split='$split', metric=_LOWER_IS_BETTER)} or "
                f"-1 * {series('model_deviation', split='$split', metric=_HIGHER_IS_BETTER)})",
                "{{metric}}, " + _SPLIT,
            ),
            *threshold_lines("deviation"),
            description="How much worse than a good run each reading is at the same point, in standard "
            "deviations of what was expected; below 0 it is better. Dashed: the thresholds of the alert.",
            unit=units.NUMBER,
            decimals=1,
            width=8,
            empty=_NO_EXPECTATION,
        ),
        lines(
            "Loss beside a good run's",
            Query(series("model_loss_window_mean", split="train"), "window mean, " + _SPLIT),
            Query(series("model_loss", split="validation"), "last pass, " + _SPLIT),
            Query(expected, "expected, " + _SPLIT, style=EXPECTED_LINE),
            Query(f"{expected} + on (model, run, split) {allowed}", "worst, " + _SPLIT, style=LIMIT_LINE),
            Query(f"{expected} - on (model, run, split) {allowed}", "best, " + _SPLIT, style=LIMIT_LINE),
            description="Loss, what a good run had at the same point, and how far from that it may be before "
            "the alert for a run that is worse than expected begins to wait.",
            unit=units.NUMBER,
            width=24,
            empty=_NO_EXPECTATION,
        ),
    ]


def _loss() -> list[Panel]:
    window_mean = series("model_loss_window_mean", split="train")
    held_out = series("model_loss", split="validation")
    return [
        lines(
            "Loss",
            Query(series("model_loss", split="$split"), "last step, " + _SPLIT, style=FAINT),
            Query(series("model_loss_window_mean", split="$split"), "window mean, " + _SPLIT),
            Query(series("model_loss_best", split="$split"), "best, " + _SPLIT, style=BEST_LINE),
            Query(
                series("model_expected", metric="loss", split="$split"),
                "expected, " + _SPLIT,
                style=EXPECTED_LINE,
            ),
            *threshold_lines("loss"),
            baseline_line("loss"),
            description="Loss of the last step itself and its mean over the last steps (train), or of the "
            "last whole pass (validation, test). A gap in the line is a NaN. Dashed: thresholds and baseline "
            "that the run was given, and what a good run had; dotted: the best so far.",
            unit=units.NUMBER,
            width=16,
            height=10,
        ),
        lines(
            "Spread of the loss",
            Query(series("model_loss_window_stddev", split="$split"), "standard deviation, " + _SPLIT),
            Query(
                f"{series('model_loss_window_max', split='$split')} - "
                f"{series('model_loss_window_min', split='$split')}",
                "highest to lowest, " + _SPLIT,
                style=FAINT,
            ),
            description="How much the loss varies over the last steps. A spread that grows while the mean "
            "does not fall means steps that are too large, or batches that differ too much.",
            unit=units.NUMBER,
            minimum=0,
            width=8,
            height=10,
        ),
        lines(
            "Generalisation gap",
            Query(
                f"max by (model, run) ({held_out}) - on (model, run) max by (model, run) ({window_mean})",
                "validation above train, {{run}}",
            ),
            description="Validation loss minus the mean training loss. A gap that widens while the "
            "training loss still falls is overfitting.",
            unit=units.NUMBER,
            width=8,
            empty="the run evaluates no validation data.",
        ),
        lines(
            "Time since the best loss",
            Query(f"time() - {series('model_loss_best_timestamp_seconds', split='$split')}", _SPLIT),
            description="Grows on a plateau, and when the loss diverges; falls to 0 at each new best.",
            unit=units.SECONDS,
            minimum=0,
            width=8,
        ),
        lines(
            "NaN and infinite values seen",
            Query(
                "sum by (model, run, split, signal) "
                f"(increase({series('model_nonfinite_total')}[$__rate_interval])) > 0",
                "{{signal}}, {{split}}, {{run}}",
            ),
            description="Where non-finite values came from first: a feature (bad data), a gradient (too "
            "large a step), the weights, a prediction or the loss (too late).",
            unit=units.COUNT,
            minimum=0,
            bars=True,
            width=8,
            empty="every value was finite, which is how it should be.",
            nothing="none",
        ),
    ]


def _own_past() -> list[Panel]:
    young = "the run has not taken enough steps, or does not report the signal."

    def of(statistic: str, **labels: str) -> str:
        return series(f"model_signal_{statistic}", signal="$signal", split="$split", **labels)

    return [
        lines(
            "Band of what is usual",
            Query(of("mean", over="window"), "mean of the window, " + _SPLIT),
            Query(of("control_limit"), "{{limit}} limit, " + _SPLIT, style=LIMIT_LINE),
            Query(of("quantile", over="window", q="0.5"), "median, " + _SPLIT, style=FAINT),
            description="The chosen signal over its window, between its control limits: three standard "
            "deviations below and above the values before the last. A mean far from the median is a window "
            "with outliers.",
            unit=units.NUMBER,
            width=12,
            height=9,
            empty=young,
        ),
        lines(
            "Unusual values",
            Query(series("model_signal_robust_zscore", split="$split"), "{{signal}}, " + _SPLIT),
            description="Distance of the last value of every signal from the median of those before it, in "
            "robust standard deviations. Beyond 3 on either side it is unusual; a single spike is noise, a "
            "band is not.",
            unit=units.NUMBER,
            decimals=1,
            width=12,
            height=9,
            empty="the run has not taken enough steps to be judged.",
        ),
        lines(
            "Alarms of the detectors",
            Query(
                "sum by (model, run, signal, detector) "
                f"(increase({series('model_anomalies_total')}[$__rate_interval])) > 0",
                "{{signal}}, {{detector}}, {{run}}",
            ),
            description="When a detector found that a signal changed for the worse, and for good: a level "
            "that moved, not a value that stuck out.",
            unit=units.COUNT,
            minimum=0,
            bars=True,
            width=16,
            height=6,
            empty="no detector gave alarm, which is how it should be.",
            nothing="none",
        ),
        number(
            "Step of the last alarm",
            Query(series("model_anomaly_last_step"), "{{signal}}, {{detector}}, {{run}}"),
            description="Training step at which each detector last gave alarm: look there in the history "
            "of the run.",
            unit=units.COUNT,
            decimals=0,
            width=8,
            height=6,
            empty="no detector gave alarm, which is how it should be.",
        ),
        lines(
            "Deviation from its own past",
            Query(of("zscore"), "from the mean, " + _SPLIT),
            Query(of("robust_zscore"), "from the median, robust, " + _SPLIT),
            description="Distance of the last value of the chosen signal from those before it, in standard "
            "deviations. Where the two differ, outliers have widened the plain one.",
            unit=units.NUMBER,
            decimals=1,
            width=8,
            empty=young,
        ),
        lines(
            "Level, short and long",
            Query(of("mean"), "{{over}}, " + _SPLIT),
            description="Mean of the chosen signal over the window, over the past with decay, and over the "
            "whole run. The short one leaves the long ones where something changed.",
            unit=units.NUMBER,
            width=8,
            empty=young,
        ),
        lines(
            "Spread and range",
            Query(of("stddev"), "standard deviation, {{over}}, " + _SPLIT),
            Query(
                f"{of('max', over='window')} - ignoring (over) {of('min', over='window')}",
                "highest to lowest, " + _SPLIT,
                style=FAINT,
            ),
            description="Standard deviation of the chosen signal over the window, over the past with decay, "
            "and over the whole run; and how far the window's extremes are apart.",
            unit=units.NUMBER,
            minimum=0,
            width=8,
            empty=young,
        ),
    ]


def _canary() -> list[Panel]:
    none = "the run asks no canary."
    return [
        lines(
            "Distance from the trusted answers",
            Query(series("model_canary_distance"), "{{run}}"),
            description="Root mean square difference of the model's outputs, for a fixed batch, to those of "
            "a trusted model. A jump between two steps is corrupted weights or changed preprocessing.",
            unit=units.NUMBER,
            minimum=0,
            width=8,
            empty=none,
        ),
        lines(
            "Samples answered differently",
            Query(series("model_canary_mismatches"), "{{run}}"),
            Query(series("model_canary_samples"), "samples, {{run}}", style=EXPECTED_LINE),
            description="Of the samples in the canary (dashed), those whose answer is another one.",
            unit=units.COUNT,
            decimals=0,
            minimum=0,
            width=8,
            empty=none,
        ),
        lines(
            "Time since the canary was asked",
            Query(series("model_canary_age_seconds"), "{{run}}"),
            description="How old the answer is. Growing without end: the script no longer asks.",
            unit=units.SECONDS,
            minimum=0,
            width=8,
            empty=none,
        ),
    ]


def _optimisation() -> list[Panel]:
    return [
        lines(
            "Learning rate",
            Query(series("model_learning_rate"), "{{run}}"),
            description="Learning rate of the last step. A straight line where a schedule was meant, or a "
            "jump where none was, explains most sick losses.",
            unit=units.NUMBER,
            logarithmic=True,
            width=8,
            empty="the script does not report a learning rate.",
        ),
        lines(
            "Gradient norm",
            Query(series("model_gradient_norm"), "{{run}}"),
            description="Global L2 norm of the last step's gradients. Rising by orders of magnitude: "
            "exploding; sinking towards 0 with a loss that stays: vanishing.",
            unit=units.NUMBER,
            logarithmic=True,
            width=8,
            empty="the script does not report a gradient norm.",
        ),
        lines(
            "Further scalars",
            Query(series("model_scalar", split="$split"), "{{name}}, " + _SPLIT),
            description="Whatever else the script passes to each step by name.",
            unit=units.NUMBER,
            width=8,
            empty="the script passes no further scalars.",
        ),
    ]


#: The scores, with what each of them says.
_SCORES = {
    "accuracy": "Share of samples predicted right. It hides what happens to rare classes: look at recall "
    "too.",
    "precision": "How far a predicted class is to be trusted. Falls when the model sees a class where "
    "there is none.",
    "recall": "How much of each class is found. Falls when a class is lost: *Classes* shows which.",
    "f1": "Harmonic mean of precision and recall.",
}


def _scores() -> list[Panel]:
    return [_score(name, description) for name, description in _SCORES.items()]


def _score(name: str, description: str) -> Panel:
    return lines(
        name.capitalize(),
        Query(series(f"model_{name}", split="$split"), _SPLIT),
        Query(series("model_score_best", metric=name, split="$split"), "best, " + _SPLIT, style=BEST_LINE),
        Query(
            series("model_expected", metric=name, split="$split"), "expected, " + _SPLIT, style=EXPECTED_LINE
        ),
        *threshold_lines(name),
        baseline_line(name),
        description=f"{description} Over the last steps (train) or the last whole pass (validation, test). "
        "Dashed: the thresholds that the alerts compare with, the baseline to beat, and what a good run had; "
        "dotted: the best so far.",
        unit=units.SHARE,
        decimals=1,
        maximum=1,
        width=12,
        empty="the run gives no class predictions (regression, or loss alone).",
        links=[from_line(CLASSES, "Which classes?")],
    )


def _further_scores() -> list[Panel]:
    def of(*names: str) -> list[Query]:
        scores = [
            Query(series(f"model_{name}", split="$split"), f"{name.replace('_', ' ')}, {_SPLIT}")
            for name in names
        ]
        return [*scores, baseline_line(*names)]

    regression = "the run is no regression."
    return [
        lines(
            "Scores that chance does not flatter",
            *of("balanced_accuracy", "matthews_correlation", "cohen_kappa", "specificity"),
            description="Mean recall of the classes, agreement beyond chance, and how much of what is not a "
            "class is left alone. Where classes are unequal, accuracy stays high while these fall. Dashed: "
            "baselines.",
            unit=units.NUMBER,
            decimals=3,
            maximum=1,
            width=12,
            empty="the run gives no class predictions (regression, or loss alone).",
        ),
        lines(
            "Error of a regression",
            *of("mean_absolute_error", "root_mean_squared_error"),
            description="Mean absolute and root mean squared error, in the unit of the target. The second "
            "far above the first means few large errors.",
            unit=units.NUMBER,
            minimum=0,
            width=12,
            empty=regression,
        ),
        lines(
            "Errors of a regression, by percentile",
            Query(series("model_residual_percentile", split="$split"), "{{percentile}} %, " + _SPLIT),
            description="Percentiles of predicted less true value. A fan that opens to one side is a bias "
            "for some of the samples, which the mean hides.",
            unit=units.NUMBER,
            width=12,
            empty=regression,
        ),
        lines(
            "Fit of a regression",
            *of("r2_score"),
            Query(series("model_bias", split="$split"), "bias, " + _SPLIT),
            description="Share of the target's variance that is explained, and the mean of predicted less "
            "true value. A bias away from 0 is a model that is off on the whole.",
            unit=units.NUMBER,
            width=12,
            empty=regression,
        ),
    ]


def _data() -> list[Panel]:
    no_reference = "the run has no reference to compare its data with."
    to_drift = from_line(DATA_AND_DRIFT, "Which features?")
    return [
        lines(
            "Strongest feature drift",
            Query(
                f"max by (model, run) ({series('model_feature_drift', statistic=JUDGED_STATISTIC)})",
                "{{run}}",
            ),
            *threshold_lines("feature_drift", feature=""),
            description="Population stability index of the feature that is furthest from the reference. "
            "*Data and drift* names it.",
            unit=units.NUMBER,
            decimals=3,
            minimum=0,
            width=12,
            empty=no_reference,
            links=[to_drift],
        ),
        lines(
            "Features drifted",
            Query(f"max by (model, run) ({series('model_features_drifted')})", "drifted, {{run}}"),
            Query(
                f"max by (model, run) ({series('model_features_monitored')})",
                "monitored, {{run}}",
                style=EXPECTED_LINE,
            ),
            description="Features above their threshold, of those compared with the reference. One is that "
            "feature's pipeline; all at once is the source, or the wrong reference.",
            unit=units.COUNT,
            decimals=0,
            minimum=0,
            width=12,
            empty=no_reference,
            links=[to_drift],
        ),
    ]


def _throughput() -> list[Panel]:
    durations = per_second("model_step_duration_seconds_bucket", "model, run, le", split="train")
    busy = per_second("model_step_duration_seconds_sum", "model, run", split="train")
    waited = per_second("model_data_wait_seconds_sum", "model, run", split="train")
    overhead = per_second("model_monitor_overhead_seconds_total", "model, run")
    return [
        lines(
            "Steps per second",
            Query(f"rate({series('model_steps_total', split='$split')}[$__rate_interval])", _SPLIT),
            description="Speed. Falls to 0 when the run hangs, and between epochs while another split is "
            "evaluated.",
            unit=units.STEPS_PER_SECOND,
            minimum=0,
            width=8,
        ),
        lines(
            "Samples per second",
            Query(f"rate({series('model_samples_total', split='$split')}[$__rate_interval])", _SPLIT),
            description="Speed that can be compared between batch sizes.",
            unit=units.SAMPLES_PER_SECOND,
            minimum=0,
            width=8,
        ),
        lines(
            "Steps",
            Query(f"max by (model, run) ({series('model_step')})", "the model stands at, {{run}}"),
            Query(
                f"max by (model, run) ({series('model_steps_total', split='train')})",
                "taken, {{run}}",
                style=FAINT,
            ),
            Query(
                f"max by (model, run) ({series('model_warmup_steps')})", "warm-up, {{run}}", style=LIMIT_LINE
            ),
            description="Step that the model stands at, and steps that were taken: they part where training "
            "went back to a checkpoint. From the warm-up on thresholds and baseline count, also for a score "
            "that never reached them.",
            unit=units.COUNT,
            minimum=0,
            width=8,
        ),
        lines(
            "Duration of a training step",
            Query(f"histogram_quantile(0.5, {durations})", "median, {{run}}"),
            Query(f"histogram_quantile(0.95, {durations})", "95th percentile, {{run}}", style=FAINT),
            Query(
                f"max by (model, run) ({series('model_step_expected_seconds')})",
                "expected, {{run}}",
                style=EXPECTED_LINE,
            ),
            description="Median and slow steps. *expected* is the median of the recent steps, which the "
            "alert for a stuck run goes by. A 95th percentile far above the median is a loader or a node "
            "that stutters.",
            unit=units.SECONDS,
            minimum=0,
            width=8,
        ),
        lines(
            "Share of time waiting for data",
            Query(f"{waited} / on (model, run) {busy}", "{{run}}"),
            description="Time that training steps waited for their batch, of the duration of the steps. "
            "Much of it: the accelerator starves, and the input pipeline is what to speed up.",
            unit=units.SHARE,
            minimum=0,
            width=8,
            empty="the script does not tell waiting from computing.",
        ),
        lines(
            "Share of time spent on monitoring",
            Query(overhead, "{{run}}"),
            description="Seconds that traingauge itself took, per second. It should stay near 0.",
            unit=units.SHARE,
            decimals=2,
            minimum=0,
            width=8,
        ),
    ]


def _info() -> list[Panel]:
    labels = (
        "framework",
        "framework_version",
        "traingauge_version",
        "python_version",
        "host",
        "pid",
        "task",
        "exception",
    )
    return [
        rows(
            "Runs",
            Column("Model", label="model"),
            Column("Run", label="run"),
            *(Column(name.replace("_", " ").capitalize(), label=name) for name in labels),
            Column(
                "Started",
                expr=f"max by (model, run, {', '.join(labels)}) ({series('model_run_info')} "
                f"* on (model, run) group_left () {series('model_run_start_timestamp_seconds')}) * 1000",
                unit=units.SINCE,
            ),
            description="What each run is made of and where it runs, as long as it answers.",
            sort_by="Run",
            height=6,
        ),
        rows(
            "Milestones",
            Column("Model", label="model"),
            Column("Run", label="run"),
            *(
                Column(
                    title,
                    expr=f"max by (model, run) (last_over_time({series(name, **labels)}[$__range]))",
                    unit=units.COUNT,
                    decimals=0,
                )
                for title, name, labels in (
                    ("Epochs", "model_epochs_total", {"split": "train"}),
                    ("Validation passes", "model_epochs_total", {"split": "validation"}),
                    ("Checkpoints", "model_checkpoints_total", {}),
                    ("Restarts", "model_restarts_total", {}),
                )
            ),
            Column(
                "Ended",
                expr="max by (model, run) "
                f"(last_over_time({series('model_run_end_timestamp_seconds')}[$__range])) * 1000",
                unit=units.SINCE,
            ),
            description="What each run has come through, also after its end. Checkpoints are those that the "
            "script told of.",
            sort_by="Run",
            height=5,
        ),
        number(
            "Parameters of the model",
            Query(series("model_parameters"), "trainable: {{trainable}}, {{run}}"),
            description="Parameters of the model, by whether they are trained.",
            unit=units.COUNT,
            width=12,
            empty="the model was not described (`monitor.describe`, or Keras).",
        ),
        number(
            "Changes of the architecture",
            Query(series("model_architecture_changes_total"), "{{run}}"),
            description="Times that the model became one of another architecture. A run that was resumed "
            "with another model is not the same run any more.",
            unit=units.COUNT,
            decimals=0,
            colouring=NONE_ALLOWED,
            width=12,
            empty="the model was not described (`monitor.describe`, or Keras).",
        ),
    ]
