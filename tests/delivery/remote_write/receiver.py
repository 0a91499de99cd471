"""A receiver of remote write for tests: it reads requests as their specification says, and no other way."""

from __future__ import annotations

import math
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import NamedTuple

Labels = tuple[tuple[str, str], ...]


class Answer(NamedTuple):
    """What a receiver answers."""

    status: int = 204
    body: str = ""
    headers: Mapping[str, str] = MappingProxyType({})


def unpacked(block: bytes) -> bytes:
    """The content of a snappy block."""
    size, at = _varint(block, 0)
    out = bytearray()
    while at < len(block):
        tag = block[at]
        at += 1
        if tag & 3 == 0:
            length = tag >> 2
            if length >= 60:
                wide = length - 59
                length = int.from_bytes(block[at : at + wide], "little")
                at += wide
            out += block[at : at + length + 1]
            at += length + 1
            continue
        if tag & 3 == 1:
            length, distance = (tag >> 2 & 7) + 4, (tag >> 5 << 8) | block[at]
            at += 1
        else:
            assert tag & 3 == 2, "a copy with a distance of four bytes"
            length, distance = (tag >> 2) + 1, int.from_bytes(block[at : at + 2], "little")
            at += 2
        assert 0 < distance <= len(out), f"a copy from {distance} bytes back after {len(out)}"
        for _ in range(length):
            out.append(out[-distance])
    assert len(out) == size
    return bytes(out)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return number, at
        shift += 7


