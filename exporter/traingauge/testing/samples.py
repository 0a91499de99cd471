"""Samples by name and labels, as a test looks for them."""

from __future__ import annotations

from collections.abc import Iterable

from traingauge import validation
from traingauge.catalog import CATALOG, RUN_LABELS
from traingauge.core.families import Family, label_names, own_labels
from traingauge.errors import UnknownNameError

#: Name of a sample, and its labels without those of the run.
Sample = tuple[str, frozenset[tuple[str, str]]]

_SUFFIXES = ("", "_bucket", "_sum", "_count")


def samples(families: Iterable[Family]) -> dict[Sample, float]:
    """Every sample of families, by name and own labels.

    >>> from traingauge.core.families import single
    >>> samples([single("model_learning_rate", 0.1)])
    {('model_learning_rate', frozenset()): 0.1}
    """
    found: dict[Sample, float] = {}
    for family in families:
        for key, value in zip(family.keys, family.values, strict=True):
            labels = own_labels(family.metric, key).items()
            found[family.metric.name + key.suffix, frozenset(labels)] = value
    return found


def sample(metric: str, labels: dict[str, str]) -> Sample:
    """The key of one sample in :func:`samples`.

    Raises:
        UnknownNameError: No metric of the catalogue, or a label that it does not have. A misspelt name would otherwise look
            like a sample that is absent.
        InvalidTypeError: The value of a label is no string.
    """
    for suffix in _SUFFIXES if isinstance(metric, str) else ():
        name = metric.removesuffix(suffix)
        if metric == name + suffix and name in CATALOG:
            known = label_names(CATALOG[name], suffix)[len(RUN_LABELS) :]
            for label, value in labels.items():
                if label not in known:
                    raise UnknownNameError(f"label of {metric}", label, known)
                validation.instance(f"label {label!r} of {metric}", value, str, "'train'")
            return metric, frozenset(labels.items())
    raise UnknownNameError("metric", metric, sorted(CATALOG))
