"""Events drawn over every panel of a run: what happened when."""

from __future__ import annotations

from dashboards.vocabulary import colours
from dashboards.vocabulary.metrics import per_run, series
from dashboards.vocabulary.queries import DATASOURCE
from dashboards.vocabulary.sdk import dashboard


def _events(
    name: str,
    colour: str,
    title: str,
    expr: str,
    *,
    at_value: bool = False,
    tags: str = "run",
    shown: bool = True,
) -> dashboard.AnnotationQuery:
    """Events where ``expr`` is above 0; with ``at_value`` at the millisecond that is its value."""
    return (
        dashboard.AnnotationQuery()
        .name(name)
        .datasource(DATASOURCE)
        .enable(shown)
        .icon_color(colour)
        .expr(expr)
        .title_format(title)
        .text_format("{{model}} / {{run}}")
        .tag_keys(tags)
        .use_value_for_time(at_value)
        .step("15s")
    )


def _changes(counter: str, **labels: str) -> str:
    return f"max by (model, run) (changes({series(counter, **labels)}[$__rate_interval]) > 0)"


def of_a_run() -> list[dashboard.AnnotationQuery]:
    """Alerts, starts and restarts, ends, checkpoints and epochs; the last two are off at first, since they may be many."""
    return [
        _events(
            "Alerts",
            colours.CRITICAL,
            "{{alertname}} ({{severity}})",
            series("ALERTS", alertstate="firing"),
            tags="severity,run",
        ),
        _events(
            "Starts",
            colours.NEUTRAL,
            "Run started",
            f"{per_run('model_run_start_timestamp_seconds')} * 1000",
            at_value=True,
        ),
        _events(
            "Ends",
            colours.OVER,
            "Run ended",
            f"{per_run('model_run_end_timestamp_seconds')} * 1000",
            at_value=True,
        ),
        _events(
            "Restarts",
            colours.WARNING,
            "Resumed from saved state",
            _changes("model_restarts_total"),
        ),
        _events(
            "Checkpoints",
            colours.NEUTRAL,
            "Checkpoint saved",
            _changes("model_checkpoints_total"),
            shown=False,
        ),
        _events(
            "Epochs",
            colours.MUTED,
            "Epoch completed",
            _changes("model_epochs_total", split="train"),
            shown=False,
        ),
    ]
