from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import promql_parser
import pytest

from traingauge.bundle import places
from traingauge.stack import documents
from traingauge.stack.durations import milliseconds
from traingauge.stack.errors import ConfigError
from traingauge.stack.scaling import SCRAPES_IN_A_RANGE, scale_expression, scale_rule_files, scale_rules

RULE_FILES = sorted(places.RULES.glob("*.yml"))
FACTOR = 10.0
INTERVAL = 500


def scaled(expression: str, factor: float = FACTOR) -> str:
    return scale_expression(expression, factor, interval=INTERVAL)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("rate(x_total[5m])", "rate(x_total[30s])"),
        ("x offset 1h", "x offset 6m"),
        ("x offset -10m", "x offset -1m"),
        ("x OFFSET 10m", "x OFFSET 1m"),
        ("rate(x[1h] offset 1d)", "rate(x[6m] offset 2h24m)"),
        ("max_over_time(x[1h:1m])", "max_over_time(x[6m:6s])"),
        ("max_over_time(x[1h:])", "max_over_time(x[6m:])"),
        ("max_over_time(x[ 1h30m : 5m ] @ 1700000000)", "max_over_time(x[ 9m : 30s ] @ 1700000000)"),
        ("sum_over_time(rate(x[5m])[1h:5m])", "sum_over_time(rate(x[30s])[6m:30s])"),
    ],
)
def test_every_kind_of_duration_is_divided(given: str, expected: str) -> None:
    assert scaled(given) == expected


@pytest.mark.parametrize(
    "expression",
    [
        'x{a="[5m]", b=~"offset 5m"}',
        "x{a='[5m]'}",
        "x{a=`[5m] offset 5m`}",
        r'x{a="\"[5m]"}',
        'label_replace(x, "a", "[5m]", "b", "(.*)")',
        "x # over [5m], or offset 5m",
        "rate5m + m5 + job:x:rate5m",
        "sum by (offset) (x)",
        "x offset_5m",
        "x > 5",
        "x > 0x5d",
        "x > 5e3",
        "x > -Inf",
    ],
)
def test_nothing_else_that_looks_like_a_duration_is_touched(expression: str) -> None:
    assert scaled(expression) == expression


def test_a_range_still_covers_several_scrapes() -> None:
    assert scaled("rate(x[5m])", 10_000) == "rate(x[2s])"


def test_the_step_of_a_subquery_and_an_offset_stay_at_least_one_interval() -> None:
    assert (
        scaled("max_over_time(x[5m:1s]) + x offset 10s", 100) == "max_over_time(x[3s:500ms]) + x offset 500ms"
    )


def test_a_recorded_number_of_seconds_is_divided() -> None:
    rules = [{"record": "global:stuck_floor_seconds", "expr": "vector(300)"}]
    assert scaled_group(rules)["rules"] == [{"record": "global:stuck_floor_seconds", "expr": "vector(30)"}]


def test_a_recorded_number_of_something_else_is_kept() -> None:
    rules = [{"record": "global:model_class_support:required", "expr": "vector(10)"}]
    assert scaled_group(rules)["rules"] == rules


def test_waits_and_the_interval_of_a_group_are_divided() -> None:
    rule = {
        "alert": "A",
        "expr": "x",
        "for": "5m",
        "keep_firing_for": "10m",
        "annotations": {"summary": "5m"},
    }
    group = scaled_group([rule], interval="1m")
    assert group["interval"] == "6s"
    assert group["rules"] == [rule | {"for": "30s", "keep_firing_for": "1m"}]


def test_a_folder_without_rule_files_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no rule files \(\*.yml\) in"):
        scale_rule_files(tmp_path, tmp_path, factor=1, interval=1)


def test_rule_files_left_from_before_are_replaced(tmp_path: Path) -> None:
    (tmp_path / "gone.yml").write_text("groups: []")
    scale_rule_files(places.RULES, tmp_path, factor=1, interval=1)
    assert [path.name for path in sorted(tmp_path.glob("*"))] == [path.name for path in RULE_FILES]


