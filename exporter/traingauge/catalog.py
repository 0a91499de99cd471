"""The metric catalogue: every metric traingauge publishes, once.

Collectors, rules, dashboards, runbooks and docs take names, labels and facts from here, and tests hold them to it. Names are
stable. Each sample carries ``model`` and ``run`` before the labels listed here. An undefined value is an absent sample
or NaN, never 0.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

Kind = Literal["gauge", "counter", "histogram", "info"]
Side = Literal["higher", "lower"]
Combination = Literal["sum", "max", "reporter"]

#: The labels that every sample carries, before those of its metric.
RUN_LABELS = ("model", "run")

#: The label of one output of a model with several; the whole does not have it.
OUTPUT = "output"

#: The values of the label ``split``.
SPLITS = ("train", "validation", "test")

#: The values of the label ``state`` of ``model_run_state``.
RUN_STATES = ("running", "finished", "failed", "interrupted")

#: The range of a share.
SHARE = (0.0, 1.0)

_ANY = (-math.inf, math.inf)
_CORRELATION = (-1.0, 1.0)
_NOT_NEGATIVE = (0.0, math.inf)


class Metric(NamedTuple):
    """One metric: its exposed name, kind, help text, own labels and base unit, and what its values mean.

    Attributes:
        name: As exposed and queried: a counter's with ``_total``, an info's with ``_info``, a histogram's bare.
        kind: The Prometheus type.
        help: One sentence for ``# HELP``.
        labels: Names of the metric's own labels, in addition to :data:`RUN_LABELS`.
        unit: Base unit; the name ends with it.
        better: The better side of a score, a loss or a drift; ``None`` for a metric that has none.
        range: The lowest and the highest value of a score, a drift or a share.
        across_ranks: How the values of the ranks of a distributed run combine: they add up, the highest counts, or the
            reporting rank alone has it.
        by_output: Whether each output of a model with several has it, too, with the label ``output``.
    """

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    unit: str = ""
    better: Side | None = None
    range: tuple[float, float] = _ANY
    across_ranks: Combination = "reporter"
    by_output: bool = False

    @property
    def possible_labels(self) -> tuple[str, ...]:
        """The labels that a sample may have: :attr:`labels`, and that of an output.

        >>> CATALOG["model_loss"].possible_labels
        ('split', 'output')
        """
        return (*self.labels, OUTPUT) if self.by_output else self.labels

    @property
    def family(self) -> str:
        """Name of the metric family, as OpenMetrics has it: without ``_total`` or ``_info``.

        >>> CATALOG["model_steps_total"].family
        'model_steps'
        """
        return self.name.removesuffix("_total" if self.kind == "counter" else "_info")


_METRICS = (
    # The run
    Metric(
        "model_run_info",
        "info",
        "Description of the run; join it to add these labels to another metric.",
        (
            "framework",
            "framework_version",
            "traingauge_version",
            "python_version",
            "host",
            "pid",
            "task",
            "architecture",
            "optimizer",
            "loss_function",
            "exception",
        ),
    ),
    Metric(
        "model_run_state",
        "gauge",
        "1 for the current state of the run, 0 for the others.",
        ("state",),
        range=SHARE,
    ),
    Metric("model_run_start_timestamp_seconds", "gauge", "Time at which the run started.", unit="seconds"),
    Metric(
        "model_run_resumed_timestamp_seconds",
        "gauge",
        "Time at which this process resumed the run from its state; absent in the process that began it.",
        unit="seconds",
    ),
    Metric(
        "model_run_end_timestamp_seconds",
        "gauge",
        "Time at which the run ended; absent while it is running.",
        unit="seconds",
    ),
    Metric(
        "model_last_step_timestamp_seconds",
        "gauge",
        "Time of the last recorded step.",
        ("split",),
        unit="seconds",
        across_ranks="max",
    ),
    Metric(
        "model_last_activity_timestamp_seconds",
        "gauge",
        "Time of the last sign of life: a step, a batch of an evaluation or of a watched loader, a checkpoint; "
        "now while the run is busy, until its deadline.",
        unit="seconds",
        across_ranks="max",
    ),
    Metric(
        "model_busy_deadline_timestamp_seconds",
        "gauge",
        "Time until which the run is busy at most, by what it is busy with; absent while it is not.",
        ("what",),
        unit="seconds",
        across_ranks="max",
    ),
    Metric("model_parameters", "gauge", "Parameters of the model.", ("trainable",)),
    Metric("model_architecture_changes_total", "counter", "Architecture changes within the run."),
    Metric("model_restarts_total", "counter", "Restarts of the run from its saved state."),
    Metric(
        "model_state_saved_timestamp_seconds",
        "gauge",
        "Time at which the state of the run was last saved.",
        unit="seconds",
    ),
    # Progress
    Metric(
        "model_step", "gauge", "Current step of the model; it falls when training returns to a checkpoint."
    ),
    Metric("model_steps_total", "counter", "Steps (batches) recorded.", ("split",)),
    Metric(
        "model_samples_total", "counter", "Samples in the recorded steps.", ("split",), across_ranks="sum"
    ),
    Metric("model_epochs_total", "counter", "Completed passes over the data.", ("split",)),
    Metric(
        "model_checkpoints_total", "counter", "Checkpoints of the model that the training script reported."
    ),
    Metric("model_steps_planned", "gauge", "Training steps planned for the run; absent if unknown."),
    Metric(
        "model_warmup_steps",
        "gauge",
        "Training steps after which a threshold also applies to a score that never reached it.",
    ),
    Metric(
        "model_step_expected_seconds",
        "gauge",
        "Expected duration of a training step: the median of recent steps.",
        unit="seconds",
    ),
    Metric(
        "model_step_size_changed_timestamp_seconds",
        "gauge",
        "Time at which the samples of a training step became more or fewer for good; absent before the first such change.",
        unit="seconds",
    ),
    Metric(
        "model_step_duration_seconds",
        "histogram",
        "Wall-clock duration of a step.",
        ("split",),
        unit="seconds",
        across_ranks="max",
    ),
    Metric(
        "model_data_wait_seconds",
        "histogram",
        "Time that a step waited for its batch of data.",
        ("split",),
        unit="seconds",
        across_ranks="max",
    ),
    # Loss and optimisation
    Metric(
        "model_loss",
        "gauge",
        "Loss of the last step (train) or of the last complete pass (validation, test).",
        ("split",),
        better="lower",
        by_output=True,
    ),
    Metric(
        "model_loss_nonfinite",
        "gauge",
        "1 while the last loss is NaN or infinite, 0 otherwise.",
        ("split",),
        range=SHARE,
        by_output=True,
    ),
    Metric(
        "model_loss_window_mean", "gauge", "Mean loss of the steps in the window.", ("split",), by_output=True
    ),
    Metric(
        "model_loss_window_stddev",
        "gauge",
        "Sample standard deviation of the loss in the window.",
        ("split",),
        by_output=True,
    ),
    Metric("model_loss_window_min", "gauge", "Lowest loss in the window.", ("split",), by_output=True),
    Metric("model_loss_window_max", "gauge", "Highest loss in the window.", ("split",), by_output=True),
    Metric(
        "model_loss_initial",
        "gauge",
        "Median loss of the first ten steps of training.",
        ("split",),
        by_output=True,
    ),
    Metric("model_loss_best", "gauge", "Lowest finite loss so far.", ("split",), by_output=True),
    Metric(
        "model_loss_best_timestamp_seconds",
        "gauge",
        "Time at which the lowest loss was recorded.",
        ("split",),
        unit="seconds",
        by_output=True,
    ),
    Metric("model_learning_rate", "gauge", "Learning rate of the last step."),
    Metric("model_gradient_norm", "gauge", "Global L2 norm of the gradients of the last step."),
    Metric(
        "model_scalar",
        "gauge",
        "A further scalar that the training script recorded by name.",
        ("name", "split"),
    ),
    Metric(
        "model_nonfinite_total",
        "counter",
        "NaN and infinite values recorded, including those between two scrapes; for weights, the tensors that contain any.",
        ("split", "signal"),
        across_ranks="sum",
    ),
    # Signals: the statistics of loss, scores, gradient norm and step time; `over` is window, decayed or run
    Metric("model_signal_mean", "gauge", "Mean of the values of a signal.", ("signal", "split", "over")),
    Metric(
        "model_signal_stddev", "gauge", "Sample standard deviation of a signal.", ("signal", "split", "over")
    ),
    Metric("model_signal_min", "gauge", "Lowest value of a signal.", ("signal", "split", "over")),
    Metric("model_signal_max", "gauge", "Highest value of a signal.", ("signal", "split", "over")),
    Metric("model_signal_quantile", "gauge", "Quantile of a signal.", ("signal", "split", "over", "q")),
    Metric(
        "model_signal_zscore",
        "gauge",
        "Distance of the last value of a signal from the mean of the values before it, in standard deviations.",
        ("signal", "split"),
    ),
    Metric(
        "model_signal_robust_zscore",
        "gauge",
        "Distance of the last value of a signal from the median of those before it, in scaled median absolute deviations.",
        ("signal", "split"),
    ),
    Metric(
        "model_signal_control_limit",
        "gauge",
        "Mean of the values before the last, minus (lower) or plus (upper) three standard deviations.",
        ("signal", "split", "limit"),
    ),
    Metric(
        "model_anomalies_total",
        "counter",
        "Lasting changes for the worse that a detector found in a training signal.",
        ("signal", "detector"),
    ),
    Metric(
        "model_anomaly_last_step",
        "gauge",
        "Training step at which a detector last raised an alarm; absent before the first.",
        ("signal", "detector"),
    ),
    # Scores: the rolling window (train) or the last complete pass (validation, test)
    Metric(
        "model_accuracy",
        "gauge",
        "Share of samples that were predicted correctly.",
        ("split",),
        better="higher",
        range=SHARE,
        by_output=True,
    ),
    Metric(
        "model_precision",
        "gauge",
        "Precision, averaged as the run is configured (binary or macro by default).",
        ("split",),
        better="higher",
        range=SHARE,
        by_output=True,
    ),
    Metric(
        "model_recall",
        "gauge",
        "Recall, averaged as the run is configured (binary or macro by default).",
        ("split",),
        better="higher",
        range=SHARE,
        by_output=True,
    ),
    Metric(
        "model_f1",
        "gauge",
        "F1 score, averaged as the run is configured (binary or macro by default).",
        ("split",),
        better="higher",
        range=SHARE,
        by_output=True,
    ),
    Metric(
        "model_balanced_accuracy",
        "gauge",
        "Mean recall of the classes that occurred.",
        ("split",),
        better="higher",
        range=SHARE,
        by_output=True,
    ),
    Metric(
        "model_specificity",
        "gauge",
        "Specificity, averaged as the run is configured.",
        ("split",),
        better="higher",
        range=SHARE,
        by_output=True,
    ),
    Metric(
        "model_matthews_correlation",
        "gauge",
        "Matthews correlation coefficient of true and predicted labels.",
        ("split",),
        better="higher",
        range=_CORRELATION,
        by_output=True,
    ),
    Metric(
        "model_cohen_kappa",
        "gauge",
        "Cohen's kappa: agreement of true and predicted labels beyond chance.",
        ("split",),
        better="higher",
        range=_CORRELATION,
        by_output=True,
    ),
    Metric(
        "model_top_k_accuracy",
        "gauge",
        "Share of samples whose true class is among the k classes with the highest scores.",
        ("split", "k"),
        better="higher",
        range=SHARE,
        by_output=True,
    ),
    Metric(
        "model_roc_auc",
        "gauge",
        "Area under the ROC curve, one class against the rest.",
        ("split",),
        better="higher",
        range=SHARE,
        by_output=True,
    ),
    Metric(
        "model_average_precision",
        "gauge",
        "Area under the precision-recall curve.",
        ("split",),
        better="higher",
        range=SHARE,
        by_output=True,
    ),
    Metric(
        "model_log_loss",
        "gauge",
        "Mean negative logarithm of the probability predicted for the true class.",
        ("split",),
        better="lower",
        range=_NOT_NEGATIVE,
        by_output=True,
    ),
    Metric(
        "model_brier_score",
        "gauge",
        "Mean squared difference between predicted probabilities and outcomes.",
        ("split",),
        better="lower",
        range=_NOT_NEGATIVE,
        by_output=True,
    ),
    Metric(
        "model_calibration_error",
        "gauge",
        "Expected calibration error: mean difference between confidence and accuracy.",
        ("split",),
        better="lower",
        range=SHARE,
        by_output=True,
    ),
    Metric(
        "model_mean_absolute_error",
        "gauge",
        "Mean absolute error of a regression model.",
        ("split",),
        better="lower",
        range=_NOT_NEGATIVE,
        by_output=True,
    ),
    Metric(
        "model_root_mean_squared_error",
        "gauge",
        "Root mean squared error of a regression model.",
        ("split",),
        better="lower",
        range=_NOT_NEGATIVE,
        by_output=True,
    ),
    Metric(
        "model_r2_score",
        "gauge",
        "Coefficient of determination (R²) of a regression model.",
        ("split",),
        better="higher",
        range=(-math.inf, 1.0),
        by_output=True,
    ),
    Metric(
        "model_bias",
        "gauge",
        "Mean of predicted minus true value of a regression model.",
        ("split",),
        by_output=True,
    ),
    Metric(
        "model_residual_percentile",
        "gauge",
        "Percentile of predicted minus true value of a regression model.",
        ("split", "percentile"),
        by_output=True,
    ),
    Metric("model_score_best", "gauge", "Best value of a score so far.", ("metric", "split"), by_output=True),
    Metric(
        "model_score_error_bound",
        "gauge",
        "Largest possible error of a score that was computed from binned predictions; 0 where it is exact.",
        ("metric", "split"),
        by_output=True,
    ),
    Metric(
        "model_class_precision",
        "gauge",
        "Precision of one class.",
        ("split", "class"),
        better="higher",
        range=SHARE,
    ),
    Metric(
        "model_class_recall",
        "gauge",
        "Recall of one class.",
        ("split", "class"),
        better="higher",
        range=SHARE,
    ),
    Metric(
        "model_class_f1", "gauge", "F1 score of one class.", ("split", "class"), better="higher", range=SHARE
    ),
    Metric(
        "model_class_specificity",
        "gauge",
        "Share of the samples of other classes that were not predicted as this one.",
        ("split", "class"),
        better="higher",
        range=SHARE,
    ),
    Metric(
        "model_class_support",
        "gauge",
        "Samples (or total weight) of one class in the window.",
        ("split", "class"),
        across_ranks="sum",
    ),
    Metric(
        "model_class_true_positives_total",
        "counter",
        "Samples of the class that were predicted as it.",
        ("split", "class"),
        across_ranks="sum",
    ),
    Metric(
        "model_class_false_positives_total",
        "counter",
        "Samples of other classes that were predicted as this one.",
        ("split", "class"),
        across_ranks="sum",
    ),
    Metric(
        "model_class_false_negatives_total",
        "counter",
        "Samples of the class that were predicted as another one.",
        ("split", "class"),
        across_ranks="sum",
    ),
    Metric(
        "model_confusion",
        "gauge",
        "Samples by actual and predicted class.",
        ("split", "actual", "predicted"),
        across_ranks="sum",
    ),
    # Drift
    Metric(
        "model_feature_drift",
        "gauge",
        "Drift of a feature: distance of the current window from the reference.",
        ("feature", "statistic"),
        better="lower",
        range=_NOT_NEGATIVE,
    ),
    Metric(
        "model_feature_drift_pvalue",
        "gauge",
        "Probability of at least this drift by chance, where the statistic is a test.",
        ("feature", "statistic"),
        range=SHARE,
    ),
    Metric(
        "model_prediction_drift",
        "gauge",
        "Drift of the predictions: distance of the current window from the reference.",
        ("statistic",),
        better="lower",
        range=_NOT_NEGATIVE,
    ),
    Metric(
        "model_label_drift",
        "gauge",
        "Drift of the labels: distance of the current window from the reference.",
        ("statistic",),
        better="lower",
        range=_NOT_NEGATIVE,
    ),
    Metric(
        "model_multivariate_drift",
        "gauge",
        "Drift of how the features vary together: distance of the current window from the reference.",
        ("statistic",),
        better="lower",
        range=_NOT_NEGATIVE,
    ),
    Metric("model_features_monitored", "gauge", "Features that are compared with the reference."),
    Metric(
        "model_features_drifted",
        "gauge",
        "Features whose drift is above the warning threshold.",
        better="lower",
        range=_NOT_NEGATIVE,
    ),
    Metric(
        "model_feature_missing_ratio",
        "gauge",
        "Share of values in the window that are missing or not finite.",
        ("feature",),
        unit="ratio",
        range=SHARE,
    ),
    Metric(
        "model_feature_out_of_range_ratio",
        "gauge",
        "Share of values in the window outside the range, or the categories, of the reference.",
        ("feature",),
        unit="ratio",
        range=SHARE,
    ),
    Metric(
        "model_feature_infinite_ratio",
        "gauge",
        "Share of values in the window that are infinite; they also count as missing.",
        ("feature",),
        unit="ratio",
        range=SHARE,
    ),
    Metric(
        "model_feature_constant_ratio",
        "gauge",
        "Largest share of the present values in the window that falls into one bin; 1 for a constant feature.",
        ("feature",),
        unit="ratio",
        range=SHARE,
    ),
    Metric(
        "model_features_missing", "gauge", "Features of the reference without a column in the last batch."
    ),
    Metric(
        "model_features_extra", "gauge", "Columns of the last batch that are not features of the reference."
    ),
    Metric(
        "model_features_undecided",
        "gauge",
        "Features without a drift score: the window holds too few samples to tell drift from chance.",
    ),
    Metric(
        "model_feature_distribution_ratio",
        "gauge",
        "Share of the values of a feature in a bin, in the window and in the reference, for the features that drifted most.",
        ("feature", "bin", "source"),
        unit="ratio",
        range=SHARE,
    ),
    Metric("model_drift_window_samples", "gauge", "Samples in the current drift window.", across_ranks="sum"),
    Metric(
        "model_drift_samples_needed",
        "gauge",
        "Samples that the window needs before the drift of all features is scored.",
    ),
    Metric(
        "model_drift_sampling_ratio",
        "gauge",
        "Share of the rows that drift is computed from.",
        unit="ratio",
        range=SHARE,
    ),
    Metric("model_drift_reference_samples", "gauge", "Samples in the reference."),
    Metric(
        "model_drift_reference_timestamp_seconds",
        "gauge",
        "Time at which the reference was made.",
        unit="seconds",
    ),
    # What a good run had reached at the same point
    Metric(
        "model_expected",
        "gauge",
        "Value of the reference run at this point of training.",
        ("metric", "split"),
    ),
    Metric(
        "model_expected_stddev", "gauge", "Standard deviation of the expected value.", ("metric", "split")
    ),
    Metric(
        "model_deviation",
        "gauge",
        "Last reading minus the expected value, in standard deviations; above 0 is worse for a loss and better for a score.",
        ("metric", "split"),
    ),
    # Health, as a Markov chain of states
    Metric(
        "model_health",
        "gauge",
        "1 for the current state of health, 0 for the others.",
        ("state",),
        range=SHARE,
    ),
    Metric(
        "model_health_strain",
        "gauge",
        "Severity of a signal: standard deviations on its worse side; 3 is warning, 6 degraded, 12 failing.",
        ("signal", "split"),
    ),
    Metric(
        "model_health_stationary_probability",
        "gauge",
        "Long-run share of time in a state of health if the run continues as it does now.",
        ("state",),
        range=SHARE,
    ),
    Metric(
        "model_health_failing_probability",
        "gauge",
        "Probability that the run reaches the state failing within the given number of training steps.",
        ("horizon",),
        better="lower",
        range=SHARE,
    ),
    Metric(
        "model_health_steps_to_failing",
        "gauge",
        "Expected training steps until the run reaches the state failing.",
    ),
    # The canary: a fixed batch with the outputs of a trusted model
    Metric(
        "model_canary_distance",
        "gauge",
        "Root mean squared difference between the outputs on the canary and the expected outputs.",
        better="lower",
        range=_NOT_NEGATIVE,
    ),
    Metric(
        "model_canary_mismatches",
        "gauge",
        "Samples of the canary whose output differs from the expected output.",
        better="lower",
        range=_NOT_NEGATIVE,
    ),
    Metric(
        "model_canary_mismatches_best",
        "gauge",
        "Fewest mismatches at a check of the canary so far.",
        better="lower",
        range=_NOT_NEGATIVE,
    ),
    Metric("model_canary_samples", "gauge", "Samples in the canary."),
    Metric("model_canary_age_seconds", "gauge", "Time since the canary was last checked.", unit="seconds"),
    # Thresholds
    Metric(
        "model_threshold",
        "gauge",
        "Thresholds set in code; alert rules and dashboards read them.",
        ("metric", "severity", "feature"),
    ),
    Metric("model_baseline", "gauge", "Score that the run has to beat, as set in code.", ("metric",)),
    Metric(
        "model_run_muted", "gauge", "1 for each alert that the run mutes, as set in code.", ("alertname",)
    ),
    # The monitor watching itself
    Metric(
        "model_monitor_errors_total",
        "counter",
        "Errors inside monitoring; training continued.",
        ("reason",),
        across_ranks="sum",
    ),
    Metric(
        "model_monitor_overhead_seconds_total",
        "counter",
        "Time spent in monitoring itself.",
        ("reason",),
        unit="seconds",
        across_ranks="max",
    ),
    Metric(
        "model_monitor_dropped_series_total",
        "counter",
        "Series left out because a label reached its cap.",
        ("reason",),
        across_ranks="sum",
    ),
    Metric(
        "model_copy_timestamp_seconds",
        "gauge",
        "Time at which this copy of what the run shows was made, by the kind of place where it is kept.",
        ("place",),
        unit="seconds",
    ),
    Metric(
        "model_delivery_interval_seconds",
        "gauge",
        "Seconds between two copies or readings that a delivery makes without being asked.",
        unit="seconds",
        across_ranks="max",
    ),
    Metric(
        "model_delivery_pending",
        "gauge",
        "Rows and readings of the run that wait to be delivered.",
        across_ranks="sum",
    ),
    Metric(
        "model_delivery_lag_seconds",
        "gauge",
        "Age of the oldest row or reading that waits to be delivered; 0 if none does.",
        unit="seconds",
        across_ranks="max",
    ),
    Metric(
        "model_delivery_dropped_total",
        "counter",
        "Samples that a delivery gave up.",
        ("reason",),
        across_ranks="sum",
    ),
    Metric(
        "model_delivery_moved_total",
        "counter",
        "Samples that were delivered with a later time, because a series has one value a millisecond.",
        across_ranks="sum",
    ),
    Metric(
        "model_delivery_failures_total",
        "counter",
        "Requests of a delivery that failed.",
        ("reason",),
        across_ranks="sum",
    ),
    Metric(
        "model_monitor_dropped_rows_total",
        "counter",
        "Rows of the history that are lost: the disk did not take them in time, or its limit deleted them.",
        ("reason",),
        across_ranks="sum",
    ),
)

#: Every metric by its exposed name, in the order in which a scrape lists them.
CATALOG: Mapping[str, Metric] = MappingProxyType({metric.name: metric for metric in _METRICS})


def better_side(name: str) -> Side | None:
    """The better side of a metric, by its name without ``model_``; ``None`` if it has none or is not in the catalogue.

    >>> better_side("loss"), better_side("f1"), better_side("bias")
    ('lower', 'higher', None)
    """
    metric = CATALOG.get(f"model_{name}")
    return None if metric is None else metric.better


def in_words(limits: tuple[float, float]) -> str:
    """The range of a metric, for an error that says what fits.

    >>> in_words(CATALOG["model_accuracy"].range), in_words(CATALOG["model_r2_score"].range)
    ('0 to 1', 'at most 1')
    """
    lowest, highest = limits
    if math.isinf(highest):
        return "a finite number" if math.isinf(lowest) else f"at least {lowest:g}"
    return f"at most {highest:g}" if math.isinf(lowest) else f"{lowest:g} to {highest:g}"
