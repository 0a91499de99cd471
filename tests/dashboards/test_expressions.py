"""Every expression parses, and asks only for metrics and labels that exist."""

from collections.abc import Iterator
from pathlib import Path

import promql_parser as promql
import pytest
import yaml

from alerting.inlined import DEFAULT, SET
from dashboards.promql import grouping_labels, made_labels, parse, selectors
from dashboards.reading import Json, expressions
from dashboards.vocabulary.metrics import KNOWN, RECORDED, per_second, series
from dashboards.vocabulary.thresholds import threshold
from traingauge.errors import UnknownNameError

RULES = Path(__file__).parents[2] / "alerting" / "rules"


def test_every_expression_parses(dashboard: Json):
    for expression in expressions(dashboard):
        parse(expression)


def test_every_metric_is_known(dashboard: Json):
    for expression in expressions(dashboard):
        unknown = {selector.name for selector in selectors(parse(expression))} - set(KNOWN)
        assert not unknown, f"{expression.where}: {unknown}"


def test_every_label_that_is_matched_belongs_to_its_metric(dashboard: Json):
    for expression in expressions(dashboard):
        for selector in selectors(parse(expression)):
            matched = {matcher.name for matcher in selector.matchers.matchers}
            assert matched <= set(KNOWN[selector.name].labels), f"{expression.where}: {selector}"


def test_every_label_that_is_grouped_by_belongs_to_a_metric_of_the_expression(dashboard: Json):
    for expression in expressions(dashboard):
        tree = parse(expression)
        labels = {label for selector in selectors(tree) for label in KNOWN[selector.name].labels}
        assert grouping_labels(tree) <= labels | made_labels(tree), f"{expression.where}: {expression.text}"


def _rules() -> Iterator[dict[str, object]]:
    for path in sorted(RULES.glob("*.yml")):
        for group in yaml.safe_load(path.read_text())["groups"]:
            yield from group["rules"]


def test_every_recorded_series_is_recorded_by_a_rule():
    recorded = {rule["record"] for rule in _rules() if "record" in rule}
    assert set(RECORDED) <= recorded


def test_an_alert_rule_compares_with_the_thresholds_that_are_drawn():
    """A dashed line and the alert that goes by it never disagree."""
    drawn = {SET, DEFAULT}
    compared = {
        selector.name
        for rule in _rules()
        if "alert" in rule
        for selector in selectors(promql.parse(str(rule["expr"])))
        if "threshold" in str(selector.name)
    }
    assert compared - {"model_threshold"} == drawn
    line = promql.parse(threshold("deviation", "warning"))
    assert drawn < {selector.name for selector in selectors(line)}


def test_an_unknown_metric_is_refused_when_the_dashboard_is_made():
    with pytest.raises(UnknownNameError, match="unknown metric 'model_los'"):
        series("model_los")


def test_a_histogram_is_queried_by_its_samples_and_not_by_its_bare_name():
    assert series("model_step_duration_seconds_bucket", le="0.5")
    with pytest.raises(UnknownNameError, match="unknown metric 'model_step_duration_seconds'"):
        series("model_step_duration_seconds")


def test_a_label_that_the_metric_does_not_have_is_refused():
    with pytest.raises(UnknownNameError, match="unknown label of model_learning_rate 'split'"):
        per_second("model_learning_rate", "run", split="train")
