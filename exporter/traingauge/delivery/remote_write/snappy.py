"""Snappy's block format, which remote write requires: by a C library where one is installed, else by numpy.

The numpy encoder looks for repetitions only where remote write has most of them: the labels of a series repeat those of the
series before it, from the beginning and from the end. Everything else is a literal. So it needs no loop over bytes, and
messages of many samples, whose values repeat little, cost next to nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]

#: Stretches of bytes: where each begins, its length, and how far back it stands, too; 0 if it does not.
Spans: TypeAlias = tuple[Integers, Integers, Integers]

#: Least and most bytes of a copy: a shorter one would save nothing. And most bytes of a literal.
LEAST_COPY, MOST_COPY, MOST_LITERAL = 4, 64, 1 << 16

#: Largest distance that a copy of three bytes can have.
FARTHEST = 0xFFFF


class Message(NamedTuple):
    """One length-delimited message.

    Attributes:
        data: Its bytes.
        head: Bytes at its beginning in which repetitions are looked for.
    """

    data: bytes
    head: int


def compress(before: bytes, messages: list[Message]) -> bytes:
    r"""A block of snappy.

    Args:
        before: Bytes before the messages.
        messages: What follows.

    >>> compress(b"", [Message(b"loss loss loss loss", 19)])
    b'\x13Hloss loss loss loss'
    """
    data = b"".join([before, *(message.data for message in messages)])
    compiled = _compiled()
    if compiled is not None:
        return compiled(data)
    content = np.frombuffer(data, np.uint8)
    return varint(len(data)) + b"".join(_elements(data, _copies(content, len(before), messages)))


def varint(number: int) -> bytes:
    r"""An unsigned number in groups of seven bits, as protobuf and snappy have it.

    >>> varint(300)
    b'\xac\x02'
    """
    groups = bytearray()
    while number > 0x7F:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    groups.append(number)
    return bytes(groups)


def _compiled() -> Callable[[bytes], bytes] | None:
    """The function of a C library; ``None`` if none is installed."""
    try:
        import cramjam
    except ImportError:
        return None
    return lambda data: bytes(cramjam.snappy.compress_raw(data))


def _copies(content: NDArray[np.uint8], before: int, messages: list[Message]) -> Spans:
    """Stretches of the messages' heads that stand earlier in the content, too."""
    if not messages:
        none = np.empty(0, np.int64)
        return none, none, none
    lengths = np.array([len(message.data) for message in messages])
    heads = np.minimum([message.head for message in messages], lengths)
    starts = before + lengths.cumsum() - lengths
    firsts = heads.cumsum() - heads
    places = np.arange(heads.sum()) + np.repeat(starts - firsts, heads)
    # From its beginning a head is compared with the one before it, and from the first difference on from its end.
    previous = np.repeat(np.concatenate([[0], lengths[:-1]]), heads)
    differs = content[places] != content[places - previous]
    found = np.concatenate([[0], differs.cumsum()])
    alike = found[1:] == np.repeat(found[firsts], heads)
    distances = np.where(alike, previous, np.repeat(lengths, heads))
    distances[(distances > places) | (distances > FARTHEST)] = 0
    distances[content[places] != content[places - distances]] = 0
    joined = (distances[1:] == distances[:-1]) & (np.diff(places) == 1)
    begins = np.concatenate([[0], (~joined).nonzero()[0] + 1])
    sizes = np.diff(np.append(begins, len(places)))
    kept = (distances[begins] > 0) & (sizes >= LEAST_COPY)
    return places[begins[kept]], sizes[kept], distances[begins[kept]]


def _elements(data: bytes, copies: Spans) -> Iterator[bytes]:
    """The copies, and literals of everything between them."""
    at = 0
    for begin, length, distance in zip(*(column.tolist() for column in copies), strict=True):
        yield from _literals(data[at:begin])
        back, at = distance.to_bytes(2, "little"), begin + length
        for rest in range(length, 0, -MOST_COPY):
            yield bytes([min(rest, MOST_COPY) - 1 << 2 | 2]) + back
    yield from _literals(data[at:])


def _literals(data: bytes) -> Iterator[bytes]:
    for start in range(0, len(data), MOST_LITERAL):
        literal = data[start : start + MOST_LITERAL]
        less = len(literal) - 1
        if less < 60:
            yield bytes([less << 2])
        else:
            yield b"\xf4" + less.to_bytes(2, "little")  # its length less one is in the two bytes that follow
        yield literal
