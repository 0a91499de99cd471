"""Selectors over known metrics: a misspelt name fails when it is rendered, not when it is looked at.

Known are the catalogue of the exporter, the series our rules record, and the few that Prometheus and
Alertmanager publish about themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from alerting.inlined import DEFAULT, SET
from dashboards.vocabulary.identity import IDENTITY, SELECTED
from traingauge.catalog import CATALOG, OUTPUT, RUN_LABELS, Side
from traingauge.errors import UnknownNameError

#: 1 for every run that is running.
RUNNING = "model_run:model_run_state:running"

#: The scores that a run has to beat, and how much worse than that it is; read by the alert as well.
BASELINE, SHORTFALL = "model_run:model_baseline:last", "model_run_split:model_baseline:shortfall"

#: Series that the rules in ``alerting/rules`` record, with their labels in addition to model and run.
RECORDED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        SET: ("metric", "severity", "feature"),
        BASELINE: ("metric",),
        SHORTFALL: ("metric", "split"),
        RUNNING: (),
    }
)

#: What tells apart the alerts of one run.
_IDENTIFYING = ("metric", "split", "output", "class", "feature")

#: What Prometheus adds to a scraped run or derives from its alert rules, with the labels a panel may use.
OF_A_RUN: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "up": ("job", "instance", "ended"),
        "scrape_duration_seconds": ("job", "instance"),
        "scrape_samples_scraped": ("job", "instance"),
        "ALERTS": ("alertname", "alertstate", "severity", *_IDENTIFYING),
        "ALERTS_FOR_STATE": ("alertname", "severity", *_IDENTIFYING),
    }
)

#: What node_exporter, dcgm-exporter and kube-state-metrics publish about the host of a run, with the labels a panel may use.
OF_A_HOST: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "node_uname_info": ("nodename",),
        "kube_pod_info": ("pod", "node"),
        "node_cpu_seconds_total": ("mode",),
        "node_memory_MemAvailable_bytes": (),
        "node_memory_MemTotal_bytes": (),
        "node_disk_io_time_seconds_total": ("device",),
        "node_pressure_io_waiting_seconds_total": (),
        **dict.fromkeys(
            ("DCGM_FI_DEV_GPU_UTIL", "DCGM_FI_DEV_FB_USED", "DCGM_FI_DEV_FB_FREE", "DCGM_FI_DEV_POWER_USAGE"),
            ("Hostname", "gpu", "pod", "exported_pod"),
        ),
    }
)

#: What Prometheus and Alertmanager publish about themselves, with the labels a panel may use.
OF_THE_SERVERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "prometheus_rule_evaluation_failures_total": ("rule_group",),
        "prometheus_rule_group_interval_seconds": ("rule_group",),
        "prometheus_rule_group_iterations_missed_total": ("rule_group",),
        "prometheus_rule_group_last_duration_seconds": ("rule_group",),
        "prometheus_notifications_dropped_total": (),
        "prometheus_tsdb_head_series": (),
        "alertmanager_alerts": ("state",),
        "alertmanager_notifications_total": ("integration",),
        "alertmanager_notifications_failed_total": ("integration",),
        "alertmanager_notification_latency_seconds_bucket": ("integration", "le"),
    }
)

#: The drift statistic that has thresholds.
ALERTED_STATISTIC = "psi"

_HISTOGRAM_SUFFIXES = ("_bucket", "_sum", "_count")


@dataclass(frozen=True, slots=True)
class Known:
    """A metric that may be queried.

    Attributes:
        labels: Names of its labels.
        of_a_run: Whether it carries ``model`` and ``run``, so that the dashboard's selection narrows it.
    """

    labels: tuple[str, ...]
    of_a_run: bool = True


def _of_a_run(labels: tuple[str, ...]) -> Known:
    return Known((*IDENTITY, *RUN_LABELS, *labels))


def _known() -> dict[str, Known]:
    known: dict[str, Known] = {}
    for metric in CATALOG.values():
        if metric.kind != "histogram":
            known[metric.name] = _of_a_run(metric.possible_labels)
            continue
        for suffix in _HISTOGRAM_SUFFIXES:
            le = ("le",) if suffix == "_bucket" else ()
            known[metric.name + suffix] = _of_a_run((*metric.labels, *le))
    known |= {name: _of_a_run(labels) for name, labels in (RECORDED | OF_A_RUN).items()}
    known |= {
        name: Known(("job", "instance", *labels), of_a_run=False)
        for name, labels in (OF_THE_SERVERS | OF_A_HOST).items()
    }
    known[DEFAULT] = Known(("metric", "severity"), of_a_run=False)
    return known


#: Every metric that a dashboard may query, by the name of its samples.
KNOWN: Mapping[str, Known] = MappingProxyType(_known())


def series(name: str, **labels: str) -> str:
    """Selector of a metric, narrowed to the model and run that the dashboard shows; composing it adds where the run is.

    A metric that each output of a model with several has, too, is that of the whole, unless ``output`` says otherwise.

    A value that holds a dashboard variable, alternatives (``a|b``) or ``.+`` is matched as an expression (``=~``), any
    other value as it is. ``class_`` stands for the label ``class``.

    Raises:
        UnknownNameError: No such metric, or a label that the metric does not have.

    >>> series("model_loss", split="$split")
    'model_loss{model=~"$model", run=~"$run", split=~"$split", output=""}'
    >>> series("model_class_recall", class_="7")
    'model_class_recall{model=~"$model", run=~"$run", class="7"}'
    """
    known = KNOWN.get(name)
    if known is None:
        raise UnknownNameError("metric", name, KNOWN)
    matchers = [SELECTED] if known.of_a_run else []
    if OUTPUT in known.labels and name in CATALOG:
        labels = {**labels, OUTPUT: labels.get(OUTPUT, "")}
    for argument, value in labels.items():
        label = argument.removesuffix("_")
        if label not in known.labels:
            raise UnknownNameError(f"label of {name}", label, known.labels)
        matchers.append(_matcher(label, value))
    return f"{name}{{{', '.join(matchers)}}}"


def _matcher(label: str, value: str) -> str:
    return f'{label}{"=~" if set("$|+") & set(value) else "="}"{value}"'


def per_run(name: str, **labels: str) -> str:
    """One value a run, the largest where it has several series.

    >>> per_run("model_warmup_steps")
    'max by (model, run) (model_warmup_steps{model=~"$model", run=~"$run"})'
    """
    return f"max by (model, run) ({series(name, **labels)})"


def in_time_range(name: str, **labels: str) -> str:
    """The last value of each run in the time range, so that runs that are over are listed too.

    >>> in_time_range("model_warmup_steps")
    'max by (model, run) (last_over_time(model_warmup_steps{model=~"$model", run=~"$run"}[$__range]))'
    """
    return f"max by (model, run) (last_over_time({series(name, **labels)}[$__range]))"


def or_infinite(expr: str, split: str) -> str:
    """An expression, and infinity for a run whose last loss of a split is NaN or infinite.

    What is computed over several steps leaves such a loss out, and looks as if nothing had happened.

    Args:
        expr: Its result has the labels ``model`` and ``run``.
        split: One split, or several as ``train|validation``.

    >>> or_infinite("loss", "train").partition("(")[2].partition("{")[0]
    'Inf * (max by (model, run) (last_over_time(model_loss_nonfinite'
    """
    return f"(Inf * ({in_time_range('model_loss_nonfinite', split=split)} == 1) or {expr})"


def last_training_loss() -> str:
    """The mean training loss of each run over its window, infinite while the last loss is NaN or infinite."""
    return or_infinite(in_time_range("model_loss_window_mean", split="train"), "train")


def training_loss() -> str:
    """The mean training loss of each run over its window, and nothing while the last loss is NaN or infinite."""
    return f"({per_run('model_loss_window_mean', split='train')} unless on (model, run) {_broken()})"


def training_loss_or_nan() -> str:
    """The mean training loss of each run over its window, and NaN while the last loss is NaN or infinite."""
    return f"({training_loss()} or NaN * ({_broken()}))"


def _broken() -> str:
    """The runs whose last training loss is NaN or infinite."""
    return f"{per_run('model_loss_nonfinite', split='train')} == 1"


def last_validation_loss() -> str:
    """The loss of each run's last validation pass, infinite if it is NaN or infinite."""
    return or_infinite(in_time_range("model_loss", split="validation"), "validation")


