"""A unit test runs with the rules that it reads, directly or through others, and with no other."""

import json

import pytest
import yaml

from tests.alerting.narrowing import narrow

RULES = """
groups:
  - name: recordings
    interval: 30s
    rules:
      - {record: "a:b:read", expr: up}
      - {record: "a:b:between", expr: 'rate(a:b:read[5m]) > 0'}
      - {record: "a:b:remembering", expr: 'up or last_over_time(a:b:remembering[1h] offset 1s)'}
      - {record: "a:b:limit", expr: vector(1), labels: {severity: warning}}
      - {record: "a:b:limit", expr: vector(2), labels: {severity: critical}}
      - {record: "a:b:shown", expr: vector(3)}
  - name: alerts
    rules:
      - alert: First
        expr: a:b:between > scalar(a:b:limit{severity="warning"})
        labels: {severity: warning}
        annotations:
          description: |
            {{ printf "a:b:shown{run=%q}" $labels.run | query | first | value }} of {{ $labels.run }}
      - alert: Second
        expr: up unless ALERTS{alertname="First", alertstate="firing"}
        labels: {severity: critical}
"""
FIRST = {"a:b:read", "a:b:between", "a:b:limit=1", "a:b:shown", "First"}
ALERTS = {*FIRST, "Second"}


@pytest.fixture
def kept(tmp_path):
    """What a test with these assertions keeps of the rules; the expression of a limit says which one it is."""

    def rules(*expressions, alerts=()):
        (tmp_path / "tests").mkdir()
        (tmp_path / "rules.yml").write_text(RULES)
        case = {
            "promql_expr_test": [{"expr": expression} for expression in expressions],
            "alert_rule_test": [{"alertname": alert} for alert in alerts],
        }
        test = json.dumps({"rule_files": ["../*.yml"], "tests": [case]})
        path = narrow(tmp_path / "tests", "one", test)
        assert path.read_text() == test
        groups = yaml.safe_load((path.parent / "../rules.yml").read_text())["groups"]
        return {_named(rule) for group in groups for rule in group["rules"]}

    return rules


def _named(rule):
    name = rule.get("alert") or rule["record"]
    return f"{name}={rule['expr'][7]}" if name == "a:b:limit" else name


def test_an_asserted_alert_keeps_what_its_expression_and_its_annotations_read(kept):
    assert kept(alerts=["First"]) == FIRST


def test_an_alert_that_asks_whether_another_fires_keeps_that_one(kept):
    assert kept(alerts=["Second"]) == ALERTS


@pytest.mark.parametrize(
    "expression", ["ALERTS", 'count(ALERTS{alertstate="firing"})', 'ALERTS{alertname=~".+"}', '{run="x"}']
)
def test_an_assertion_about_alerts_of_any_name_keeps_them_all(kept, expression):
    assert kept(expression) >= ALERTS


@pytest.mark.parametrize("series", ["ALERTS", "ALERTS_FOR_STATE"])
def test_an_assertion_about_an_alert_by_name_keeps_that_one(kept, series):
    assert kept(f'{series}{{alertname="First"}}') == FIRST


def test_a_label_that_an_alert_does_not_have_drops_it(kept):
    assert kept('ALERTS{severity="warning"}') == FIRST


def test_an_assertion_about_a_recorded_series_keeps_its_rules(kept):
    assert kept("max by (run) (a:b:between)") == {"a:b:read", "a:b:between"}


def test_a_series_that_remembers_itself_is_kept_once(kept):
    assert kept("a:b:remembering") == {"a:b:remembering"}


def test_a_label_that_a_rule_sets_decides_which_of_several_is_kept(kept):
    assert kept('a:b:limit{severity="critical"}') == {"a:b:limit=2"}


def test_a_label_that_a_rule_does_not_set_may_be_any(kept):
    assert kept('a:b:limit{run="x", severity!="critical"}') == {"a:b:limit=1", "a:b:limit=2"}


def test_a_name_may_be_a_pattern(kept):
    assert kept('{__name__=~"a:b:(read|shown)"}') == {"a:b:read", "a:b:shown"}
