"""Families as bytes, in Prometheus' text format and OpenMetrics: the bytes that prometheus_client renders, only faster.

The text of a family is cached, with the positions of its values. Only values whose bits changed are written again; the text
between them is copied in long pieces. The text is rebuilt from the keys only when ``keys`` is another object. Both formats
share the samples; they differ only in the comments.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from traingauge.catalog import Metric
from traingauge.core.families import Family, Identity, Key, labels_of

Format = Literal["text", "openmetrics"]

#: The Content-Type of each format.
CONTENT_TYPES: dict[Format, str] = {
    "text": "text/plain; version=0.0.4; charset=utf-8",
    "openmetrics": "application/openmetrics-text; version=1.0.0; charset=utf-8",
}


#: Samples whose text is cached in one piece.
SEGMENT = 256

#: Values that are written between two chances to pause: about 15 microseconds of work.
BATCH = 16


class Renderer:
    """Renders the families of one run. Not thread-safe: one thread uses it.

    Args:
        identity: The labels of every sample.

    >>> from traingauge.core.families import single
    >>> print(Renderer(Identity("churn", "r1")).render([single("model_learning_rate", 0.1)], "text").decode(), end="")
    # HELP model_learning_rate Learning rate of the last step.
    # TYPE model_learning_rate gauge
    model_learning_rate{model="churn",run="r1"} 0.1
    """

    def __init__(self, identity: Identity) -> None:
        self._identity = identity
        self._blocks: dict[str, _Block] = {}

    def render(
        self, families: Iterable[Family], form: Format, maybe_yield: Callable[[], None] = lambda: None
    ) -> bytes:
        """The whole exposition in UTF-8. In label values ``?`` replaces what UTF-8 cannot encode (a lone surrogate).

        Args:
            families: The run's metrics.
            form: The format.
            maybe_yield: Called every few microseconds, so that the caller may pause.
        """
        return b"".join(self.pieces(families, form, maybe_yield))

    def pieces(
        self, families: Iterable[Family], form: Format, maybe_yield: Callable[[], None]
    ) -> Iterator[bytes]:
        """The same in pieces of at most about 100 kB."""
        return pieces([(self, families)], form, maybe_yield)

    def _block(self, family: Family, maybe_yield: Callable[[], None]) -> _Block:
        block = self._blocks.get(family.metric.name)
        if block is None or block.keys is not family.keys:
            block = self._blocks[family.metric.name] = _Block(family, self._identity, maybe_yield)
        return block


def pieces(
    runs: Iterable[tuple[Renderer, Iterable[Family]]], form: Format, maybe_yield: Callable[[], None]
) -> Iterator[bytes]:
    """One exposition of several runs: the samples of all under one comment for each family.

    Args:
        runs: For each its renderer and its families.
        form: The format.
        maybe_yield: Called every few microseconds, so that the caller may pause.
    """
    by_name: dict[str, list[tuple[Renderer, Family]]] = {}
    for renderer, families in runs:
        for family in families:
            by_name.setdefault(family.metric.name, []).append((renderer, family))
    for found in by_name.values():
        for at, (renderer, family) in enumerate(found):
            yield from renderer._block(family, maybe_yield).pieces(
                family.values, None if at else form, maybe_yield
            )
    if form == "openmetrics":
        yield b"# EOF\n"


class _Block:
    """The cached text of one family: its comments, and its samples in segments."""

    def __init__(self, family: Family, identity: Identity, maybe_yield: Callable[[], None]) -> None:
        metric = family.metric
        self.keys = family.keys
        self.headers = {
            "text": _text_header(metric).encode("utf-8"),
            "openmetrics": _openmetrics_header(metric).encode("utf-8"),
        }
        self.segments: list[_Segment] = []
        for at in range(0, len(self.keys), SEGMENT):
            prefixes: list[bytes] = []
            for key in self.keys[at : at + SEGMENT]:
                if len(prefixes) % BATCH == 0:
                    maybe_yield()
                prefixes.append(_prefix(metric, key, identity))
            maybe_yield()
            self.segments.append(_Segment(prefixes))

    def pieces(
        self, values: Sequence[float], form: Format | None, maybe_yield: Callable[[], None]
    ) -> Iterator[bytes]:
        """Its samples, after its comments in a format."""
        if form is not None:
            yield self.headers[form]
        for at, segment in enumerate(self.segments):
            yield segment.text(values[at * SEGMENT : (at + 1) * SEGMENT], maybe_yield)


class _Segment:
    """The text of some samples, and the positions of their values in it.

    Args:
        prefixes: The text before the value, for each sample.
    """

    def __init__(self, prefixes: list[bytes]) -> None:
        self._text = b"\n".join([*prefixes, b""])
        self._around = np.array([len(prefix) + 1 for prefix in prefixes])
        self._widths = np.zeros_like(self._around)
        self._bits: NDArray[np.int64] | None = None

    def text(self, values: Sequence[float], maybe_yield: Callable[[], None]) -> bytes:
        """The lines of its samples."""
        maybe_yield()
        new = np.array(values, dtype=np.float64)
        bits = new.view(np.int64)
        changed = np.arange(len(bits)) if self._bits is None else (bits != self._bits).nonzero()[0]
        if len(changed):
            written = _written(new[changed], maybe_yield)
            maybe_yield()
            self._splice(changed, written)
            self._bits = bits
        return self._text

    def _splice(self, changed: NDArray[np.intp], written: list[bytes]) -> None:
        """Replace the changed values in the text."""
        ends = (self._around + self._widths).cumsum()[changed] - 1
        starts = ends - self._widths[changed]
        kept = zip([0, *ends.tolist()], [*starts.tolist(), len(self._text)], strict=True)
        pieces = [b""] * (2 * len(changed) + 1)
        pieces[::2] = [self._text[start:end] for start, end in kept]
        pieces[1::2] = written
        self._text = b"".join(pieces)
        self._widths[changed] = [len(one) for one in written]


def _written(values: NDArray[np.float64], maybe_yield: Callable[[], None]) -> list[bytes]:
    write = _as_python_does if abs(values).max() < 1e6 else _as_go_does
    written: list[bytes] = []
    for at in range(0, len(values), BATCH):
        maybe_yield()
        written += write(values[at : at + BATCH].tolist())
    return written


def _as_python_does(values: list[float]) -> list[bytes]:
    """Below a million Python writes floats as Go does; ``repr`` of a list is twice as fast as of each number."""
    return repr(values)[1:-1].encode().split(b", ")


def _as_go_does(values: list[float]) -> list[bytes]:
    return [number(value).encode() for value in values]


def number(value: float) -> str:
    """A float as Go writes it: the shortest digits that read back the same, with an exponent from 10^6.

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


def _prefix(metric: Metric, key: Key, identity: Identity) -> bytes:
    named = sorted(labels_of(metric, key, identity).items())
    labels = ",".join(f'{name}="{_escaped(value)}"' for name, value in named)
    return f"{metric.name}{key.suffix}{{{labels}}} ".encode("utf-8", "replace")


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
