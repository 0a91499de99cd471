"""The metric catalogue: every metric traingauge publishes, once.

Collector, rules, dashboards, runbooks and docs take names and labels from here, and tests hold them to it. Names are
stable. Each sample carries ``model`` and ``run`` before the labels listed here. An undefined value is an absent sample
or NaN, never 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Kind = Literal["gauge", "counter", "histogram", "info"]

#: The labels that every sample carries, before those of its metric.
RUN_LABELS = ("model", "run")

#: The values of the label ``split``.
SPLITS = ("train", "validation", "test")

#: The values of the label ``state`` of ``model_run_state``.
RUN_STATES = ("running", "finished", "failed", "interrupted")


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: its exposed name, kind, help text, own labels and base unit.

    Attributes:
        name: As exposed and queried: a counter's with ``_total``, an info's with ``_info``, a histogram's bare.
        kind: The Prometheus type.
        help: One sentence for ``# HELP``.
        labels: Names of the metric's own labels, beside :data:`RUN_LABELS`.
        unit: Base unit; the name ends with it.
    """

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    unit: str = ""

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
        "What the run is made of: join it for anything descriptive.",
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
    Metric("model_run_state", "gauge", "1 for the state the run is in, 0 for the others.", ("state",)),
    Metric("model_run_start_timestamp_seconds", "gauge", "When the run began.", unit="seconds"),
    Metric(
        "model_run_end_timestamp_seconds", "gauge", "When the run ended; absent until then.", unit="seconds"
    ),
    Metric(
        "model_last_step_timestamp_seconds",
        "gauge",
        "When the last step was recorded.",
        ("split",),
        "seconds",
    ),
    Metric("model_parameters", "gauge", "Parameters of the model.", ("trainable",)),
    Metric(
        "model_architecture_changes_total",
        "counter",
        "Times that the model became one of another architecture.",
    ),
    Metric(
        "model_restarts_total",
        "counter",
        "Times that a new process went on with the run from its saved state.",
    ),
    Metric(
        "model_state_saved_timestamp_seconds", "gauge", "When the run's state was last saved.", unit="seconds"
    ),
    # Progress
    Metric(
        "model_step",
        "gauge",
        "Step that the model stands at; it falls when training goes back to a checkpoint.",
    ),
    Metric("model_steps_total", "counter", "Steps (batches) recorded.", ("split",)),
    Metric("model_samples_total", "counter", "Samples in the recorded steps.", ("split",)),
    Metric("model_epochs_total", "counter", "Passes over the data that were completed.", ("split",)),
    Metric("model_checkpoints_total", "counter", "Checkpoints of the model that the script said it saved."),
    Metric("model_steps_planned", "gauge", "Training steps that the run means to take; absent if unknown."),
    Metric(
        "model_warmup_steps", "gauge", "Training steps from which thresholds count for a score never reached."
    ),
    Metric(
        "model_step_expected_seconds",
        "gauge",
        "Median duration of the run's recent training steps: what a step is expected to take.",
        unit="seconds",
    ),
    Metric(
        "model_step_duration_seconds", "histogram", "Wall-clock duration of a step.", ("split",), "seconds"
    ),
    Metric(
        "model_data_wait_seconds",
        "histogram",
        "Time a step waited for its batch of data.",
        ("split",),
        "seconds",
    ),
    # Loss and optimisation
    Metric(
        "model_loss", "gauge", "Loss of the last step itself (train) or of the last whole pass.", ("split",)
    ),
    Metric("model_loss_window_mean", "gauge", "Mean loss of the last steps in the window.", ("split",)),
    Metric(
        "model_loss_window_stddev",
        "gauge",
        "Sample standard deviation of the loss in the window.",
        ("split",),
    ),
    Metric("model_loss_window_min", "gauge", "Lowest loss in the window.", ("split",)),
    Metric("model_loss_window_max", "gauge", "Highest loss in the window.", ("split",)),
    Metric("model_loss_best", "gauge", "Lowest finite loss so far.", ("split",)),
    Metric(
        "model_loss_best_timestamp_seconds",
        "gauge",
        "When the lowest loss was recorded.",
        ("split",),
        "seconds",
    ),
    Metric("model_learning_rate", "gauge", "Learning rate of the last step."),
    Metric("model_gradient_norm", "gauge", "Global L2 norm of the last step's gradients."),
    Metric(
        "model_scalar",
        "gauge",
        "A further scalar that the training script passed by name.",
        ("name", "split"),
    ),
    Metric(
        "model_nonfinite_total",
        "counter",
        "NaN and infinite values seen, also those gone before the next scrape; of weights, tensors that hold any.",
        ("split", "signal"),
    ),
    # Signals: the statistics of loss, scores, gradient norm and step time; `over` is window, decayed or run
    Metric("model_signal_mean", "gauge", "Mean of a signal's values.", ("signal", "split", "over")),
    Metric(
        "model_signal_stddev", "gauge", "Sample standard deviation of a signal.", ("signal", "split", "over")
    ),
    Metric("model_signal_min", "gauge", "Lowest value of a signal.", ("signal", "split", "over")),
    Metric("model_signal_max", "gauge", "Highest value of a signal.", ("signal", "split", "over")),
    Metric("model_signal_quantile", "gauge", "Quantile of a signal.", ("signal", "split", "over", "q")),
    Metric(
        "model_signal_zscore",
        "gauge",
        "Distance of a signal's last value from the mean of those before, in their standard deviations.",
        ("signal", "split"),
    ),
    Metric(
        "model_signal_robust_zscore",
        "gauge",
        "Distance of a signal's last value from the median of those before, in units of their scaled median deviation.",
        ("signal", "split"),
    ),
    Metric(
        "model_signal_control_limit",
        "gauge",
        "Three standard deviations below and above the mean of the values before the last.",
        ("signal", "split", "limit"),
    ),
    Metric(
        "model_anomalies_total",
        "counter",
        "Times that a detector found a signal of training changed for the worse.",
        ("signal", "detector"),
    ),
    Metric(
        "model_anomaly_last_step",
        "gauge",
        "Training step at which a detector last gave alarm; absent until then.",
        ("signal", "detector"),
    ),
    # Scores: the rolling window (train) or the last whole pass (validation, test)
    Metric("model_accuracy", "gauge", "Share of samples predicted right.", ("split",)),
    Metric(
        "model_precision",
        "gauge",
        "Precision, averaged as the run is configured (binary or macro).",
        ("split",),
    ),
    Metric(
        "model_recall", "gauge", "Recall, averaged as the run is configured (binary or macro).", ("split",)
    ),
    Metric("model_f1", "gauge", "F1 score, averaged as the run is configured (binary or macro).", ("split",)),
    Metric("model_balanced_accuracy", "gauge", "Mean recall of the classes that occurred.", ("split",)),
    Metric("model_specificity", "gauge", "Specificity, averaged as the run is configured.", ("split",)),
    Metric(
        "model_matthews_correlation",
        "gauge",
        "Correlation of true and predicted labels, -1 to 1.",
        ("split",),
    ),
    Metric("model_cohen_kappa", "gauge", "Agreement of true and predicted labels beyond chance.", ("split",)),
    Metric(
        "model_top_k_accuracy",
        "gauge",
        "Share of samples whose class is among the k with the highest scores.",
        ("split", "k"),
    ),
    Metric(
        "model_roc_auc", "gauge", "Area under the ROC curve, of classes each against the rest.", ("split",)
    ),
    Metric("model_average_precision", "gauge", "Area under the precision-recall curve.", ("split",)),
    Metric("model_log_loss", "gauge", "Mean negative log of the probability of what came true.", ("split",)),
    Metric(
        "model_brier_score", "gauge", "Mean squared difference of probabilities and outcomes.", ("split",)
    ),
    Metric(
        "model_calibration_error",
        "gauge",
        "Expected calibration error: how far confidence is from how often it is right.",
        ("split",),
    ),
    Metric("model_mean_absolute_error", "gauge", "Mean absolute error of a regression model.", ("split",)),
    Metric(
        "model_root_mean_squared_error", "gauge", "Root mean squared error of a regression model.", ("split",)
    ),
    Metric("model_r2_score", "gauge", "Coefficient of determination of a regression model.", ("split",)),
    Metric("model_bias", "gauge", "Mean of predicted minus true value of a regression model.", ("split",)),
    Metric(
        "model_residual_percentile",
        "gauge",
        "Percentile of predicted minus true value of a regression model.",
        ("split", "percentile"),
    ),
    Metric(
        "model_score_best",
        "gauge",
        "Best value of a score so far; tells degraded from never reached.",
        ("metric", "split"),
    ),
    Metric("model_class_precision", "gauge", "Precision of one class.", ("split", "class")),
    Metric("model_class_recall", "gauge", "Recall of one class.", ("split", "class")),
    Metric("model_class_f1", "gauge", "F1 score of one class.", ("split", "class")),
    Metric(
        "model_class_specificity",
        "gauge",
        "Share of the samples of other classes that were not taken for this one.",
        ("split", "class"),
    ),
    Metric(
        "model_class_support", "gauge", "Samples (or weight) of one class in the window.", ("split", "class")
    ),
    Metric(
        "model_class_true_positives_total",
        "counter",
        "Samples of the class predicted as it.",
        ("split", "class"),
    ),
    Metric(
        "model_class_false_positives_total",
        "counter",
        "Samples of other classes predicted as this one.",
        ("split", "class"),
    ),
    Metric(
        "model_class_false_negatives_total",
        "counter",
        "Samples of the class predicted as another.",
        ("split", "class"),
    ),
    Metric(
        "model_confusion", "gauge", "Samples by actual and predicted class.", ("split", "actual", "predicted")
    ),
    # Drift
    Metric(
        "model_feature_drift",
        "gauge",
        "Distance of a feature in the current window to the reference.",
        ("feature", "statistic"),
    ),
    Metric(
        "model_feature_drift_pvalue",
        "gauge",
        "Probability of at least that distance by chance, where the statistic is a test.",
        ("feature", "statistic"),
    ),
    Metric(
        "model_prediction_drift",
        "gauge",
        "Distance of the predictions in the current window to the reference.",
        ("statistic",),
    ),
    Metric(
        "model_label_drift",
        "gauge",
        "Distance of the labels in the current window to the reference.",
        ("statistic",),
    ),
    Metric(
        "model_multivariate_drift",
        "gauge",
        "Distance of how the features vary together in the current window to the reference.",
        ("statistic",),
    ),
    Metric("model_features_monitored", "gauge", "Features compared with the reference."),
    Metric("model_features_drifted", "gauge", "Features whose drift is above the warning threshold."),
    Metric(
        "model_feature_missing_ratio",
        "gauge",
        "Share of values in the window that are missing or not finite.",
        ("feature",),
        "ratio",
    ),
    Metric(
        "model_feature_out_of_range_ratio",
        "gauge",
        "Share of values in the window outside of the reference's range, or in a category that it does not have.",
        ("feature",),
        "ratio",
    ),
    Metric(
        "model_feature_infinite_ratio",
        "gauge",
        "Share of values in the window that are infinite; they count as missing, too.",
        ("feature",),
        "ratio",
    ),
    Metric(
        "model_feature_constant_ratio",
        "gauge",
        "Share of the values present in the window that lie in one bin: 1 is a feature that has become constant.",
        ("feature",),
        "ratio",
    ),
    Metric("model_features_missing", "gauge", "Features that the last batch had no column for."),
    Metric(
        "model_features_extra",
        "gauge",
        "Columns of the last batch that are none of the reference's features.",
    ),
    Metric(
        "model_features_undecided",
        "gauge",
        "Features whose drift is not scored: the window holds too few samples to tell it from chance.",
    ),
    Metric(
        "model_feature_distribution_ratio",
        "gauge",
        "Share of a feature's values in a bin, for the features that drifted most: in the window and in the reference.",
        ("feature", "bin", "source"),
        "ratio",
    ),
    Metric("model_drift_window_samples", "gauge", "Samples in the current drift window."),
    Metric(
        "model_drift_samples_needed",
        "gauge",
        "Samples the window must hold before the drift of all features is scored: fewer cannot tell it from chance.",
    ),
    Metric(
        "model_drift_sampling_ratio",
        "gauge",
        "Share of the rows that drift looks at: every so many of a batch.",
        unit="ratio",
    ),
    Metric("model_drift_reference_samples", "gauge", "Samples the reference was made from."),
    Metric(
        "model_drift_reference_timestamp_seconds", "gauge", "When the reference was made.", unit="seconds"
    ),
    # What a good run had reached at the same point
    Metric(
        "model_expected", "gauge", "What a reference run had at this point of training.", ("metric", "split")
    ),
    Metric("model_expected_stddev", "gauge", "Standard deviation of what is expected.", ("metric", "split")),
    Metric(
        "model_deviation",
        "gauge",
        "Last reading less what was expected, in standard deviations; above 0 is worse for a loss and better for a score.",
        ("metric", "split"),
    ),
    # Health, as a Markov chain of states
    Metric("model_health", "gauge", "1 for the state of health the run is in, 0 for the others.", ("state",)),
    Metric(
        "model_health_strain",
        "gauge",
        "How far a signal is on its worse side, in standard deviations: 3 is warning, 6 degraded, 12 failing.",
        ("signal", "split"),
    ),
    Metric(
        "model_health_stationary_probability",
        "gauge",
        "Share of time the run would spend in a state if it went on as it does.",
        ("state",),
    ),
    Metric(
        "model_health_failing_probability",
        "gauge",
        "Probability that the run is failing at some time within so many further training steps.",
        ("horizon",),
    ),
    Metric(
        "model_health_steps_to_failing", "gauge", "Training steps until the run is expected to be failing."
    ),
    # The canary: a fixed batch with the outputs of a trusted model
    Metric(
        "model_canary_distance", "gauge", "Root mean square difference of the outputs to the expected ones."
    ),
    Metric("model_canary_mismatches", "gauge", "Samples of the canary that were answered differently."),
    Metric("model_canary_samples", "gauge", "Samples in the canary."),
    Metric("model_canary_age_seconds", "gauge", "Time since the canary was last asked.", unit="seconds"),
    # Thresholds
    Metric(
        "model_threshold",
        "gauge",
        "Thresholds set in code, which the alert rules read and the dashboards draw.",
        ("metric", "severity", "feature"),
    ),
    Metric(
        "model_baseline",
        "gauge",
        "Score that the run has to beat, as the training script gave it.",
        ("metric",),
    ),
    # The monitor watching itself
    Metric(
        "model_monitor_errors_total", "counter", "Errors inside monitoring; training went on.", ("reason",)
    ),
    Metric(
        "model_monitor_overhead_seconds_total",
        "counter",
        "Time that monitoring itself took.",
        ("reason",),
        "seconds",
    ),
    Metric(
        "model_monitor_dropped_series_total",
        "counter",
        "Series left out because a label reached its cap.",
        ("reason",),
    ),
)

#: Every metric by its exposed name, in the order in which a scrape lists them.
CATALOG: Mapping[str, Metric] = MappingProxyType({metric.name: metric for metric in _METRICS})