@pytest.mark.parametrize("path", RULE_FILES, ids=lambda path: path.stem)
def test_with_a_factor_of_one_a_shipped_file_means_the_same(path: Path) -> None:
    document = documents.load(path)
    assert scale_rules(document, 1.0, interval=5_000) == document


@pytest.mark.parametrize("path", RULE_FILES, ids=lambda path: path.stem)
def test_of_a_shipped_file_nothing_but_durations_changes(path: Path) -> None:
    shipped = documents.load(path)
    changed = scale_rules(shipped, FACTOR, interval=INTERVAL)
    assert without_durations(changed) == without_durations(shipped)


@pytest.mark.parametrize("path", RULE_FILES, ids=lambda path: path.stem)
def test_every_duration_of_a_shipped_file_is_divided_by_the_factor(path: Path) -> None:
    shipped = documents.load(path)
    changed = scale_rules(shipped, FACTOR, interval=INTERVAL)
    for (kind, before), (_, after) in zip(durations(shipped), durations(changed), strict=True):
        floor = {"offset": INTERVAL, "wait": 1}.get(kind, SCRAPES_IN_A_RANGE * INTERVAL) / 1000
        assert after == pytest.approx(max(before / FACTOR, min(before, floor))), kind


@pytest.mark.servers
@pytest.mark.parametrize("factor", [1.0, 7.0, 1000.0])
def test_prometheus_accepts_the_scaled_files(tmp_path: Path, factor: float) -> None:
    scale_rule_files(places.RULES, tmp_path, factor=factor, interval=INTERVAL)
    subprocess.run(["promtool", "check", "rules", *tmp_path.glob("*.yml")], check=True, capture_output=True)


def scaled_group(rules: list[dict[str, Any]], **settings: str) -> dict[str, Any]:
    document = {"groups": [{"name": "g", "rules": rules, **settings}]}
    group: dict[str, Any] = scale_rules(document, FACTOR, interval=INTERVAL)["groups"][0]
    return group


# What follows reads rule files by another parser than the code under test.


def without_durations(document: dict[str, Any]) -> list[Any]:
    """The file with its expressions as syntax trees, and with a mark in place of each duration."""
    groups = []
    for group in document["groups"]:
        rules = [{**masked(rule), "expr": tree_without_durations(rule)} for rule in group["rules"]]
        groups.append({**masked(group), "rules": rules})
    return groups


def masked(mapping: dict[str, Any]) -> dict[str, Any]:
    return mapping | {key: "…" for key in ("for", "keep_firing_for", "interval") if key in mapping}


def tree_without_durations(rule: dict[str, Any]) -> str:
    if rule.get("record", "").endswith("_seconds"):
        return re.sub(r"\d+(\.\d+)?", "…", str(rule["expr"]))
    tree = repr(promql_parser.parse(str(rule["expr"])))
    return re.sub(r"^(\s*(?:range: )?)[\d.]+(?:ns|µs|ms|s),$", r"\1…", tree, flags=re.MULTILINE)


def durations(document: dict[str, Any]) -> list[tuple[str, float]]:
    """All durations of a file, each with what it is, in seconds."""
    found: list[tuple[str, float]] = []

    def visit(node: Any) -> None:
        parts = [(name, getattr(node, name, None)) for name in ("range", "step", "offset")]
        found.extend((name, part.total_seconds()) for name, part in parts if part is not None)

    for group in document["groups"]:
        for rule in group["rules"]:
            waits = [rule[key] for key in ("for", "keep_firing_for") if key in rule]
            found.extend(("wait", milliseconds(wait) / 1000) for wait in waits)
            if rule.get("record", "").endswith("_seconds"):
                found.append(("seconds", promql_parser.parse(str(rule["expr"])).args[0].val))
            else:
                promql_parser.walk(promql_parser.parse(str(rule["expr"])), visit)
    return found


def test_rules_at_the_shipped_pace_are_copied_as_they_are(tmp_path: Path) -> None:
    scale_rule_files(places.RULES, tmp_path, factor=1, interval=5000)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        path.name: path.read_text() for path in places.RULES.glob("*.yml")
    }
