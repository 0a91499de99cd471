"""The protobuf messages of remote write, 1.0 and 2.0, written by numpy.

The two differ in how a series names its labels: 1.0 spells them out, 2.0 refers to a table of symbols, and describes the
metric. Samples are the same bytes in both.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import repeat
from typing import Literal, TypeAlias

import numpy as np

from traingauge.delivery.remote_write.series import LATEST, Floats, Points, Series, Times
from traingauge.delivery.remote_write.snappy import Message, compress, varint

Version: TypeAlias = Literal["1.0", "2.0"]

#: The headers that name the protocol's version.
HEADERS = {
    "1.0": {
        "Content-Type": "application/x-protobuf",
        "Content-Encoding": "snappy",
        "X-Prometheus-Remote-Write-Version": "0.1.0",
    },
    "2.0": {
        "Content-Type": "application/x-protobuf;proto=io.prometheus.write.v2.Request",
        "Content-Encoding": "snappy",
        "X-Prometheus-Remote-Write-Version": "2.0.0",
    },
}

#: Numbers of the types of metrics in 2.0.
KINDS = {"counter": 1, "gauge": 2, "histogram": 3, "info": 6}

#: Tags of protobuf fields: number and wire type.
_LENGTH_1, _LENGTH_2, _LENGTH_4, _LENGTH_5 = b"\x0a", b"\x12", b"\x22", b"\x2a"
_NUMBER_1, _NUMBER_3, _NUMBER_4 = b"\x08", b"\x18", b"\x20"

#: Bytes of a sample.
_BYTES = 18

#: A sample without value and time: field 2 of a series, 16 bytes, a double, a varint of six bytes.
_SAMPLE = np.frombuffer(b"\x12\x10\x09" + bytes(8) + b"\x10" + b"\x80" * 5 + b"\x00", np.uint8)


def request(version: Version, points: Sequence[Points]) -> bytes:
    """The body of a request, compressed.

    Args:
        version: Of the protocol.
        points: What it holds; one entry a series.
    """
    if not points:
        return compress(b"", [])
    times, values = (np.concatenate(columns) for columns in zip(*(one[1:] for one in points), strict=True))
    written = samples(times, values)
    ends = np.array([len(one.times) for one in points]).cumsum().tolist()
    bodies = [written[_BYTES * start : _BYTES * end] for start, end in zip([0, *ends], ends, strict=False)]
    if version == "1.0":
        heads = [_labels(one.series) for one in points]
        return compress(b"", list(map(_message, repeat(_LENGTH_1), heads, bodies)))
    symbols: dict[str, int] = {"": 0}
    heads = [_references(one.series, symbols) for one in points]
    table = b"".join(_field(_LENGTH_4, symbol.encode("utf-8", "replace")) for symbol in symbols)
    return compress(table, list(map(_message, repeat(_LENGTH_5), heads, bodies)))


def samples(times: Times, values: Floats) -> bytes:
    """Samples as a series holds them.

    Args:
        times: Unix times in milliseconds, 0 to :data:`LATEST`, shape (n,).
        values: Shape (n,).

    >>> samples(np.array([1]), np.array([0.5])).hex(" ")
    '12 10 09 00 00 00 00 00 00 e0 3f 10 81 80 80 80 80 00'
    """
    written = np.tile(_SAMPLE, (len(times), 1))
    written[:, 3:11] = np.ascontiguousarray(values, "<f8").view(np.uint8).reshape(-1, 8)
    fitting = times.clip(0, LATEST)
    for group in range(6):
        written[:, 12 + group] |= (fitting >> (7 * group) & 0x7F).astype(np.uint8)
    return written.tobytes()


def _message(tag: bytes, head: bytes, body: bytes) -> Message:
    before = tag + varint(len(head) + len(body)) + head
    return Message(before + body, len(before) + _BYTES)


@lru_cache(maxsize=1 << 15)
def _labels(series: Series) -> bytes:
    return b"".join(
        _field(
            _LENGTH_1,
            _field(_LENGTH_1, name.encode()) + _field(_LENGTH_2, value.encode("utf-8", "replace")),
        )
        for name, value in series.labels
    )


def _references(series: Series, symbols: dict[str, int]) -> bytes:
    """Labels and description of a series, as numbers of symbols; new symbols are added."""

    def reference(symbol: str) -> bytes:
        return varint(symbols.setdefault(symbol, len(symbols)))

    labels = b"".join(reference(name) + reference(value) for name, value in series.labels)
    metric = series.metric
    unit = _NUMBER_4 + reference(metric.unit) if metric.unit else b""
    described = _NUMBER_1 + varint(KINDS[metric.kind]) + _NUMBER_3 + reference(metric.help) + unit
    return _field(_LENGTH_1, labels) + _field(_LENGTH_5, described)


def _field(tag: bytes, content: bytes) -> bytes:
    return tag + varint(len(content)) + content
