"""What the alerts read: the metrics that a Prometheus has to keep if it keeps nothing else."""

from __future__ import annotations

from functools import cache

import promql_parser as promql

from alerting import rulebook
from dashboards.promql import selectors

#: A row of the list, with its indent, is at most this long.
_WIDTH = 118

_SECTION = """
## What the alerts read

A Prometheus that is to raise the alerts, and shows no dashboards, keeps these
([cost and retention](../how-to/operators/cost.md)):

```yaml
scrape_configs:
  - job_name: traingauge
    metric_relabel_configs:
      - source_labels: [__name__]
        regex: "{pattern}"
        action: keep
```
"""


@cache
def read_by_alerts() -> tuple[str, ...]:
    """Names of the published series that a rule reads, in alphabetical order.

    >>> "model_run_state" in read_by_alerts(), "model_confusion" in read_by_alerts()
    (True, False)
    """
    names: set[str] = set()
    for rule in (*rulebook.recordings(), *rulebook.alerts()):
        for selector in selectors(promql.parse(rule.expr)):
            matched = {matcher.name: matcher.value for matcher in selector.matchers.matchers}
            before, _, among = (selector.name or matched.get("__name__", "")).removesuffix(")").partition("(")
            names |= {before + one for one in among.split("|")}
    return tuple(sorted(name for name in names if name.startswith("model_") and ":" not in name))


def section() -> str:
    """The section of the page on metrics."""
    rows = ["model_("]
    for name in read_by_alerts():
        short = f"{name.removeprefix('model_')}|"
        if len(rows[-1] + short) > _WIDTH - 10:
            rows.append("")
        rows[-1] += short
    folded = ("\\\n" + 10 * " ").join(rows)  # YAML joins what a backslash ends
    return _SECTION.format(pattern=folded.removesuffix("|") + ")")
