"""The log of a run's rows in its state directory: appended to, and never rewritten.

::

    rows-00000001.log    a segment: frames, one after the other
    rows-00000002.log

A frame is a mark, its length, a CRC-32 of the rest, a line of JSON that names a block's table and columns, and the columns,
deflated. Each is complete or, by its checksum, not there. After a damaged frame reading continues at the next mark.

Which segments count, and up to where, stands in the :class:`Extent` that every copy of the state holds. So an end that was
torn off by a kill, a write that failed halfway and whatever was written after the copy that is resumed need no repair: no
extent includes them. A writer begins a segment of its own, also after an error, and leaves those before it alone.

The oldest segments are deleted where all are larger than a limit, and their rows are counted in the extent.
"""

from __future__ import annotations

import json
import os
import re
import struct
import zlib
from collections.abc import Callable, Container, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from traingauge.archive import not_following
from traingauge.core.step_log import Block
from traingauge.errors import DamagedFileError

#: Size in bytes from which a new segment is begun, at most; it is never more than an eighth of the log.
SEGMENT_BYTES = 16 << 20

#: Bytes that one block may unpack to.
BLOCK_BYTES = 256 << 20

_MARK = b"\xb1row"
_HEAD = struct.Struct("<4sII")
_NAME = re.compile(r"rows-(\d{8})\.log")


class Cursor(NamedTuple):
    """A place in the log: number of the segment, and offset in bytes."""

    segment: int
    offset: int


#: The beginning of every log.
START = Cursor(0, 0)


class Piece(NamedTuple):
    """The part of a segment that counts: its number, its first bytes, and the rows in them."""

    segment: int
    end: int
    rows: int


class Extent(NamedTuple):
    """What the log holds.

    Attributes:
        pieces: Oldest first.
        deleted: Rows that were deleted, as the log had become too large.
    """

    pieces: tuple[Piece, ...] = ()
    deleted: int = 0

    def save(self) -> dict[str, Any]:
        """As plain values."""
        return {"pieces": [list(piece) for piece in self.pieces], "deleted": self.deleted}

    @classmethod
    def restored(cls, saved: Any) -> Extent:
        """What :meth:`save` gave."""
        return cls(tuple(Piece(*piece) for piece in saved["pieces"]), saved["deleted"])


