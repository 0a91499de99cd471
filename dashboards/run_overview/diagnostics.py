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

_NO_EXPECTATION = "the run has no reference run."


def section() -> Section:
    """The section."""
    return Section("Diagnostics: is it on track, and where is it heading?", _panels())


def _panels() -> list[Panel]:
    expected = series("model_expected", metric="loss")
    threshold = per_run(THRESHOLD, metric="deviation", severity="warning")
    stddev = series("model_expected_stddev", metric="loss")
    allowed = f"{stddev} * on (model, run) group_left () {threshold}"
    return [
        states(
            "Health over time",
            Query(health_codes(), "{{run}}"),
            description="Severity of the run's worst signal, measured against its own past and, if "
            "there is one, against a reference run. From 3 standard deviations the run is "
            "in warning, from 6 degraded, from 12 failing. *Severity of each signal* "
            "shows the cause.",
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
            description="Probability that the run is failing within the given number of training "
            "steps, if its health keeps changing as it has so far. It rises before a "
            "threshold is crossed. Dashed: the threshold of the alert, which looks 1000 "
            "steps ahead.",
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
            description="Expected training steps until the run is failing, if its health keeps "
            "changing as it has so far. The number is rough: a drop by an order of "
            "magnitude is the warning.",
            unit=units.COUNT,
            minimum=0,
            logarithmic=True,
            width=8,
            empty="the run has not taken enough steps for a diagnosis, or is not on the way to failing.",
        ),
        lines(
            "Share of time in each health state",
            Query(series("model_health_stationary_probability"), "{{state}}, {{run}}"),
            description="Long-run share of each health state, if health keeps changing as it has so "
            "far. A sound run is nearly always healthy.",
            unit=units.SHARE,
            minimum=0,
            maximum=1,
            width=8,
            empty=reasons.TOO_FEW_STEPS,
        ),
        lines(
            "Severity of each signal",
            Query(series("model_health_strain"), "{{signal}}, " + SPLIT),
            description="Distance of each signal on its worse side, in standard deviations: 3 is "
            "warning, 6 degraded, 12 failing. The highest line is the cause.",
            unit=units.NUMBER,
            decimals=1,
            minimum=0,
            width=8,
            empty=reasons.TOO_FEW_STEPS,
        ),
        lines(
            "Worse than the reference run by",
            Query(
                f"({series('model_deviation', metric=better('lower'))} or "
                f"-1 * {series('model_deviation', metric=better('higher'))})",
                "{{metric}}, " + SPLIT,
            ),
            *threshold_lines("deviation"),
            description="How much worse each score is than in the reference run at the same step, in "
            "standard deviations; below 0 it is better. Dashed: the thresholds of the "
            "alert.",
            unit=units.NUMBER,
            decimals=1,
            width=8,
            empty=_NO_EXPECTATION,
        ),
        lines(
            "Loss against the reference run",
            Query(series("model_loss_window_mean", split="train"), "window mean, " + SPLIT),
            Query(series("model_loss", split="validation"), "last pass, " + SPLIT),
            Query(expected, "expected, " + SPLIT, style=EXPECTED_LINE),
            Query(f"{expected} + on (model, run, split) {allowed}", "worst, " + SPLIT, style=LIMIT_LINE),
            Query(f"{expected} - on (model, run, split) {allowed}", "best, " + SPLIT, style=LIMIT_LINE),
            description="The loss, the reference run's loss at the same step, and the band outside "
            "which the alert for a run that is worse than expected starts to wait.",
            unit=units.NUMBER,
            width=24,
            empty=_NO_EXPECTATION,
        ),
    ]
