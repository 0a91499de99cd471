"""Sends the rows of a run's log, in their order, and notes how far the receiver has taken them."""

from __future__ import annotations

from collections.abc import Callable

from traingauge.core.collectors.delivery import DeliveryCounts
from traingauge.core.step_log import Block
from traingauge.delivery.base import RowLog
from traingauge.delivery.remote_write.cursor import Cursor, CursorFile
from traingauge.delivery.remote_write.rows import Requests, RowSeries, Sent
from traingauge.delivery.remote_write.sender import Sender
from traingauge.delivery.remote_write.series import LATEST, Points, Series


class History:
    """The rows of one run on their way to one receiver.

    Args:
        log: The rows.
        series: Turns them into requests.
        sender: Sends a request; the receiver may have the first one already.
        file: Keeps the place.
        counts: Of the delivery.
        report: Called with what cannot be read or noted.
    """

    def __init__(  # noqa: PLR0917 each is another thing
        self,
        log: RowLog,
        series: RowSeries,
        sender: Sender,
        file: CursorFile,
        counts: DeliveryCounts,
        report: Callable[[Exception], None],
    ) -> None:
        self._log, self._counts, self._report = log, counts, report
        self._rows, self._sender, self._file = series, sender, file
        self._cursor = file.read()
        self._now: tuple[Cursor, Requests] | None = (
            None  # the block that is being sent, by the place before it
        )
        self._last: dict[Series, Sent] = self._rows.series(self._cursor.last)

    @property
    def last(self) -> dict[Series, Sent]:
        """The last sample of each series that was sent."""
        return self._last

    @property
    def taken(self) -> int:
        """Samples that the receiver has taken."""
        return self._sender.taken

    @property
    def pending(self) -> int:
        """Rows that were saved and are not yet delivered."""
        return max(0, self._log.total - self._cursor.rows)

    def send(self, until: int, latest: int = LATEST) -> bool:
        """Send what was saved.

        Args:
            until: Time in milliseconds; what comes after it waits.
            latest: The same; what comes after it was recorded before the clock was set back, and is given up.

        Returns:
            Whether nothing is left.

        Raises:
            UnavailableError: The rest waits for a later attempt.
        """
        self._count_deleted()
        total = self._log.total
        for place, block in self._log.after(self._cursor.place, self._report):
            if not self._send_block(block, until, latest):
                return False
            self._cursor.segment, self._cursor.offset = place
            self._cursor.rows += block.rows
            self._note()
        self._cursor.rows = max(self._cursor.rows, total)  # rows that cannot be read are not waited for
        return True

    def _send_block(self, block: Block, until: int, latest: int) -> bool:
        requests = self._requests(block)
        while self._cursor.part < len(requests.parts):
            part = requests.parts[self._cursor.part]
            points = _up_to(latest, part)
            if any(int(one.times.max()) > until for one in points):
                return False
            if points:
                self._counts.oldest = _first(points)
                self._sender.send(points)
            self._counts.dropped["clock"] += _size(part) - _size(points)
            self._cursor.part += 1
            if self._cursor.part < len(requests.parts):
                self._note()
        before = self._cursor.last
        self._cursor.part, self._cursor.last = (
            0,
            {
                column: sent if sent.time <= latest else before[column]
                for column, sent in requests.last.items()
                if sent.time <= latest or column in before
            },
        )
        self._last = self._rows.series(self._cursor.last)
        self._now = None
        return True

    def _requests(self, block: Block) -> Requests:
        """The requests of the block after the cursor, which are made once."""
        if self._now is None or self._now[0].place != self._cursor.place:
            requests = self._rows.requests(block, self._cursor.last)
            self._counts.moved += requests.moved
            self._counts.dropped["crowded"] += requests.crowded
            self._now = Cursor(*self._cursor.place), requests
        return self._now[1]

    def _count_deleted(self) -> None:
        gone = self._log.deleted - self._cursor.rows
        if gone > 0:
            self._counts.dropped["log"] += gone
            self._cursor.rows = self._log.deleted
            self._cursor.part = 0

    def _note(self) -> None:
        try:
            self._file.write(self._cursor)
        except OSError as error:
            self._report(error)


def _up_to(latest: int, points: list[Points]) -> list[Points]:
    """The points up to a time in milliseconds."""
    if all(int(one.times.max()) <= latest for one in points):
        return points
    kept = [
        Points(one.series, one.times[one.times <= latest], one.values[one.times <= latest]) for one in points
    ]
    return [one for one in kept if len(one.times)]


def _size(points: list[Points]) -> int:
    return sum(len(one.times) for one in points)


def _first(points: list[Points]) -> float:
    """Unix time in seconds of the first of them."""
    return min(int(one.times[0]) for one in points) / 1000
