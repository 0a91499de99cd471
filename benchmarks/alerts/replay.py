"""Recorded series, replayed through the shipped rules by promtool."""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

import yaml

from alerting import rulebook
from benchmarks.alerts.recording import EVALUATION_SECONDS, SCRAPE_SECONDS
from deploy.native.programs import find_programs

#: Labels of each alert that fires, by the number of the evaluation.
Firing = Mapping[int, list[dict[str, str]]]

# What promtool found where the test said that it would find nothing.
_FOUND = re.compile(r'\{(?P<labels>(?:\w+="(?:[^"\\]|\\.)*"(?:, )?)+)\} (?P<value>[^\s,]+)')
_SAID = re.compile(r"(Unit Testing: .*|SUCCESS|FAILED:|exp: nil|)$")
_LABEL = re.compile(r'(\w+)=("(?:[^"\\]|\\.)*")')


class ReplayError(RuntimeError):
    """promtool did not evaluate the rules; says why."""


def replay(series: Mapping[str, str], seconds: float, rules: Iterable[Path] | None = None) -> Firing:
    """What fires, evaluation by evaluation.

    promtool tells what an expression is only where that is not what was expected: the test that is run here expects that
    nothing ever fires. Each expression is multiplied by the number of its evaluation, so that its value says when.

    Args:
        series: Each series with its values in promtool's notation.
        seconds: For which it is looked at.
        rules: The rule files; those that ship if ``None``.

    Raises:
        ReplayError: promtool could not do it.
    """
    files = sorted(rules or rulebook.rule_files())
    test = {
        "rule_files": [str(file.resolve()) for file in files],
        # Without an order promtool takes one by chance. A server runs each group at a moment of its own within the interval.
        "group_eval_order": [
            group["name"] for file in files for group in yaml.safe_load(file.read_text())["groups"]
        ],
        "evaluation_interval": f"{EVALUATION_SECONDS:g}s",
        "tests": [
            {
                "interval": f"{SCRAPE_SECONDS:g}s",
                "input_series": [{"series": name, "values": values} for name, values in series.items()],
                "promql_expr_test": [
                    {
                        "expr": f'ALERTS{{alertstate="firing", alertname!="ModelWatchdog"}} * {number}',
                        "eval_time": f"{number * EVALUATION_SECONDS:g}s",
                    }
                    for number in range(1, round(seconds / EVALUATION_SECONDS) + 1)
                ],
            }
        ],
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "replay.yml"
        path.write_text(json.dumps(test), encoding="utf-8")  # JSON is YAML
        command: list[str | Path] = [find_programs().promtool.path, "test", "rules", path]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    return _firing(done.stdout + done.stderr)


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
