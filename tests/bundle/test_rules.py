"""The rules of an export: the shipped ones, but for what was asked for."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

import alerting.links
import alerting.sources
from alerting import rulebook
from alerting.identity import identity
from alerting.links import Links
from alerting.render import rules as rendered
from traingauge.bundle.options import Options
from traingauge.bundle.rules import rule_files
from traingauge.errors import InvalidArgumentError, UnknownNameError


def parsed(options: Options) -> list[dict[str, Any]]:
    return [
        rule
        for text in rule_files(options).values()
        for group in yaml.safe_load(text)["groups"]
        for rule in group["rules"]
    ]


def defaults(options: Options) -> dict[tuple[str, str], float]:
    return {
        (rule["labels"]["metric"], rule["labels"]["severity"]): float(
            rule["expr"].removeprefix("vector(").removesuffix(")")
        )
        for rule in parsed(options)
        if rule.get("record") == "global:model_threshold:default"
    }


def without_heads(texts: dict[str, str]) -> dict[str, str]:
    """Without the first line of each, which says what wrote it."""
    return {name: text.partition("\n")[2] for name, text in texts.items()}


def severities(options: Options, alert: str) -> list[str]:
    return [rule["labels"]["severity"] for rule in parsed(options) if rule.get("alert") == alert]


def test_without_options_the_rules_are_the_shipped_ones() -> None:
    assert without_heads(rule_files(Options())) == without_heads(
        {path.name: path.read_text() for path in rulebook.rule_files()}
    )


@pytest.mark.parametrize("labels", [(), ("cluster",), ("region", "squad")])
def test_links_and_labels_are_what_rendering_the_sources_with_them_gives(
    monkeypatch: pytest.MonkeyPatch, labels: tuple[str, ...]
) -> None:
    for module in (alerting.sources, alerting.links):
        monkeypatch.setattr(module, "identity", lambda: list(labels))
    options = Options(
        runbooks="https://wiki.example.org/r/", dashboards="https://g.example.org", labels=labels
    )
    expected = rendered(Links("https://wiki.example.org/r", "https://g.example.org"))
    assert without_heads(rule_files(options)) == without_heads(expected)


def test_a_threshold_is_changed_taken_away_or_added() -> None:
    changes: Any = {"accuracy": {"warning": 0.9, "critical": None}, "loss": {"critical": 3}}
    expected = defaults(Options()) | {("accuracy", "warning"): 0.9, ("loss", "critical"): 3.0}
    del expected["accuracy", "critical"]
    assert defaults(Options(thresholds=changes)) == expected


def test_an_added_threshold_is_replaced_by_that_of_a_run_for_its_own_metric() -> None:
    added = Options(thresholds={"loss": {"warning": 3}})
    (alert, _) = (rule["expr"] for rule in parsed(added) if rule.get("alert") == "ModelLossAboveThreshold")
    labels = ", ".join([*identity(), "model", "run"])
    default = 'scalar(max(global:model_threshold:default{metric="loss", severity="warning"}))'
    replaced = f'unless on ({labels}) model_run:model_threshold:set{{metric="loss", feature=""}}'
    assert f"{default} * model_run:model_run_state:running > -Inf {replaced}" in alert


def test_a_severity_is_changed_for_the_rules_that_have_it() -> None:
    before = severities(Options(), "ModelScoreBelowThreshold")
    changed = Options(severities={"ModelScoreBelowThreshold": {"critical": "info"}})
    assert severities(changed, "ModelScoreBelowThreshold") == [
        "info" if severity == "critical" else severity for severity in before
    ]
    others = [rule for rule in parsed(Options()) if rule.get("alert") != "ModelScoreBelowThreshold"]
    assert [rule for rule in parsed(changed) if rule.get("alert") != "ModelScoreBelowThreshold"] == others


def test_a_rule_without_severity_is_left_out_with_its_comment() -> None:
    options = Options(severities={"ModelWatchdog": {"info": None}})
    assert severities(options, "ModelWatchdog") == []
    assert "it always fires" not in rule_files(options)["10-stack.yml"]
    assert len(parsed(options)) == len(parsed(Options())) - 1


def test_a_file_of_which_no_rule_is_left_is_left_out() -> None:
    names = {rule["alert"]: rule["labels"]["severity"] for rule in parsed(Options()) if "alert" in rule}
    stack = [name for name in names if f"alert: {name}\n" in rule_files(Options())["10-stack.yml"]]
    options = Options(severities={name: {names[name]: None} for name in stack})
    assert rule_files(Options()).keys() - rule_files(options).keys() == {"10-stack.yml"}


def test_an_alert_that_does_not_exist_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="unknown alert 'ModelSad'"):
        rule_files(Options(severities={"ModelSad": {"info": None}}))


def test_a_severity_that_no_rule_of_the_alert_has_is_refused() -> None:
    with pytest.raises(
        InvalidArgumentError, match="ModelWatchdog has no rule of severity critical: it has info"
    ):
        rule_files(Options(severities={"ModelWatchdog": {"critical": None}}))


def test_two_rules_of_an_alert_never_get_the_same_severity() -> None:
    with pytest.raises(InvalidArgumentError, match="ModelStuck would have two rules of one severity"):
        rule_files(Options(severities={"ModelStuck": {"critical": "warning"}}))


def test_the_values_file_of_the_page_is_accepted(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs/how-to/bundle.md").read_text()
    (tmp_path / "values.yml").write_text("".join(re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)))
    options = Options.read(tmp_path / "values.yml")
    assert severities(options, "ModelStuck") == ["warning"]
    assert defaults(options)["accuracy", "warning"] == 0.85


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"runbooks": "wiki"}, "runbooks: expected the address"),
        ({"dashboards": 'https://a"b'}, "dashboards: expected the address"),
        ({"labels": ("a-b",)}, "label 'a-b': expected letters"),
        ({"labels": ("run",)}, "label 'run': it is always there"),
        ({"datasource_uid": "a b"}, "datasource_uid: expected"),
        ({"namespace": "A"}, "namespace: expected"),
        ({"thresholds": {"acuracy": {}}}, "unknown metric of a threshold 'acuracy'"),
        ({"thresholds": {"accuracy": 0.5}}, "thresholds of accuracy: expected a mapping, got 0.5"),
        ({"thresholds": {"accuracy": {"info": 1}}}, "unknown severity of accuracy 'info'"),
        ({"thresholds": {"accuracy": {"warning": True}}}, "threshold of accuracy: expected a number or null"),
        ({"severities": {"ModelStuck": "info"}}, "severities of ModelStuck: expected a mapping"),
        ({"object_labels": {"release": 1}}, "object_labels: 'release': 1: expected text"),
    ],
)
def test_an_option_that_does_not_fit_is_refused_by_name(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgumentError if "unknown" not in message else UnknownNameError, match=message):
        Options(**given)
