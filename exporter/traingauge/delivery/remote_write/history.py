"""Sends the rows of a run's log, in their order, and notes how far the receiver has taken them."""

from __future__ import annotations

from collections.abc import Callable

from traingauge.core.collectors.delivery import DeliveryCounts
from traingauge.core.step_log import Block
from traingauge.delivery.base import RowLog
from traingauge.delivery.remote_write.cursor import Cursor, CursorFile
from traingauge.delivery.remote_write.rows import Requests, RowSeries, Sent
from traingauge.delivery.remote_write.sender import Sender
from traingauge.delivery.remote_write.series import Points, Series


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

    def send(self, until: int) -> bool:
        """Send what was saved.

        Args:
            until: Time in milliseconds; what comes after it waits.

        Returns:
            Whether nothing is left.

        Raises:
            UnavailableError: The rest waits for a later attempt.
        """
        self._count_deleted()
        total = self._log.total
        for place, block in self._log.after(self._cursor.place, self._report):
            if not self._send_block(block, until):
                return False
            self._cursor.segment, self._cursor.offset = place
            self._cursor.rows += block.rows
            self._note()
        self._cursor.rows = max(self._cursor.rows, total)  # rows that cannot be read are not waited for
        return True

    def _send_block(self, block: Block, until: int) -> bool:
        requests = self._requests(block)
        while self._cursor.part < len(requests.parts):
            points = requests.parts[self._cursor.part]
            if max(int(one.times[-1]) for one in points) > until:
                return False
            self._counts.oldest = _first(points)
            self._sender.send(points)
            self._cursor.part += 1
            if self._cursor.part < len(requests.parts):
                self._note()
        self._cursor.part, self._cursor.last = 0, requests.last
        self._last = self._rows.series(requests.last)
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


def _first(points: list[Points]) -> float:
    """Unix time in seconds of the first of them."""
    return min(int(one.times[0]) for one in points) / 1000