def or_zero(expr: str) -> str:
    """The value of an expression without labels, or 0 where it has none although there was a run in the time range.

    >>> or_zero("count(a)").partition("{")[0]
    'count(a) or on () (0 * count(last_over_time(model_run_start_timestamp_seconds'
    """
    any_run = f"count(last_over_time({series('model_run_start_timestamp_seconds')}[$__range]))"
    return f"{expr} or on () (0 * {any_run})"


def latest(selector: str) -> str:
    """The series as they are now, or as they were last in the time range if the run is over.

    >>> latest("recall")
    '(recall or on () last_over_time(recall[$__range]))'
    """
    return f"({selector} or on () last_over_time({selector}[$__range]))"


def occurrences(name: str, by: str, **labels: str) -> str:
    """How often a counter went up, where it did.

    >>> occurrences("model_nonfinite_total", "signal")
    'sum by (signal) (increase(model_nonfinite_total{model=~"$model", run=~"$run"}[$__rate_interval]) > 0)'
    """
    return f"sum by ({by}) (increase({series(name, **labels)}[$__rate_interval]) > 0)"


def better(side: Side) -> str:
    """Alternatives of the scores and losses that are better on a side, as values of a label ``metric``.

    >>> better("lower").split("|")[:2]
    ['loss', 'log_loss']
    """
    return "|".join(
        metric.name.removeprefix("model_")
        for metric in CATALOG.values()
        if metric.better == side and metric.labels == ("split",)
    )


def per_second(name: str, by: str, **labels: str) -> str:
    """Rate of a counter, summed.

    Args:
        name: The counter.
        by: Labels that remain.
        labels: Matchers, as :func:`series` takes them.

    >>> per_second("model_steps_total", "run", split="train")
    'sum by (run) (rate(model_steps_total{model=~"$model", run=~"$run", split="train"}[$__rate_interval]))'
    """
    return f"sum by ({by}) (rate({series(name, **labels)}[$__rate_interval]))"
