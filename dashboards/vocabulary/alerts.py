"""Firing alerts: their number, the one of each run to look at first, and the table that several dashboards show."""

from __future__ import annotations

from collections.abc import Iterable

from dashboards.vocabulary import colours, units
from dashboards.vocabulary.links import to_run, to_runbook
from dashboards.vocabulary.metrics import RUNNING, series
from dashboards.vocabulary.names import WHERE, where
from dashboards.vocabulary.panels import NO_VALUE, number
from dashboards.vocabulary.queries import Query
from dashboards.vocabulary.reasons import NO_RUN, Reason
from dashboards.vocabulary.sdk import Panel, model, table
from dashboards.vocabulary.tables import Column, rows

#: Labels that say what an alert is about, in the order in which they are shown as one.
_ABOUT = ("metric", "split", "output", "class", "feature")

#: Labels that identify an alert, except its severity.
_SAME = f"alertname, model, run, {', '.join(_ABOUT)}"

#: Severities, the worst first, and their colours.
_SEVERITIES = {"critical": colours.CRITICAL, "warning": colours.WARNING, "info": colours.NEUTRAL}

#: More than any Unix time: an alert of a worse severity comes before every older one.
_BEFORE_ALL = 1e11

#: What is pending is neither good nor bad yet.
_PENDING = {"color": {"mode": "fixed", "fixedColor": colours.NOTHING}}

_NONE_KNOWN = NO_RUN.or_("Prometheus does not have the rules.", "no run or rules")


def _words(coded: Iterable[tuple[int, str]]) -> list[model.ValueMapping]:
    return [
        model.ValueMap(
            {
                str(code): model.ValueMappingResult(text=severity, color=_SEVERITIES[severity], index=index)
                for index, (code, severity) in enumerate(coded)
            }
        )
    ]


#: Ranks of the severities that notify a person, and the words for them.
_RANKS = {"critical": 2, "warning": 1}


def severity_ranges(each: int) -> list[model.ValueMapping]:
    """Words for ranks that are multiplied by a number, with less than that number added; a dash for rank 0."""

    def between(rank: int, text: str, colour: str) -> model.ValueMapping:
        result = model.ValueMappingResult(text=text, color=colour, index=rank)
        options = model.DashboardRangeMapOptions(
            from_val=rank * each, to=(rank + 1) * each - 1, result=result
        )
        return model.RangeMap(options=options)

    words = [(rank, severity, _SEVERITIES[severity]) for severity, rank in _RANKS.items()]
    return [between(*word) for word in (*words, (0, NO_VALUE, colours.MUTED))]


def firing(severity: str = "critical|warning") -> str:
    """Expression with a series for each firing alert; one that fires in two severities counts once.

    Args:
        severity: One severity, or several as ``critical|warning``.
    """
    return _alerts(severity, "firing")


def _alerts(severity: str, state: str) -> str:
    return f"max by ({_SAME}) ({series('ALERTS', alertstate=state, severity=severity)})"


def count_tile(severity: str, *, width: int, height: int) -> Panel:
    """How many alerts of a severity and of none worse fire: 0 only where rules watched a run, otherwise no number at all."""
    fires = [firing(one) for one in list(_SEVERITIES)[: list(_SEVERITIES).index(severity) + 1]][::-1]
    counted = " unless ".join(fires)
    worse = [_alerts(one, "pending") for one in _SEVERITIES][: list(_SEVERITIES).index(severity)]
    pending = " unless ".join([_alerts(severity, "pending"), *worse, *fires])
    watched = f"count(last_over_time({series(RUNNING)}[$__range]))"
    return number(
        severity.capitalize(),
        Query(f"count({counted}) or on () (0 * {watched})", "firing", instant=True),
        Query(f"count({pending})", "pending", instant=True, style=_PENDING),
        description=f"Alerts of severity {severity} that fire now. *pending*, where there are any: further ones whose "
        "condition holds, but not yet for as long as their rule waits.",
        unit=units.COUNT,
        decimals=0,
        colouring=((None, colours.GOOD), (1, _SEVERITIES[severity])),
        filled=True,
        width=width,
        height=height,
        empty=_NONE_KNOWN,
    )


def first_alert(by: str) -> str:
    """Expression for the alert of each run to look at first: of those of the worst severity, the one that began first.

    The label ``reason`` holds its name and what it is about; the value is the rank of its severity, 2 for critical.

    Args:
        by: Labels of a run.
    """
    ranked = " or ".join(
        f"{rank * _BEFORE_ALL:.0f} * max by ({_SAME}) "
        f"({series('ALERTS', alertstate='firing', severity=severity)})"
        for severity, rank in _RANKS.items()
    )
    began = f"min by ({_SAME}) ({series('ALERTS_FOR_STATE')})"
    first = f"topk by ({by}) (1, ({ranked}) - on ({_SAME}) {began})"
    return f"ceil(max by ({by}, alertname, about) ({_about(first)}) / {_BEFORE_ALL:.0f})"


def firing_alerts(*, one_run: bool, width: int, height: int) -> table.Panel:
    """The alerts that fire now, with severity, start, and a link to the runbook.

    Args:
        one_run: Whether they are all of one run, so that no column says of which.
        width: Columns of the grid's 24.
        height: Rows of the grid.
    """
    by = "alertname, about" if one_run else "alertname, about, model, run"

    def one(expr: str) -> str:
        return f"min by ({by}) ({_about(expr)})"

    severities = " or ".join(
        f"{rank} * {series('ALERTS', alertstate='firing', severity=severity)}"
        for rank, severity in enumerate(reversed(_SEVERITIES))
    )
    # Of an alert that fires in two severities, the start of the one that is shown.
    began = " or ".join(
        one(
            f"{series('ALERTS_FOR_STATE', severity=severity)} "
            f"and ignoring (alertstate) {series('ALERTS', alertstate='firing', severity=severity)}"
        )
        for severity in _SEVERITIES
    )
    of_run = [] if one_run else [Column("Run", 150, label="run", link=to_run())]
    of_model = [] if one_run else [Column("Model", 110, label="model"), Column("Where", 110, label=WHERE)]
    since = f"({began}) * 1000"
    return rows(
        "Firing alerts" if one_run else "Firing alerts by run",
        Column("Alert", 205, label="alertname", link=to_runbook("${__value.text}")),
        Column(
            "Severity",
            96,
            expr=f"max by ({by}) ({_about(severities)})",
            unit=units.NUMBER,
            mappings=_words(enumerate(reversed(_SEVERITIES))),
            colouring=(),
            fixed=True,
        ),
        *of_run,
        Column("Holds since", 136, expr=since if one_run else where(since), unit=units.SINCE),
        Column("About", 130 if one_run else 300, label="about"),
        *of_model,
        description="Alerts that fire now, the most severe first, since when their condition holds in that severity, and "
        "the score, split, class or feature that they are about. A notification says when the alert fired: later, by as "
        "long as its rule waits (`for`). Click a name for its runbook"
        + (".", ", a run for its overview.")[not one_run],
        sort_by="Severity",
        descending=True,
        width=width,
        height=height,
        empty=Reason("nothing fires, as it should be.", "nothing fires"),
    )


def _about(expr: str) -> str:
    """What an alert is about, in the one label ``about``."""
    labels = ", ".join(f'"{label}"' for label in _ABOUT)
    return f'label_join({expr}, "about", " ", {labels})'
