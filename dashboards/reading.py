"""Reading a rendered dashboard back: its panels, and every expression that Grafana will send."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

#: A dashboard, or part of one, as JSON has it.
Json = dict[str, Any]

#: What Grafana fills in by itself, at the default time range of an hour.
BUILT_IN: Mapping[str, str] = {
    "__rate_interval": "1m",
    "__interval": "15s",
    "__interval_ms": "15000",
    "__range": "1h",
    "__range_s": "3600",
}

_FUNCTIONS = (re.compile(r"^label_values\((.*), *\w+\)$"), re.compile(r"^query_result\((.*)\)$"))
#: Not ``$1``, which is a group of ``label_replace``.
_VARIABLE = re.compile(r"\$(?:\{([a-z_]\w*)\}|([a-z_]\w*))")


@dataclass(frozen=True, slots=True)
class Expression:
    """One PromQL expression of a dashboard.

    Attributes:
        where: Title of the panel, or name of the variable or annotation.
        kind: ``panel``, ``variable`` or ``annotation``.
        text: The expression, with the dashboard's variables in it.
        instant: Whether it is asked for one moment.
        ref: Name of the query in its panel.
        points: For how many moments it is asked at most; ``None`` is one for each pixel of the panel.
    """

    where: str
    kind: str
    text: str
    instant: bool = True
    ref: str = ""
    points: int | None = None

    @property
    def variables(self) -> set[str]:
        """Names of the dashboard's variables in it.

        >>> sorted(Expression("Loss", "panel", 'model_loss{run=~"$run"}[$__range]').variables)
        ['run']
        """
        return {braced or bare for braced, bare in _VARIABLE.findall(self.text)} - set(BUILT_IN)

    def filled_in(self, values: Mapping[str, str]) -> str:
        """The expression as Prometheus gets it.

        Args:
            values: Value of every variable, a regular expression where several are chosen.

        Raises:
            KeyError: A variable that has no value.

        >>> Expression("Loss", "panel", 'model_loss{run=~"$run"}[$__range]').filled_in({"run": "a|b"})
        'model_loss{run=~"a|b"}[1h]'
        """
        known = BUILT_IN | dict(values)
        return _VARIABLE.sub(lambda match: known[match[1] or match[2]], self.text)


def panels(dashboard: Json) -> list[Json]:
    """Every panel that draws, also those in rows that are shut."""
    found: list[Json] = []
    for panel in dashboard["panels"]:
        found += panel.get("panels", []) if panel["type"] == "row" else [panel]
    return found


def expressions(dashboard: Json) -> Iterator[Expression]:
    """Every expression of panels, variables and annotations."""
    for panel in panels(dashboard):
        for target in panel.get("targets", []):
            instant = target.get("instant", False)
            points = panel.get("maxDataPoints")
            yield Expression(panel["title"], "panel", target["expr"], instant, target["refId"], points)
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            yield Expression(variable["name"], "variable", _inside(variable["query"]))
    for annotation in dashboard["annotations"]["list"]:
        yield Expression(annotation["name"], "annotation", annotation["expr"], instant=False)


def _inside(query: str) -> str:
    """The expression in a variable's query: the argument of Grafana's own function."""
    for function in _FUNCTIONS:
        if match := function.match(query):
            return match[1]
    raise ValueError(
        f"unknown function of a variable: {query!r}, expected label_values(…) or query_result(…)"
    )
