"""Events drawn over every panel of one run: what happened when, each as a thin line.

Where many runs share a panel, their events would cover it: dashboards of many runs have none.
"""

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
    choice: bool = False,
    shown: bool = True,
) -> dashboard.AnnotationQuery:
    """Events where ``expr`` is above 0; with ``at_value`` at the millisecond that is its value.

    With ``choice``, a switch on top of the dashboard turns them on and off.
    """
    return (
        dashboard.AnnotationQuery()
        .name(name)
        .datasource(DATASOURCE)
        .enable(shown)
        .hide(not choice)
        .icon_color(colour)
        .expr(expr)
        .title_format(title)
        .text_format("{{model}} / {{run}}")
        .tag_keys(tags)
        .use_value_for_time(at_value)
        .step("15s")
    )


def _grew(counter: str, within: str, **labels: str) -> str:
    """When a counter grew: one sample each, as Grafana joins those of neighbouring steps to a region.

    Args:
        counter: The counter; the value of another process of the run counts as one before.
        within: How far back to look for the value before. Without one, nothing grew.
        labels: Matchers.
    """
    before = f"max by (model, run) (last_over_time({series(counter, **labels)}[{within}] offset $__interval))"
    return f"{per_run(counter, **labels)} > {before}"


def _critical_alerts() -> str:
    """When each critical alert that fires began: Grafana joins the samples of `ALERTS` itself to a region."""
    firing = series("ALERTS", alertstate="firing", severity="critical")
    began = series("ALERTS_FOR_STATE", severity="critical")
    return f"max by (alertname, severity, model, run) ({began} and ignoring (alertstate) {firing}) * 1000"


def _milestones() -> str:
    """Epochs and checkpoints, with what it was in the label ``event``."""
    counted = {
        "Epoch completed": _grew("model_epochs_total", "$__rate_interval", split="train"),
        "Checkpoint saved": _grew("model_checkpoints_total", "$__rate_interval"),
    }
    return " or ".join(
        f'label_replace({expr}, "event", "{event}", "", "")' for event, expr in counted.items()
    )


def of_a_run(*, switches: bool = True) -> list[dashboard.AnnotationQuery]:
    """Critical alerts, starts and restarts, ends; and milestones, which are off at first, since they may be many.

    Args:
        switches: Whether one can turn them on and off; without, there are no milestones.
    """
    events = [
        _events(
            "Alerts",
            colours.CRITICAL,
            "{{alertname}} ({{severity}})",
            _critical_alerts(),
            at_value=True,
            tags="severity,run",
            choice=switches,
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
            _grew("model_restarts_total", "$__range"),
        ),
    ]
    if switches:
        events.append(
            _events("Milestones", colours.MUTED, "{{event}}", _milestones(), choice=True, shown=False)
        )
    return events
