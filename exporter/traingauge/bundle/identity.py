"""What tells one run from another: further labels in front of ``model`` and ``run``.

Two runs may have the same model and run on two clusters or in two namespaces. Each rule therefore groups and joins by these
labels too, and its alerts carry them. Labels that a text already has in front are replaced.

>>> in_rules("sum by (model, run, split) (a) / on (old, model, run) b", ["cluster"])
'sum by (cluster, model, run, split) (a) / on (cluster, model, run) b'
>>> in_rules('printf "a{model=%q, run=%q}" $labels.model $labels.run', ["cluster"])
'printf "a{cluster=%q, model=%q, run=%q}" $labels.cluster $labels.model $labels.run'
>>> in_alertmanager("group_by: [model, run]", ["cluster"])
'group_by: [cluster, model, run]'
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from traingauge.catalog import CATALOG, RUN_LABELS

#: Labels of a series that tell its parts apart, not its runs.
_OF_METRICS = "|".join(
    sorted({*RUN_LABELS, *(label for metric in CATALOG.values() for label in metric.possible_labels)})
)

_LINK = re.compile(r"(?:var-\w+=\{\{ \$labels\.\w+ \| urlquery \}\}&?)+")


def in_rules(text: str, labels: Iterable[str]) -> str:
    """The text of a rule file, with these labels wherever it names a run.

    That is in expressions, in queries of annotations, and in links to dashboards.
    """
    labels = list(labels)
    text = re.sub(r"\b(by|on) \((?:\w+, )*?model, run\b", rf"\1 ({_listed('{}, ', labels)}model, run", text)
    text = re.sub(
        r"\{(?:\w+=%q,\s)*?model=%q,(\s+)run=%q", rf"{{{_listed('{}=%q, ', labels)}model=%q,\1run=%q", text
    )
    text = _LINK.sub(lambda _: in_link(labels), text)
    return re.sub(
        rf"(?:\$labels\.(?!(?:{_OF_METRICS})\b)\w+\s)*?\$labels\.model(\s+)\$labels\.run\b",
        rf"{_listed('$labels.{} ', labels)}$labels.model\1$labels.run",
        text,
    )


def in_alertmanager(text: str, labels: Iterable[str]) -> str:
    """The text of Alertmanager's configuration, with these labels in front of ``model, run`` in each list."""
    return re.sub(r"\[(?:\w+, )*?model, run\b", f"[{_listed('{}, ', labels)}model, run", text)


def in_lists(document: Any, labels: Iterable[str]) -> Any:
    """A copy of a document with these labels in front of ``model, run`` in each list, as :func:`in_alertmanager` has it.

    >>> in_lists({"equal": ["old", "model", "run", "split"]}, ["cluster"])
    {'equal': ['cluster', 'model', 'run', 'split']}
    """
    labels = list(labels)
    if isinstance(document, dict):
        return {key: in_lists(value, labels) for key, value in document.items()}
    if not isinstance(document, list):
        return document
    for start, pair in enumerate(pairwise(document)):
        if pair == RUN_LABELS:
            return [*labels, *document[start:]]
    return [in_lists(value, labels) for value in document]


def in_link(labels: Iterable[str]) -> str:
    """The variables of a dashboard that select the run of an alert."""
    return "&".join(f"var-{name}={{{{ $labels.{name} | urlquery }}}}" for name in (*labels, *RUN_LABELS))


def _listed(form: str, labels: Iterable[str]) -> str:
    return "".join(form.format(label) for label in labels)
