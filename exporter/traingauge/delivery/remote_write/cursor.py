"""How far a delivery has come in the run's log of rows; it moves only behind what the receiver has taken.

It is a small file next to the log, one for each receiver and tenant, and is replaced whole.
"""

from __future__ import annotations

import json
import zlib
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from traingauge.archive import not_following
from traingauge.delivery.remote_write.rows import Sent


@dataclass
class Cursor:
    """A place in the log, and what has to be known to continue from it.

    Attributes:
        segment: Number of the segment.
        offset: Bytes of it that were delivered.
        part: Requests of the next block that were delivered. The same block gives the same requests, so that one that was
            cut off by a kill is sent again as it was, and a receiver knows it by that.
        rows: Rows of all tables before the place.
        last: Last sample before that block, by table and column.
    """

    segment: int = 0
    offset: int = 0
    part: int = 0
    rows: int = 0
    last: dict[str, Sent] = field(default_factory=dict)

    @property
    def place(self) -> tuple[int, int]:
        """The place."""
        return self.segment, self.offset


class CursorFile:
    """Keeps a cursor on disk.

    Args:
        directory: The log's.
        receiver: What tells it from others.
    """

    def __init__(self, directory: Path, receiver: str) -> None:
        self._path = directory / f"remote-write-{zlib.crc32(receiver.encode()):08x}.json"

    def read(self) -> Cursor:
        """The cursor as it was left; the beginning of the log if there is none that can be read."""
        with (
            suppress(OSError, ValueError, TypeError),
            open(self._path, encoding="utf-8", opener=not_following) as file,
        ):
            return _checked(json.load(file))
        return Cursor()

    def write(self, cursor: Cursor) -> None:
        """Replace the file.

        Raises:
            OSError: It cannot be written.
        """
        unfinished = self._path.with_suffix(".unfinished")
        with open(unfinished, "w", encoding="utf-8", opener=not_following) as file:
            json.dump(vars(cursor), file)
        unfinished.replace(self._path)


def _checked(saved: Any) -> Cursor:
    cursor = Cursor(**saved)
    last = {str(column): Sent(int(time), float(value)) for column, (time, value) in cursor.last.items()}
    return Cursor(int(cursor.segment), int(cursor.offset), int(cursor.part), int(cursor.rows), last)
