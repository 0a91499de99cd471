"""Families as bytes: Prometheus' text format and OpenMetrics, byte for byte what prometheus_client gives, faster.

The text of a sample up to its value (name and labels, escaped) is made once for each key and kept while the family's
``keys`` stay the same object; a line is made again only if its value changed (-0.0 counts as 0.0). Both formats share the
lines: they differ in the comments alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Literal

from traingauge.catalog import Metric
from traingauge.families import Family, Identity, Key, label_names

Format = Literal["text", "openmetrics"]

#: The Content-Type of each format.
CONTENT_TYPES: dict[Format, str] = {
    "text": "text/plain; version=0.0.4; charset=utf-8",
    "openmetrics": "application/openmetrics-text; version=1.0.0; charset=utf-8",
}


class Renderer:
    """Renders the families of one run. Not thread-safe: its caller holds a lock.

    Args:
        identity: The labels of every sample.

    >>> from traingauge.families import single
    >>> print(Renderer(Identity("churn", "r1")).render([single("model_learning_rate", 0.1)], "text").decode(), end="")
    # HELP model_learning_rate Learning rate of the last step.
    # TYPE model_learning_rate gauge
    model_learning_rate{model="churn",run="r1"} 0.1
    """

    def __init__(self, identity: Identity) -> None:
        self._identity = identity
        self._blocks: dict[str, _Block] = {}

    def render(self, families: Iterable[Family], form: Format) -> bytes:
        """The whole exposition, UTF-8. A label value that UTF-8 cannot hold (a lone surrogate) gets a ``?`` for it."""
        parts: list[str] = []
        for family in families:
            block = self._blocks.get(family.metric.name)
            if block is None or block.keys is not family.keys:
                block = self._blocks[family.metric.name] = _Block(family.metric, family.keys, self._identity)
            parts.append(block.headers[form])
            parts.append(block.samples(family.values))
        if form == "openmetrics":
            parts.append("# EOF\n")
        return "".join(parts).encode("utf-8", "replace")


class _Block:
    """The cached text of one family: comments, prefixes and the lines of the values seen last."""

    def __init__(self, metric: Metric, family_keys: tuple[Key, ...], identity: Identity) -> None:
        self.keys = family_keys
        self.headers = {"text": _text_header(metric), "openmetrics": _openmetrics_header(metric)}
        self._prefixes = [_prefix(metric, key, identity) for key in family_keys]
        self._values: list[float] = []
        self._lines: list[str] = []
        self._text = ""

    def samples(self, values: Iterable[float]) -> str:
        """The lines of all samples."""
        values = list(values)
        if values == self._values:  # lists compare by identity first, so an unchanged NaN counts as unchanged
            return self._text
        if self._lines:
            for at, (new, old) in enumerate(zip(values, self._values, strict=True)):
                if new is not old and new != old:
                    self._lines[at] = f"{self._prefixes[at]}{number(new)}\n"
        else:
            pairs = zip(self._prefixes, values, strict=True)
            self._lines = [f"{prefix}{number(value)}\n" for prefix, value in pairs]
        self._values, self._text = values, "".join(self._lines)
        return self._text


def number(value: float) -> str:
    """A float as Go writes it: shortest digits that read back the same, exponents from 10^6 on.

    >>> number(1.0), number(1764024000.5), number(math.inf), number(math.nan)
    ('1.0', '1.7640240005e+09', '+Inf', 'NaN')
    """
    digits = repr(float(value))
    if -math.inf < value < 1e6:
        return digits
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
    dot = digits.find(".")
    if dot <= 6:  # Python has chosen an exponent itself
        return digits
    return f"{f'{digits[0]}.{digits[1:dot]}{digits[dot + 1 :]}'.rstrip('0.')}e+{dot - 1:02d}"


def _prefix(metric: Metric, key: Key, identity: Identity) -> str:
    named = zip(label_names(metric, key.suffix), (*identity, *key.labels), strict=True)
    labels = ",".join(f'{name}="{_escaped(value)}"' for name, value in sorted(named) if value is not None)
    return f"{metric.name}{key.suffix}{{{labels}}} "


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _text_header(metric: Metric) -> str:
    kind = "gauge" if metric.kind == "info" else metric.kind
    return f"# HELP {metric.name} {_help(metric.help)}\n# TYPE {metric.name} {kind}\n"


def _openmetrics_header(metric: Metric) -> str:
    unit = f"# UNIT {metric.family} {metric.unit}\n" if metric.unit else ""
    return f"# HELP {metric.family} {_escaped(metric.help)}\n# TYPE {metric.family} {metric.kind}\n{unit}"


def _help(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n")
