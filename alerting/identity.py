"""What tells one run from another: ``identity.yml`` in front of ``model`` and ``run``.

Two runs may have the same model and run on two clusters or in two namespaces. Each rule therefore groups and joins by these
labels too, and its alerts carry them.

>>> in_rules("sum by (model, run, split) (a) / on (model, run) b", ["cluster"])
'sum by (cluster, model, run, split) (a) / on (cluster, model, run) b'
>>> in_rules('printf "a{model=%q, run=%q}" $labels.model $labels.run', ["cluster"])
'printf "a{cluster=%q, model=%q, run=%q}" $labels.cluster $labels.model $labels.run'
>>> in_alertmanager("group_by: [model, run]", ["cluster"])
'group_by: [cluster, model, run]'
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import yaml

from traingauge.catalog import RUN_LABELS

FILE = Path(__file__).with_name("identity.yml")


def identity() -> list[str]:
    """The labels of ``identity.yml``.

    >>> identity()[:2]
    ['cluster', 'namespace']
    """
    labels: list[str] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return labels


def in_rules(text: str, labels: Iterable[str]) -> str:
    """The text of a rule file, with these labels wherever it names a run: in expressions, and in queries of annotations."""
    labels = list(labels)
    text = re.sub(r"\b(by|on) \(model, run\b", rf"\1 ({_listed('{}, ', labels)}model, run", text)
    text = re.sub(r"\{model=%q,(\s+)run=%q", rf"{{{_listed('{}=%q, ', labels)}model=%q,\1run=%q", text)
    return re.sub(
        r"\$labels\.model(\s+)\$labels\.run\b",
        rf"{_listed('$labels.{} ', labels)}$labels.model\1$labels.run",
        text,
    )


def in_alertmanager(text: str, labels: Iterable[str]) -> str:
    """The text of Alertmanager's configuration, with these labels in front of ``model, run`` in each list."""
    return re.sub(r"\[(?:\w+, )*?model, run\b", f"[{_listed('{}, ', labels)}model, run", text)


def in_link(labels: Iterable[str]) -> str:
    """The variables of a dashboard that select the run of an alert."""
    return "&".join(f"var-{name}={{{{ $labels.{name} | urlquery }}}}" for name in (*labels, *RUN_LABELS))


def _listed(form: str, labels: Iterable[str]) -> str:
    return "".join(form.format(label) for label in labels)
