"""Every metric of the catalogue is shown on a dashboard, or has a reason why not."""

import json

from dashboards.promql import parse, selectors
from dashboards.reading import expressions
from dashboards.render import RENDERED
from traingauge.catalog import CATALOG

#: What is in no panel, and why.
NOT_SHOWN: dict[str, str] = {
    "model_threshold": "what is drawn are the thresholds in force, with the defaults of the rules",
    "model_score_error_bound": "too small to be seen on the axis of its score",
    "model_busy_deadline_timestamp_seconds": "what is drawn is how late the run is, which is 0 until the deadline",
    "model_canary_mismatches_best": "it is the lowest point of the mismatches that are drawn",
    "model_step_size_changed_timestamp_seconds": "the throughput that changes with it is drawn",
    "model_run_resumed_timestamp_seconds": "restarts are drawn where they are counted",
    "model_loss_initial": "it is where the loss that is drawn began",
    "model_copy_timestamp_seconds": "an alert says that the copy of a run is replaced no more",
    "model_delivery_interval_seconds": "it is a setting, by which the rules know when a run is silent",
    "model_run_muted": "an alert that is muted does not fire, on the dashboards neither",
    "model_baseline": "what is drawn is the recorded series that the alert reads",
}


def _shown() -> set[str]:
    """Names of metrics in panels: neither variables nor annotations show one."""
    asked = {
        str(selector.name)
        for path in RENDERED.glob("*.json")
        for expression in expressions(json.loads(path.read_text()))
        if expression.kind == "panel"
        for selector in selectors(parse(expression))
    }
    bare = {name.removesuffix(suffix) for name in asked for suffix in ("_bucket", "_sum", "_count")}
    return (asked | bare) & set(CATALOG)


def test_every_metric_is_shown_unless_there_is_a_reason():
    assert set(CATALOG) - _shown() == set(NOT_SHOWN)


def test_every_recorded_series_that_stands_for_a_metric_is_shown():
    texts = "".join(path.read_text() for path in RENDERED.glob("*.json"))
    assert "model_run:model_threshold:set{" in texts
    assert "model_run:model_baseline:last{" in texts
