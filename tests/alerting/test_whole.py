"""A model with several outputs has series of each: a rule says whether it is about these or about the whole."""

from __future__ import annotations

import promql_parser as promql
import pytest

from alerting import rulebook
from dashboards.promql import selectors
from traingauge.catalog import CATALOG

EXPRESSIONS = {rule.expr for rule in (*rulebook.alerts(), *rulebook.recordings())}
BY_OUTPUT = {metric.name for metric in CATALOG.values() if metric.by_output}


def test_every_selector_of_what_outputs_have_says_of_which_it_is() -> None:
    found = [
        one
        for expression in EXPRESSIONS
        for one in selectors(promql.parse(expression))
        if one.name in BY_OUTPUT
    ]
    silent = [
        one for one in found if "output" not in {matcher.name for matcher in one.matchers.matchers}
        and one.name != "model_score_best"  # of which rules take all
    ]  # fmt: skip
    assert found
    assert not silent


@pytest.mark.parametrize("alert", ["ModelScoreBelowThreshold", "ModelScoreBelowBest", "ModelLossNonFinite"])
def test_the_text_of_an_alert_names_the_output(alert: str) -> None:
    texts = [rule.annotations["description"] for rule in rulebook.alerts() if rule.name == alert]
    assert texts
    assert all("output" in text for text in texts)
