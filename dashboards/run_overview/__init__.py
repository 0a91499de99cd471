"""Run overview: one run, from what matters first to what one debugs with, a file a section."""

from __future__ import annotations

from dashboards.run_overview import (
    about,
    canary,
    causes,
    diagnostics,
    further_scores,
    host,
    loss,
    now,
    outputs,
    own_past,
    scores,
    throughput,
)
from dashboards.vocabulary import annotations, variables
from dashboards.vocabulary.layout import compose
from dashboards.vocabulary.links import RUN_OVERVIEW
from dashboards.vocabulary.sdk import model


def dashboard() -> model.Dashboard:
    """The dashboard."""
    return compose(
        uid=RUN_OVERVIEW,
        one_run=True,
        title="Run overview",
        description="One training run, top to bottom in the order in which one debugs it.",
        variables=[
            *variables.one_run(),
            variables.label(
                "signal", "Signal", "Signal whose own past is drawn", "model_signal_mean", single="loss"
            ),
            *variables.hosts(),
        ],
        annotations=annotations.of_a_run(),
        sections=[
            now.section(),
            causes.section(),
            scores.section(),
            further_scores.section(),
            outputs.section(),
            loss.section(),
            diagnostics.section(),
            own_past.section(),
            canary.section(),
            throughput.section(),
            host.section(),
            about.section(),
        ],
    )
