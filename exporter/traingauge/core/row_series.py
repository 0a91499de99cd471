"""Which sample of which metric a column of the recorded rows is: the one that a scrape shows of it."""

from __future__ import annotations

from traingauge.catalog import CATALOG, Metric
from traingauge.stats.run_scores import PUBLISHED_AS

#: Columns that are not published row by row.
_DESCRIPTIVE = frozenset(("time", "samples", "seconds"))


def published_as(column: str, split: str) -> tuple[Metric, tuple[str, ...]] | None:
    """Metric of a column, and the values of the metric's own labels; ``None`` if the column is not published.

    Args:
        column: Its name.
        split: Of the rows.

    >>> metric, labels = published_as("entropy", "train"); metric.name, labels
    ('model_scalar', ('entropy', 'train'))
    """
    if column in _DESCRIPTIVE or (column == "step" and split != "train"):
        return None
    if column in PUBLISHED_AS:
        name, labels = PUBLISHED_AS[column]
        return CATALOG[name], (split, *labels)
    metric = CATALOG.get(f"model_{column}")
    if metric is not None and metric.kind == "gauge" and metric.labels in {(), ("split",)}:
        return metric, (split,) if metric.labels else ()
    return CATALOG["model_scalar"], (column, split)
