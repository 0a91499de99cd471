"""Diagnostics: health, its forecast, and the distance from a good run."""

from __future__ import annotations

from dashboards.vocabulary import reasons, units
from dashboards.vocabulary.layout import Section
from dashboards.vocabulary.metrics import (
    THRESHOLD,
    better,
    per_run,
    series,
)
from dashboards.vocabulary.panels import lines, states
from dashboards.vocabulary.queries import EXPECTED_LINE, LIMIT_LINE, SPLIT, Query
from dashboards.vocabulary.sdk import Panel
from dashboards.vocabulary.states import health_codes, health_words
from dashboards.vocabulary.thresholds import threshold_lines

_NO_EXPECTATION = "the run was given no reference run to be compared with."


def section() -> Section:
    """The section."""
    return Section("Judgement: is it as it should be, and where does it head?", _panels())


def _panels() -> list[Panel]:
    expected = series("model_expected", metric="loss", split="$split")
    threshold = per_run(THRESHOLD, metric="deviation", severity="warning")
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
            empty=reasons.TOO_FEW_STEPS,
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
            empty=reasons.TOO_FEW_STEPS,
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
            empty=reasons.TOO_FEW_STEPS,
        ),
        lines(
            "Strain of each signal",
            Query(series("model_health_strain", split="$split"), "{{signal}}, " + SPLIT),
            description="How far each signal is on its worse side, in standard deviations: 3 is warning, 6 "
            "degraded, 12 failing. The highest names the cause.",
            unit=units.NUMBER,
            decimals=1,
            minimum=0,
            width=8,
            empty=reasons.TOO_FEW_STEPS,
        ),
        lines(
            "Worse than expected by",
            Query(
                f"({series('model_deviation', split='$split', metric=better('lower'))} or "
                f"-1 * {series('model_deviation', split='$split', metric=better('higher'))})",
                "{{metric}}, " + SPLIT,
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
            Query(series("model_loss_window_mean", split="train"), "window mean, " + SPLIT),
            Query(series("model_loss", split="validation"), "last pass, " + SPLIT),
            Query(expected, "expected, " + SPLIT, style=EXPECTED_LINE),
            Query(f"{expected} + on (model, run, split) {allowed}", "worst, " + SPLIT, style=LIMIT_LINE),
            Query(f"{expected} - on (model, run, split) {allowed}", "best, " + SPLIT, style=LIMIT_LINE),
            description="Loss, what a good run had at the same point, and how far from that it may be before "
            "the alert for a run that is worse than expected begins to wait.",
            unit=units.NUMBER,
            width=24,
            empty=_NO_EXPECTATION,
        ),
    ]
