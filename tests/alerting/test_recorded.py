"""What a run costs in recorded series: a store keeps each for as long as the run lasts."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping

import pytest
import yaml

from alerting import rulebook
from benchmarks.rules.runs import classification

#: Series of a run, in addition to those that it publishes, by how it gets to Prometheus.
DELIVERED = {
    "scraped": {"up": "1x20"},
    "written": {"model_delivery_interval_seconds": "15x20"},
    "pushed": {"model_delivery_interval_seconds": "15x20", "model_copy_timestamp_seconds": "0+60x20"},
}


@pytest.fixture(scope="module")
def published() -> Mapping[str, str]:
    """Twenty minutes of a run that classifies and compares features, in promtool's notation."""
    *_, scrape = classification(12)
    return dict(map(_minutes, scrape.replace("@RUN@", "r").splitlines()))


@pytest.mark.parametrize("way", DELIVERED)
def test_a_run_that_classifies_is_at_most_forty_recorded_series(
    unit_test: Callable[[str, str], str], published: Mapping[str, str], way: str
) -> None:
    delivered = {
        f'{name}{{model="classification", run="r"}}': values for name, values in DELIVERED[way].items()
    }
    few = {
        "expr": 'count({__name__=~"model.*:.*", run!=""}) <= bool 40',
        "eval_time": "20m",
        "exp_samples": [{"labels": "{}", "value": 1}],
    }
    series = [{"series": name, "values": values} for name, values in {**published, **delivered}.items()]
    test = {
        "rule_files": ["../rules/*.yml"],
        "group_eval_order": _groups(),
        "evaluation_interval": "1m",
        "tests": [{"interval": "1m", "input_series": series, "promql_expr_test": [few]}],
    }
    unit_test(f"recorded-{way}", json.dumps(test))  # JSON is YAML


def _minutes(sample: str) -> tuple[str, str]:
    """A sample as a series of twenty minutes: counters grow, times are near, everything else stays."""
    name, _, value = sample.rpartition(" ")
    if value == "@START@":
        return name, "0x20"
    if value == "@NOW@":
        return name, "0+60x20"
    if re.match(r"\w+_(total|sum|count|bucket)\b", name):
        return name, f"0+{float(value):f}x20"
    return name, f"{value}+0x20"


def _groups() -> list[str]:
    return [
        group["name"]
        for file in rulebook.rule_files()
        for group in yaml.safe_load(file.read_text())["groups"]
    ]
