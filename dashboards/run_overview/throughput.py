"""Throughput: steps, samples, and where the time goes."""

from __future__ import annotations

from dashboards.vocabulary import units
from dashboards.vocabulary.layout import Section
from dashboards.vocabulary.metrics import (
    per_run,
    per_second,
    series,
)
from dashboards.vocabulary.panels import lines
from dashboards.vocabulary.queries import EXPECTED_LINE, FAINT, LIMIT_LINE, SPLIT, Query
from dashboards.vocabulary.sdk import Panel


def section() -> Section:
    """The section."""
    return Section("Throughput: is it fast enough?", _panels())


def _panels() -> list[Panel]:
    durations = per_second("model_step_duration_seconds_bucket", "model, run, le", split="train")
    busy = per_second("model_step_duration_seconds_sum", "model, run", split="train")
    waited = per_second("model_data_wait_seconds_sum", "model, run", split="train")
    overhead = per_second("model_monitor_overhead_seconds_total", "model, run")
    return [
        lines(
            "Steps per second",
            Query(f"rate({series('model_steps_total')}[$__rate_interval])", SPLIT),
            description="Steps of each split per second. 0 means that the run hangs, or that another "
            "split is being evaluated.",
            unit=units.STEPS_PER_SECOND,
            minimum=0,
            width=8,
        ),
        lines(
            "Samples per second",
            Query(f"rate({series('model_samples_total')}[$__rate_interval])", SPLIT),
            description="Throughput that is comparable between batch sizes.",
            unit=units.SAMPLES_PER_SECOND,
            minimum=0,
            width=8,
        ),
        lines(
            "Steps",
            Query(per_run("model_step"), "the model stands at, {{run}}"),
            Query(
                per_run("model_steps_total", split="train"),
                "taken, {{run}}",
                style=FAINT,
            ),
            Query(per_run("model_warmup_steps"), "warm-up, {{run}}", style=LIMIT_LINE),
            description="The model's step, and the steps taken: the two part when training returns to "
            "a checkpoint. From the end of the warm-up, thresholds and baseline apply "
            "even to scores that never reached them.",
            unit=units.COUNT,
            minimum=0,
            width=8,
        ),
        lines(
            "Duration of a training step",
            Query(f"histogram_quantile(0.5, {durations})", "median, {{run}}"),
            Query(f"histogram_quantile(0.95, {durations})", "95th percentile, {{run}}", style=FAINT),
            Query(
                per_run("model_step_expected_seconds"),
                "expected, {{run}}",
                style=EXPECTED_LINE,
            ),
            description="Median and 95th percentile. *expected* is the median of the recent steps, "
            "which the alert for a stuck run uses. A 95th percentile far above the median "
            "is a loader or a node that stalls from time to time.",
            unit=units.SECONDS,
            minimum=0,
            width=8,
        ),
        lines(
            "Share of time waiting for data",
            Query(f"{waited} / on (model, run) {busy}", "{{run}}"),
            description="Share of step time spent waiting for the batch. If it is high, the "
            "accelerator idles: speed up the input pipeline.",
            unit=units.SHARE,
            minimum=0,
            width=8,
            empty="the script does not report the wait for data.",
        ),
        lines(
            "Monitoring overhead",
            Query(overhead, "{{run}}"),
            description="Seconds per second that traingauge takes. Normally near 0.",
            unit=units.SHARE,
            decimals=2,
            minimum=0,
            width=8,
        ),
    ]