def fields(message: bytes) -> Iterator[tuple[int, bytes | int]]:
    """Number and content of each field of a protobuf message."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        number, kind = tag >> 3, tag & 7
        content: bytes | int
        if kind == 0:
            content, at = _varint(message, at)
        elif kind == 1:
            content, at = message[at : at + 8], at + 8
        else:
            assert kind == 2, f"wire type {kind}"
            size, at = _varint(message, at)
            content, at = message[at : at + size], at + size
            assert len(content) == size
        yield number, content


def _sample(message: bytes) -> tuple[int, bytes]:
    found = dict(fields(message))
    assert found.keys() == {1, 2}
    return found[2], found[1]


def read_1(message: bytes) -> list[tuple[Labels, list[tuple[int, bytes]]]]:
    """The series of a ``prometheus.WriteRequest``: labels, and times with the bytes of the values."""
    found = []
    for number, series in fields(message):
        assert number == 1
        labels, samples = [], []
        for field, content in fields(series):
            if field == 1:
                label = dict(fields(content))
                labels.append((label[1].decode(), label[2].decode()))
            else:
                assert field == 2
                samples.append(_sample(content))
        found.append((_checked(labels, samples), samples))
    return found


def read_2(message: bytes) -> list[tuple[Labels, list[tuple[int, bytes]]]]:
    """The series of an ``io.prometheus.write.v2.Request``, checked as strictly as the specification allows."""
    symbols, found = [], []
    for number, content in fields(message):
        if number == 4:
            assert not found, "symbols come before the series"
            symbols.append(content.decode())
            continue
        assert number == 5
        labels, samples, described = [], [], {}
        for field, inner in fields(content):
            if field == 1:
                references, at = [], 0
                while at < len(inner):
                    reference, at = _varint(inner, at)
                    references.append(symbols[reference])
                labels = list(zip(references[::2], references[1::2], strict=True))
            elif field == 2:
                samples.append(_sample(inner))
            else:
                assert field == 5
                described = dict(fields(inner))
        assert described[1] in range(1, 8), "the type of the metric is not specified"
        assert symbols[described[3]], "the metric has no help"
        found.append((_checked(labels, samples), samples))
    assert symbols[:1] in ([""], [])
    assert len(set(symbols)) == len(symbols)
    return found


def descriptions(message: bytes) -> Iterator[tuple[str, tuple[int, str, str]]]:
    """Name, and type, help and unit, of the metric of each series of an ``io.prometheus.write.v2.Request``."""
    found = list(fields(message))
    symbols = [content.decode() for number, content in found if number == 4]
    for series in (dict(fields(content)) for number, content in found if number == 5):
        names, at = [], 0
        while at < len(series[1]):
            reference, at = _varint(series[1], at)
            names.append(symbols[reference])
        described = dict(fields(series[5]))
        name = names[names.index("__name__") + 1]
        yield name, (described[1], symbols[described[3]], symbols[described.get(4, 0)])


def _checked(labels: list[tuple[str, str]], samples: list[tuple[int, bytes]]) -> Labels:
    names = [name for name, _ in labels]
    assert names == sorted(set(names)), "labels are sorted, and each is there once"
    assert "__name__" in names
    assert all(value for _, value in labels)
    times = [time for time, _ in samples]
    assert times
    assert times == sorted(times), "samples are in the order of their times"
    return tuple(labels)


def number(value: bytes) -> float:
    """A value from its bytes."""
    return struct.unpack("<d", value)[0]


class Receiver:
    """Keeps what is written to it as Prometheus 2.42 does: a request with a sample that does not fit is refused as a whole.

    Args:
        version: The only version that it understands; another is answered 204, and nothing of it is kept.
        fault: Called with the number of the request before it is handled; an answer that it returns is sent instead.
        lost: Called with the number of the request after it was handled; if true, nothing is answered.

    Attributes:
        samples: Value by time in milliseconds, by labels.
        requests: Requests with samples that were handled.
        sent: Samples of all requests that arrived.
        headers: Headers of the last request.
        content: Message of the last request.
        clock: Its clock, in Unix time.
    """

    def __init__(
        self,
        version: str = "1.0",
        fault: Callable[[int], Answer | None] = lambda number: None,
        lost: Callable[[int], bool] = lambda number: False,
    ) -> None:
        self.version, self.fault, self.lost = version, fault, lost
        self.samples: dict[Labels, dict[int, float]] = {}
        self.requests = self.sent = self._number = 0
        self.headers: dict[str, str] = {}
        self.content = b""
        self.clock: Callable[[], float] = time.time
        self._lock = threading.Lock()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                receiver._handle(self)

            def date_time_string(self, timestamp: float | None = None) -> str:
                return formatdate(receiver.clock(), usegmt=True)

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/api/v1/write"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def __enter__(self) -> Receiver:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def values(self, metric: str, /, **labels: str) -> dict[int, float]:
        """Value by time of the one series of a name that has these labels."""
        wanted = {("__name__", metric), *labels.items()}
        found = [points for one, points in list(self.samples.items()) if wanted <= set(one)]
        assert len(found) <= 1, "more than one series"
        return found[0] if found else {}

    def _handle(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers["Content-Length"]))
        with self._lock:
            self.headers = dict(request.headers)
            answer, lost = self._answered(body)
        if lost:
            request.close_connection = True
            request.connection.close()
            return
        content = answer.body.encode()
        request.send_response(answer.status)
        for header, value in {**answer.headers, "Content-Length": str(len(content))}.items():
            request.send_header(header, value)
        request.end_headers()
        request.wfile.write(content)

    def _answered(self, body: bytes) -> tuple[Answer, bool]:
        version = "2.0" if "v2.Request" in self.headers["Content-Type"] else "1.0"
        content = self.content = unpacked(body)
        if not content:
            return self.accepted(0), False
        self._number += 1
        number = self._number
        answer = self.fault(number)
        if answer is None:
            if version != self.version:
                return Answer(), False
            answer = self._take((read_2 if version == "2.0" else read_1)(content))
        return answer, self.lost(number)

    def accepted(self, written: int) -> Answer:
        """The answer to a request that was taken."""
        if self.version == "1.0":
            return Answer()
        return Answer(headers={"X-Prometheus-Remote-Write-Samples-Written": str(written)})

    def _take(self, found: list[tuple[Labels, list[tuple[int, bytes]]]]) -> Answer:
        self.requests += 1
        self.sent += sum(len(samples) for _, samples in found)
        for labels, samples in found:
            known = self.samples.get(labels, {})
            last = max(known, default=-1)
            for time_, value in samples:
                if time_ < last:
                    return Answer(400, "out of order sample")
                if time_ == last and not _same(known[last], value):
                    return Answer(400, "duplicate sample for timestamp")
        for labels, samples in found:
            self.samples.setdefault(labels, {}).update((time_, number(value)) for time_, value in samples)
        return self.accepted(sum(len(samples) for _, samples in found))


def _same(known: float, value: bytes) -> bool:
    return struct.pack("<d", known) == value or (math.isnan(known) and math.isnan(number(value)))
