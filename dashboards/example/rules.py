"""What the shipped rules record and which alerts they raise over a history, by Prometheus' own rule engine."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator

from alerting import rulebook
from alerting.inlined import DEFAULT
from dashboards.example.history import END, History, grid
from dashboards.vocabulary.metrics import RECORDED
from simulation.clock import BEGIN, SCRAPE_SECONDS
from simulation.replay import EVALUATION_SECONDS, promtool, unit_test
from traingauge.delivery.exposition import number

#: What a dashboard reads of it.
_READ = (*RECORDED, DEFAULT, "ALERTS", "ALERTS_FOR_STATE")

#: The names that a selector reads by a pattern.
_NAMES = re.compile(r'\b__name__=~"([^"]*)"')
_MOMENT = re.compile(r"\bmoment_(\d+)\b")
_SAMPLE = re.compile(r'\{(?P<labels>(?:\w+="(?:[^"\\]|\\.)*"(?:, )?)+)\} (?P<value>[^\s,]+)')
_LABEL = re.compile(r'(\w+)=("(?:[^"\\]|\\.)*")')


def evaluated(history: History) -> History:
    """The recorded series and the alerts that dashboards read.

    Rules may read what they recorded before, so that no order of expressions gives all of them: they are evaluated one
    moment after another, as a server does.
    """
    moments = range(round((END - BEGIN) / EVALUATION_SECONDS) + 1)
    # promtool prints a value only where the test expects another. The name that nothing has says which moment it is.
    expressions = [f'{{__name__=~"{"|".join(_READ)}|moment_{moment}"}}' for moment in moments]
    answer = promtool(json.dumps(unit_test(dict(_series(history)), expressions)))
    values: dict[str, list[tuple[float, float]]] = defaultdict(list)
    moment = 0
    for line in answer.splitlines():
        if named := _MOMENT.search(line):
            moment = int(named[1])
            continue
        for sample in _SAMPLE.finditer(line):
            values[sample["labels"]].append((BEGIN + moment * EVALUATION_SECONDS, float(sample["value"])))
    found = History()
    for text, samples in values.items():
        labels = {label: json.loads(value) for label, value in _LABEL.findall(text)}
        name = labels.pop("__name__")
        # The clock of promtool begins at 0.
        since = BEGIN if name == "ALERTS_FOR_STATE" else 0.0
        found.add(name, labels, [(at, value + since) for at, value in samples])
    return found


def firing(rules: History) -> dict[float, list[dict[str, str]]]:
    """Labels of the alerts that fire, as Prometheus sends them: at first, and at each Unix time at which others do."""
    found: dict[float, list[dict[str, str]]] = {moment: [] for moment in grid(BEGIN, END)}
    for line in rules.lines["# TYPE ALERTS unknown\n"]:
        series, _, at = line.rsplit(" ", 2)
        labels = {label: json.loads(value) for label, value in _LABEL.findall(series)}
        if labels.pop("alertstate") == "firing":
            found[float(at)].append(labels)
    moments = list(found)
    return {
        moment: found[moment]
        for moment, before in zip(moments, [None, *moments], strict=False)
        if before is None or found[moment] != found[before]
    }


def _series(history: History) -> Iterator[tuple[str, str]]:
    """Each series that a rule reads, with its values in promtool's notation."""
    texts = [rule.expr for rule in (*rulebook.alerts(), *rulebook.recordings())]
    read = {name for text in texts for name in re.findall(r"[a-zA-Z_]\w*", text)}
    patterns = re.compile("|".join(sorted({pattern for text in texts for pattern in _NAMES.findall(text)})))
    for header, lines in history.lines.items():
        name = header.split()[2]
        if name not in read and not patterns.fullmatch(name):
            continue
        origin = BEGIN if name.endswith("_timestamp_seconds") else 0.0
        found: dict[str, dict[int, str]] = defaultdict(dict)
        for line in lines:
            series, value, at = line.rsplit(" ", 2)
            scrape = round((float(at) - BEGIN) / SCRAPE_SECONDS)
            if scrape >= 0:
                # promtool knows no sign of infinity.
                found[series][scrape] = number(float(value) - origin).removeprefix("+")
        for series, values in found.items():
            yield series, " ".join(values.get(scrape, "_") for scrape in range(max(values) + 1))
