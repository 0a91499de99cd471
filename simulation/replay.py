"""Recorded series, replayed through the shipped rules by promtool."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from alerting import rulebook
from simulation.clock import SCRAPE_SECONDS
from traingauge.stack.programs import find_programs

#: Seconds between two evaluations of the rules. Like :data:`~simulation.clock.SCRAPE_SECONDS`, more than shipped.
EVALUATION_SECONDS = 30.0

#: Labels of each alert that fires, by the number of the evaluation.
Firing = Mapping[int, list[dict[str, str]]]

# What promtool found where the test said that it would find nothing.
_FOUND = re.compile(r'\{(?P<labels>(?:\w+="(?:[^"\\]|\\.)*"(?:, )?)+)\} (?P<value>[^\s,]+)')
_SAID = re.compile(r"(Unit Testing: .*|SUCCESS|FAILED:|exp: nil|)$")
_LABEL = re.compile(r'(\w+)=("(?:[^"\\]|\\.)*")')


class ReplayError(RuntimeError):
    """promtool did not evaluate the rules; says why."""


@dataclass(frozen=True, slots=True)
class Prometheus:
    """How a Prometheus is set.

    Attributes:
        scrape_seconds: Between two scrapes.
        evaluation_seconds: Between two evaluations of the rules.
        rule_files: Those that ship, by default.
    """

    scrape_seconds: float = SCRAPE_SECONDS
    evaluation_seconds: float = EVALUATION_SECONDS
    rule_files: tuple[Path, ...] = field(default_factory=lambda: tuple(rulebook.rule_files()))


def replay(
    series: Mapping[str, str],
    seconds: float,
    cache: Path | None = None,
    prometheus: Prometheus | None = None,
) -> Firing:
    """What fires by the rules that ship, evaluation by evaluation.

    promtool prints the value of an expression only where the test expected another one: the test here expects that
    nothing ever fires. Each expression is multiplied by the number of its evaluation, so that its value says when.

    Args:
        series: Each series with its values in promtool's notation.
        seconds: For which it is looked at.
        cache: A folder of what was replayed before: the same series by the same rules are not replayed again.
        prometheus: How it is set, if in another way than by default.

    Raises:
        ReplayError: promtool could not do it.
    """
    prometheus = prometheus or Prometheus()
    evaluations = range(round(seconds / prometheus.evaluation_seconds) + 1)
    firing = [
        f'ALERTS{{alertstate="firing", alertname!="ModelWatchdog"}} * {number}' for number in evaluations
    ]
    test = json.dumps(unit_test(series, firing, prometheus))
    if cache is None:
        return _firing(promtool(test))
    digest = hashlib.sha256("".join([test, *map(_evaluated, prometheus.rule_files)]).encode())
    path = cache / f"replay-{digest.hexdigest()[:16]}.txt"
    if path.exists():
        return _firing(path.read_text(encoding="utf-8"))
    output = promtool(test)
    firing = _firing(output)
    path.write_text(output, encoding="utf-8")
    return firing


def _evaluated(file: Path) -> str:
    """What decides when the rules of a file fire: all but the texts for people."""
    groups = yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    return json.dumps([{key: value for key, value in rule.items() if key != "annotations"} for rule in rules])


def unit_test(
    series: Mapping[str, str], expressions: Sequence[str], prometheus: Prometheus | None = None
) -> Mapping[str, Any]:
    """A test of promtool that expects nothing of each expression.

    Args:
        series: Each series with its values in promtool's notation.
        expressions: One for each evaluation of the rules, from the beginning on.
        prometheus: How it is set, if in another way than by default.
    """
    prometheus = prometheus or Prometheus()
    files = prometheus.rule_files
    return {
        "rule_files": [str(file.resolve()) for file in files],
        # Without an order promtool takes one by chance. A server runs each group at a moment of its own within the interval.
        "group_eval_order": [
            group["name"] for file in files for group in yaml.safe_load(file.read_text())["groups"]
        ],
        "evaluation_interval": f"{prometheus.evaluation_seconds:g}s",
        "tests": [
            {
                "interval": f"{prometheus.scrape_seconds:g}s",
                "input_series": [{"series": name, "values": values} for name, values in series.items()],
                "promql_expr_test": [
                    {"expr": expr, "eval_time": f"{number * prometheus.evaluation_seconds:g}s"}
                    for number, expr in enumerate(expressions)
                ],
            }
        ],
    }


def promtool(test: str) -> str:
    """What promtool prints about a test."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "replay.yml"
        path.write_text(test, encoding="utf-8")  # JSON is YAML
        command: list[str | Path] = [find_programs().promtool.path, "test", "rules", path]
        # What it holds is small: to collect its garbage less often saves a fifth of the time.
        environment = os.environ | {"GOGC": "400"}
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    return done.stdout + done.stderr


def _firing(output: str) -> Firing:
    firing: dict[int, list[dict[str, str]]] = defaultdict(list)
    for line in output.splitlines():
        if line.strip().startswith("expr:"):
            continue
        found = list(_FOUND.finditer(line))
        if not found and not _SAID.match(line.strip()):
            raise ReplayError(output[:2000])
        for alert in found:
            labels = {name: json.loads(value) for name, value in _LABEL.findall(alert["labels"])}
            firing[round(float(alert["value"]))].append(labels)
    return firing
