"""Throughput: steps, samples, and the wait for data."""

from __future__ import annotations

from dashboards.vocabulary import units
from dashboards.vocabulary.layout import Section
from dashboards.vocabulary.metrics import per_run, per_second, series
from dashboards.vocabulary.panels import lines
from dashboards.vocabulary.queries import FAINT, LIMIT_LINE, SPLIT, Query
from dashboards.vocabulary.reasons import Reason
from dashboards.vocabulary.sdk import Panel


def section() -> Section:
    """The section."""
    return Section("Throughput: is it fast enough?", _panels(), collapsed=True)


def _panels() -> list[Panel]:
    busy = per_second("model_step_duration_seconds_sum", "model, run", split="train")
    waited = per_second("model_data_wait_seconds_sum", "model, run", split="train")
    return [
        lines(
            "Steps per second",
            Query(_of_splits_seen("model_steps_total"), SPLIT),
            description="Steps of each split per second. 0 means that the run hangs, or that another "
            "split is being evaluated.",
            unit=units.STEPS_PER_SECOND,
            by_split=True,
            minimum=0,
            width=12,
        ),
        lines(
            "Samples per second",
            Query(_of_splits_seen("model_samples_total"), SPLIT),
            description="Throughput that is comparable between batch sizes.",
            unit=units.SAMPLES_PER_SECOND,
            by_split=True,
            minimum=0,
            width=12,
            empty=Reason("the run does not report how many samples a step has.", "not reported"),
        ),
        lines(
            "Steps",
            Query(per_run("model_step"), "the model stands at"),
            Query(
                per_run("model_steps_total", split="train"),
                "taken",
                style=FAINT,
            ),
            Query(per_run("model_warmup_steps"), "warm-up", style=LIMIT_LINE),
            description="The model's step, and the steps taken: the two part when training returns to "
            "a checkpoint. From the end of the warm-up, thresholds and baseline apply "
            "even to scores that never reached them.",
            unit=units.COUNT,
            minimum=0,
            width=12,
        ),
        lines(
            "Share of time waiting for data",
            Query(f"{waited} / on (model, run) {busy}", "waiting"),
            description="Share of step time spent waiting for the batch. If it is high, the "
            "accelerator idles: speed up the input pipeline.",
            unit=units.SHARE,
            minimum=0,
            width=12,
            empty=Reason("the script does not report the wait for data.", "not reported"),
        ),
    ]


def _of_splits_seen(counter: str) -> str:
    """Rate of a counter for the splits that had a step: before any test, *test* is no line at 0."""
    return f"rate({series(counter)}[$__rate_interval]) and {series(counter)} > 0"
