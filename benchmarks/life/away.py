"""Rules as a Prometheus evaluates them that is away at times."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from alerting import rulebook

#: 1 while Prometheus evaluates rules.
AWAKE = "prometheus_awake"


def rules_while_awake(folder: Path) -> list[Path]:
    """The shipped rules, each of which gives nothing while Prometheus is away, in files of a folder."""
    return [_rewritten(file, folder / file.name) for file in rulebook.rule_files()]


def awake(away: Sequence[tuple[float, float]], interval: float, scrapes: int) -> str:
    """Whether Prometheus is awake at each scrape, in promtool's notation.

    >>> awake([(60.0, 120.0)], 30.0, 6)
    '1 1 0 0 1 1'
    """
    gone = [any(begin <= number * interval < end for begin, end in away) for number in range(scrapes)]
    return " ".join("0" if one else "1" for one in gone)


def _rewritten(file: Path, to: Path) -> Path:
    content: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    for group in content["groups"]:
        for rule in group["rules"]:
            rule["expr"] = f"({rule['expr']}) and on () {AWAKE} == 1"
    to.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return to