class Log:
    """Appends to the log; one thread at a time.

    Args:
        directory: The state directory.
        extent: What is there.
        most: Size in bytes of all segments beyond which the oldest are deleted.

    Attributes:
        extent: What is there now.
    """

    def __init__(self, directory: Path, extent: Extent, most: int) -> None:
        self._directory, self.extent = directory, extent
        self._most, self._segment_bytes = most, min(SEGMENT_BYTES, most // 8)
        self._descriptor = -1

    def append(self, blocks: Sequence[Block]) -> None:
        """Write blocks, and wait until the disk has them; all of them or, by the extent, none.

        Raises:
            OSError: They cannot be written.
        """
        if not blocks:
            return
        data = b"".join(map(_framed, blocks))
        try:
            if self._descriptor < 0 or self.extent.pieces[-1].end >= self._segment_bytes:
                self._begin()
            _write(self._descriptor, data)
            os.fsync(self._descriptor)
        except OSError:
            self._abandon()
            raise
        *before, last = self.extent.pieces
        rows = sum(block.rows for block in blocks)
        grown = Piece(last.segment, last.end + len(data), last.rows + rows)
        self.extent = self.extent._replace(pieces=(*before, grown))

    def close(self) -> None:
        """Close the segment."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _begin(self) -> None:
        self.close()
        self._delete_oldest()
        number = max((number for number, _ in _segments(self._directory)), default=0) + 1
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
        self._descriptor = not_following(str(segment_path(self._directory, number)), flags)
        self.extent = self.extent._replace(pieces=(*self.extent.pieces, Piece(number, 0, 0)))
        directory = os.open(self._directory, os.O_RDONLY)
        try:
            os.fsync(directory)  # so that a crash of the machine keeps the file's name, too
        finally:
            os.close(directory)

    def _abandon(self) -> None:
        """Write no more to a segment that may end in half a frame; one that holds nothing else is removed."""
        begun = self._descriptor >= 0
        self.close()
        if begun and self.extent.pieces[-1].end == 0:
            *before, last = self.extent.pieces
            self.extent = self.extent._replace(pieces=tuple(before))
            segment_path(self._directory, last.segment).unlink(missing_ok=True)

    def _delete_oldest(self) -> None:
        found = [(number, path, path.stat().st_size) for number, path in _segments(self._directory)]
        size = sum(size for *_, size in found)
        for number, path, own in found:
            if size <= self._most:
                return
            size -= own
            gone = sum(piece.rows for piece in self.extent.pieces if piece.segment == number)
            kept = tuple(piece for piece in self.extent.pieces if piece.segment != number)
            self.extent = Extent(kept, self.extent.deleted + gone)
            path.unlink(missing_ok=True)


def read(
    directory: Path,
    extent: Extent,
    damaged: Callable[[Exception], None],
    *,
    tables: Container[str],
    after: Cursor = START,
) -> Iterator[tuple[Cursor, Block]]:
    """The blocks of some tables, each with the place after it; a run may append meanwhile.

    Args:
        directory: The state directory.
        extent: What to read.
        damaged: Called with each stretch that cannot be read; reading continues after it.
        tables: Names of the tables.
        after: Read on from here.
    """
    for piece in extent.pieces:
        if piece.segment < after.segment:
            continue
        start = after.offset if piece.segment == after.segment else 0
        if start >= piece.end:
            continue
        path = segment_path(directory, piece.segment)
        try:
            with open(path, "rb", opener=not_following) as file:
                file.seek(start)
                data = file.read(piece.end - start)
        except OSError as error:
            damaged(error)
            continue
        if start + len(data) < piece.end:
            damaged(DamagedFileError(f"{path} is damaged: rows after byte {start + len(data)} are missing"))
        for end, payload in _frames(path, data, start, damaged):
            block = _block(path, payload, tables, damaged)
            if block is not None:
                yield Cursor(piece.segment, end), block


def segment_path(directory: Path, number: int) -> Path:
    """The file of a segment."""
    return directory / f"rows-{number:08d}.log"


def _segments(directory: Path) -> list[tuple[int, Path]]:
    found = ((_NAME.fullmatch(path.name), path) for path in directory.iterdir())
    return sorted((int(match[1]), path) for match, path in found if match)


def _framed(block: Block) -> bytes:
    names = list(block.columns)
    line = json.dumps({"table": block.table, "attempt": block.attempt, "rows": block.rows, "columns": names})
    values = b"".join(np.ascontiguousarray(block.columns[name], "<f8").tobytes() for name in names)
    payload = line.encode() + b"\n" + zlib.compress(values, 1)
    return _HEAD.pack(_MARK, len(payload), zlib.crc32(payload)) + payload


def _frames(
    path: Path, data: bytes, start: int, damaged: Callable[[Exception], None]
) -> Iterator[tuple[int, bytes]]:
    """The payloads of the intact frames in the bytes from an offset on, each with the offset after it."""
    at = 0
    while at < len(data):
        if len(data) - at >= _HEAD.size:
            mark, length, checksum = _HEAD.unpack_from(data, at)
            end = at + _HEAD.size + length
            payload = data[at + _HEAD.size : end]
            if mark == _MARK and end <= len(data) and zlib.crc32(payload) == checksum:
                yield start + end, payload
                at = end
                continue
        following = data.find(_MARK, at + 1)
        following = len(data) if following < 0 else following
        damaged(
            DamagedFileError(
                f"{path} is damaged: the rows in bytes {start + at} to {start + following} are left out"
            )
        )
        at = following


def _block(
    path: Path, payload: bytes, tables: Container[str], damaged: Callable[[Exception], None]
) -> Block | None:
    """The block of a frame; ``None`` if it is of another table or cannot be one."""
    try:
        line, _, packed = payload.partition(b"\n")
        header = json.loads(line)
        if header["table"] not in tables:
            return None
        rows, names = header["rows"], header["columns"]
        size = 8 * rows * len(names)
        if not 0 < size <= BLOCK_BYTES:
            raise ValueError(f"a block of {size} bytes")
        values = np.frombuffer(zlib.decompressobj().decompress(packed, size + 1), "<f8").reshape(
            len(names), rows
        )
        return Block(header["table"], header["attempt"], dict(zip(names, values, strict=True)))
    except (ValueError, LookupError, TypeError, zlib.error) as error:
        damaged(DamagedFileError(f"{path} holds rows that are none: {error}"))
        return None


def _write(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
