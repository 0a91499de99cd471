"""The form in which a run's state leaves it: columns of values under stable keys.

A :class:`Family` is what one metric reads at one moment. Its keys (suffix and label values) are a tuple that stays *the
same object* from scrape to scrape as long as the label sets do, so that a renderer can cache the text of every
key and look at the values alone. It knows nothing of Prometheus' client library: ``collector`` turns it into that model
of the data, ``exposition`` into bytes.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from traingauge.catalog import CATALOG, RUN_LABELS, Metric


class Key(NamedTuple):
    """What distinguishes one sample of a family from the others.

    Attributes:
        suffix: ``""``, or ``"_bucket"``, ``"_sum"``, ``"_count"`` of a histogram.
        labels: Values of the metric's own labels, in the order of ``Metric.labels``; a bucket's ``le``, and the output of
            a model with several, comes last. ``None`` leaves the label out.
    """

    suffix: str
    labels: tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class Family:
    """What one metric reads at one moment: ``values[i]`` under ``keys[i]``.

    Attributes:
        metric: The catalogue's entry.
        keys: One a sample; the same tuple object while the label sets stay the same.
        values: One a sample, float; NaN where undefined and known to be so.
    """

    metric: Metric
    keys: tuple[Key, ...]
    values: Sequence[float]

    def __post_init__(self) -> None:
        assert len(self.keys) == len(self.values), f"{self.metric.name}: a value is missing its key"


class Identity(NamedTuple):
    """The labels that every sample of a run carries.

    Attributes:
        model: Name of the model.
        run: Name of the run.
        labels: Name and value of each label that the user gave the run.
    """

    model: str
    run: str
    labels: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> tuple[str, str]:
        """What tells the run from others: model and run."""
        return self.model, self.run

    def as_labels(self) -> dict[str, str]:
        """All of it, by name.

        >>> Identity("churn", "r1", (("team", "vision"),)).as_labels()
        {'model': 'churn', 'run': 'r1', 'team': 'vision'}
        """
        return {"model": self.model, "run": self.run, **dict(self.labels)}

    def path_name(self) -> str:
        """A name that files and addresses can have; that of another run differs.

        >>> Identity("my model", "1/2").path_name()
        'my_model-1_2-279d9ad2'
        """
        readable = re.sub(r"[^A-Za-z0-9.-]+", "_", f"{self.model}-{self.run}")[:100]
        return f"{readable}-{zlib.crc32(chr(0).join(self.name).encode()):08x}"


def label_names(metric: Metric, suffix: str) -> tuple[str, ...]:
    """Names of the labels of a sample but those of the user: of the values of ``Identity.name`` and ``Key.labels``.

    Only an output's sample has the label ``output``, which comes last.

    >>> label_names(CATALOG["model_step_duration_seconds"], "_bucket")
    ('model', 'run', 'split', 'le')
    """
    return (*RUN_LABELS, *metric.possible_labels, *(("le",) if suffix == "_bucket" else ()))


def own_labels(metric: Metric, key: Key) -> dict[str, str]:
    """The metric's own labels of a sample by name, without those that are left out.

    >>> own_labels(CATALOG["model_loss"], Key("", ("train", "age")))
    {'split': 'train', 'output': 'age'}
    """
    names = label_names(metric, key.suffix)[len(RUN_LABELS) :]
    if metric.by_output and len(key.labels) == len(metric.labels):  # of the whole
        names = metric.labels
    return {name: value for name, value in zip(names, key.labels, strict=True) if value is not None}


def labels_of(metric: Metric, key: Key, identity: Identity) -> dict[str, str]:
    """All labels of a sample by name, without those that are left out.

    >>> labels_of(CATALOG["model_loss"], Key("", ("train",)), Identity("churn", "r1", (("team", "vision"),)))
    {'model': 'churn', 'run': 'r1', 'split': 'train', 'team': 'vision'}
    """
    named = zip(RUN_LABELS, identity.name, strict=True)
    return {**dict(named), **own_labels(metric, key), **dict(identity.labels)}


def keys(*labels: tuple[str | None, ...]) -> tuple[Key, ...]:
    """Keys without a suffix, one for each tuple of label values.

    What UTF-8 cannot encode, a lone surrogate of a name, is escaped, so that different names stay different labels.

    >>> keys(("train",), ("test",))
    (Key(suffix='', labels=('train',)), Key(suffix='', labels=('test',)))
    """
    return tuple(Key("", tuple(label and encodable(label) for label in values)) for values in labels)


def encodable(name: str) -> str:
    r"""A name in which what UTF-8 cannot encode, a lone surrogate, is escaped.

    >>> print(encodable("m\udce9tier"))
    m\udce9tier
    """
    return name if name.isascii() else name.encode("utf-8", "backslashreplace").decode("utf-8")


def single(name: str, value: float) -> Family:
    """Family of a metric without own labels.

    >>> single("model_learning_rate", 0.1).values
    (0.1,)
    """
    return Family(CATALOG[name], _UNLABELLED, (value,))


_UNLABELLED = keys(())
