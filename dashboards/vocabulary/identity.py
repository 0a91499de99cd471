"""What tells one run from another: the labels of ``alerting/identity.yml`` in front of ``model`` and ``run``.

Two runs may have the same model and run on two clusters or in two namespaces. Sections name a run by ``(model, run)`` alone;
composing a dashboard puts these labels in front wherever a query selects, groups or joins runs. A label that a run does not
have is empty.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from alerting.identity import identity
from dashboards.vocabulary.sdk import model, prometheus_model
from traingauge.catalog import RUN_LABELS

#: Labels in addition to model and run, from the widest to the narrowest.
IDENTITY: tuple[str, ...] = tuple(identity())

#: How sections select runs, group them, and join them.
SELECTED = ", ".join(f'{label}=~"${label}"' for label in RUN_LABELS)
_GROUPED = re.compile(r"\b((?:by|on) \([^()]*?)\bmodel, run\b")


def matchers(*, one_run: bool) -> str:
    """What selects the chosen runs.

    The value of one run is matched as it is: its name may hold what an expression gives a meaning to, as ``lr=1e+3``.

    >>> matchers(one_run=True).endswith('model="$model", run="$run"')
    True
    """
    equals = "=" if one_run else "=~"
    return ", ".join(f'{label}{equals}"${label}"' for label in (*IDENTITY, *RUN_LABELS))


def identified(expr: str, *, one_run: bool) -> str:
    """A query with the labels of identity wherever it names a run.

    >>> identified('max by (model, run) (up{model=~"$model", run=~"$run"})', one_run=False).partition(", namespace")[0]
    'max by (cluster'
    """
    selected = expr.replace(SELECTED, matchers(one_run=one_run))
    return _GROUPED.sub(lambda found: found[1] + ", ".join((*IDENTITY, *RUN_LABELS)), selected)


def identify(built: model.Dashboard, *, one_run: bool) -> None:
    """Put the labels of identity into every query of a dashboard: of panels, events and variables."""
    for panel in _panels(built):
        for target in panel.targets or []:
            assert isinstance(target, prometheus_model.Dataquery)
            target.expr = identified(target.expr, one_run=one_run)
    for event in built.annotations.list_val or []:
        event.expr = identified(event.expr or "", one_run=one_run)
    for variable in built.templating.list_val or []:
        if isinstance(variable.query, str):
            variable.query = identified(variable.query, one_run=one_run)
        if variable.definition:
            variable.definition = variable.query


def _panels(built: model.Dashboard) -> Iterator[model.Panel]:
    for panel in built.panels or []:
        if isinstance(panel, model.RowPanel):
            yield from panel.panels
        else:
            yield panel
