"""Diagnostics: the forecast of health, and the distance from a good run."""

from __future__ import annotations

from dashboards.vocabulary import reasons, units
from dashboards.vocabulary.absent import present
from dashboards.vocabulary.layout import Section
from dashboards.vocabulary.metrics import better, series, training_loss_or_nan
from dashboards.vocabulary.panels import lines
from dashboards.vocabulary.queries import EXPECTED_OF_SPLIT, LIMIT_LINE, SPLIT, Query
from dashboards.vocabulary.reasons import Reason
from dashboards.vocabulary.sdk import Panel
from dashboards.vocabulary.states import HEALTH_COLOURS
from dashboards.vocabulary.thresholds import FARTHEST, threshold, threshold_lines

_NO_EXPECTATION = Reason("the run has no reference run.", "no reference run")


def section() -> Section:
    """The section."""
    return Section("Where is it heading?", [*_forecast(), *_against_reference_run()], collapsed=True)


def _forecast() -> list[Panel]:
    return [
        lines(
            "Probability of failing",
            Query(series("model_health_failing_probability"), "within {{horizon}} steps"),
            *threshold_lines("failing_probability"),
            description="Probability that the run is failing within the given number of training steps, if its health "
            "keeps changing as it has so far. It rises before a threshold is crossed. Dashed: the threshold of the "
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
            Query(series("model_health_steps_to_failing"), "steps"),
            description="Expected training steps until the run is failing, if its health keeps changing as it has so "
            "far. The number is rough: a drop by an order of magnitude is the warning.",
            unit=units.COUNT,
            decimals=0,
            logarithmic=True,
            width=8,
            empty=reasons.TOO_FEW_STEPS.or_("is not on the way to failing.", "not failing"),
        ),
        lines(
            "Share of time in each health state",
            *(
                Query(
                    series("model_health_stationary_probability", state=state),
                    "{{state}}",
                    style={"color": {"mode": "fixed", "fixedColor": colour}},
                )
                for state, colour in HEALTH_COLOURS.items()
            ),
            description="Long-run share of each health state, if health keeps changing as it has so far. A sound run "
            "is nearly always healthy.",
            unit=units.SHARE,
            minimum=0,
            maximum=1,
            width=8,
            empty=reasons.TOO_FEW_STEPS,
        ),
    ]


def _against_reference_run() -> list[Panel]:
    expected = series("model_expected", metric="loss")
    limit = f"max by (model, run) ({threshold('deviation', 'warning')})"
    stddev = series("model_expected_stddev", metric="loss")
    allowed = f"{stddev} * on (model, run) group_left () {limit}"
    return [
        lines(
            "Worse than the reference run by",
            Query(
                f"({series('model_deviation', metric=better('lower'))} or "
                f"-1 * {series('model_deviation', metric=better('higher'))})",
                "{{metric}}, " + SPLIT,
            ),
            *threshold_lines("deviation"),
            description="How much worse each score is than in the reference run at the same step, in standard "
            "deviations; below 0 it is better. Dashed: the thresholds of the alert. Beyond 3, the axis is logarithmic.",
            unit=units.NUMBER,
            decimals=1,
            linear_to=3,
            up_to=FARTHEST,
            empty=_NO_EXPECTATION,
        ),
        lines(
            "Loss against the reference run",
            Query(expected, "expected, " + SPLIT, style=EXPECTED_OF_SPLIT),
            *(
                # Without a reference run, a loss alone would seem to be compared with nothing.
                Query(f"{loss} and on () {present(expected)}", legend)
                for loss, legend in (
                    (training_loss_or_nan(), "window mean, train"),
                    (series("model_loss", split="validation"), "last pass, " + SPLIT),
                )
            ),
            Query(f"{expected} + on (model, run, split) {allowed}", "worst, " + SPLIT, style=LIMIT_LINE),
            Query(f"{expected} - on (model, run, split) {allowed}", "best, " + SPLIT, style=LIMIT_LINE),
            description="The loss, the reference run's loss at the same step, and the band outside which the alert for "
            "a run that is worse than expected starts to wait.",
            unit=units.NUMBER,
            by_split=True,
            last_in_legend="any",
            empty=_NO_EXPECTATION,
        ),
    ]
