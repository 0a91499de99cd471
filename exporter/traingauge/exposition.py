"""Families as bytes: Prometheus' text format and OpenMetrics, byte for byte what prometheus_client gives, faster.

The text of a sample up to its value (name and labels, escaped) is made once for each key and kept while the family's
``keys`` stay the same object; a line is made again only if its value changed (-0.0 counts as 0.0), and of a chunk of lines
none of which changed, not even the bytes are. Both formats share the lines: they differ in the comments alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import compress
from operator import ne
from typing import Literal

from traingauge.catalog import Metric
from traingauge.families import Family, Identity, Key, label_names

Format = Literal["text", "openmetrics"]

#: The Content-Type of each format.
CONTENT_TYPES: dict[Format, str] = {
    "text": "text/plain; version=0.0.4; charset=utf-8",
    "openmetrics": "application/openmetrics-text; version=1.0.0; charset=utf-8",
}


#: Samples that are rendered at once: a few microseconds of work.
CHUNK = 32


class Renderer:
    """Renders the families of one run. Not thread-safe: one thread uses it.

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

    def render(
        self, families: Iterable[Family], form: Format, breathe: Callable[[], None] = lambda: None
    ) -> bytes:
        """The whole exposition, UTF-8. A label value that UTF-8 cannot hold (a lone surrogate) gets a ``?`` for it.

        Args:
            families: What the run reads.
            form: In which format.
            breathe: Called every few microseconds, so that the caller may pause.
        """
        parts: list[bytes] = []
        for family in families:
            block = self._blocks.get(family.metric.name)
            if block is None or block.keys is not family.keys:
                block = self._blocks[family.metric.name] = _Block(family, self._identity, breathe)
            parts.append(block.headers[form])
            parts += block.samples(family.values, breathe)
        if form == "openmetrics":
            parts.append(b"# EOF\n")
        return b"".join(parts)


class _Block:
    """The cached text of one family: its comments, and its samples in chunks."""

    def __init__(self, family: Family, identity: Identity, breathe: Callable[[], None]) -> None:
        metric = family.metric
        self.keys = family.keys
        self.headers = {
            "text": _text_header(metric).encode("utf-8"),
            "openmetrics": _openmetrics_header(metric).encode("utf-8"),
        }
        self._chunks: list[_Chunk] = []
        for at in range(0, len(self.keys), CHUNK):
            breathe()
            prefixes = [_prefix(metric, key, identity) for key in self.keys[at : at + CHUNK]]
            self._chunks.append(_Chunk(prefixes))

    def samples(self, values: Sequence[float], breathe: Callable[[], None]) -> Iterator[bytes]:
        """The lines of all samples, a chunk at a time."""
        values = list(values)
        for at, chunk in enumerate(self._chunks):
            breathe()
            yield chunk.text(values[at * CHUNK : (at + 1) * CHUNK])


class _Chunk:
    """A few samples: what their lines begin with, and the lines of the values seen last."""

    def __init__(self, prefixes: list[str]) -> None:
        self._prefixes = prefixes
        self._values: list[float] = []
        self._lines: list[str] = []
        self._text = b""

    def text(self, values: list[float]) -> bytes:
        """The lines of its samples."""
        if values == self._values:  # lists compare by identity first, so an unchanged NaN counts as unchanged
            return self._text
        values = list(map(float, values))
        changed = list(compress(range(len(values)), map(ne, values, self._values)))
        if 2 * len(changed) > len(values) or not self._lines:
            self._lines = _lines(self._prefixes, values)
        else:
            lines = _lines([self._prefixes[at] for at in changed], [values[at] for at in changed])
            for at, line in zip(changed, lines, strict=True):
                self._lines[at] = line
        self._values, self._text = values, "".join(self._lines).encode("utf-8", "replace")
        return self._text


def _lines(prefixes: Sequence[str], values: Sequence[float]) -> list[str]:
    pairs = zip(prefixes, values, strict=True)
    return [
        # Between these bounds a number is written as Python does.
        f"{prefix}{value!r}\n" if -math.inf < value < 1e6 else f"{prefix}{number(value)}\n"
        for prefix, value in pairs
    ]


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
