"""A run on its way to a receiver: a thread that sends what was recorded."""

from __future__ import annotations

import threading
import time

from traingauge.core.families import single
from traingauge.delivery.base import RunView
from traingauge.delivery.gil import GilYielder
from traingauge.delivery.remote_write.cursor import CursorFile
from traingauge.delivery.remote_write.errors import GIVEN_UP, UnavailableError
from traingauge.delivery.remote_write.history import History
from traingauge.delivery.remote_write.readings import Readings, ended
from traingauge.delivery.remote_write.rows import MOST_SAMPLES, RowSeries
from traingauge.delivery.remote_write.sender import (
    FIRST_RETRY,
    LAST_RETRY,
    LONGEST_RETRY,
    SHORT_RETRY,
    Sender,
)
from traingauge.delivery.remote_write.series import LATEST, Points
from traingauge.delivery.remote_write.setting import RemoteWrite
from traingauge.forks import leave_to_parent_after_fork
from traingauge.logs import logger

#: Seconds between two looks for rows that were saved.
POLL = 1.0

#: Milliseconds that a reading waits for the save after it.
LONGEST_SAVE = 60_000


class RunningRemoteWrite:
    """A remote write at work for one run.

    All work is done by its thread: the run is read as by a scrape, and its rows are read from the log on disk.

    Args:
        setting: Where to, and what.
        run: What to send.

    Raises:
        InvalidArgumentError: The file with the token or the password cannot be read.
    """

    url = None

    def __init__(self, setting: RemoteWrite, run: RunView) -> None:
        self.linger = setting.linger
        self._client = client = setting.client()
        self._setting, self._run, self._interval = setting, run, setting.interval
        self._pace = single("model_delivery_interval_seconds", setting.interval)
        self._counts = run.counts()
        self._history = None
        if run.rows is not None:
            series = RowSeries(run.identity, setting.every)
            sender = Sender(client.post, self._counts, repeated=True)
            cursor = CursorFile(run.rows.directory, setting.receiver)
            self._history = History(run.rows, series, sender, cursor, self._counts, self._report)
        self._readings = Readings(run.identity, self._counts)
        self._sender = Sender(client.post, self._counts)
        self._now: list[list[Points]] = []  # what is left of the oldest reading
        self._retry, self._retry_at, self._before = 0.0, 0.0, 0
        self._said: set[str] = set()
        self._ending, self._closed, self._done = False, False, False
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._work, name="traingauge-remote-write", daemon=True)
        self._thread.start()
        leave_to_parent_after_fork(self)

    def leave_to_parent(self) -> None:
        """A forked child has no such thread, and closes its copy of the connection."""
        self._closed, self._wake = True, threading.Event()
        self._client.close()

    def finish(self, ended: float, deadline: float) -> None:
        """Send what was recorded up to the end, and mark the end of each series."""
        self._client.deadline = deadline
        self._ending = True
        self._wake.set()
        self._thread.join(max(0.0, deadline - time.monotonic()))
        if not self._done:
            model, name = self._run.identity.name
            logger.warning(
                "run %s of %s has ended, and %s has not taken all of it: %s",
                name,
                model,
                self._client.url,
                self._rest(),
            )

    def _rest(self) -> str:
        """What becomes of what was not sent."""
        rows = self._run.rows
        if rows is None or not rows.kept:
            return "the rest is lost, as the run keeps no state"
        return f"`{self._setting.push_command(rows.directory)}` sends the rest of its steps"

    def close(self) -> None:
        """Stop after the request under way, whatever is left: a new run may continue in the state directory."""
        self._client.deadline = 0.0
        self._closed = True
        self._wake.set()

    def _work(self) -> None:
        read_at = time.monotonic()
        while not self._closed:
            ending = self._ending
            if ending or time.monotonic() >= read_at:
                self._run.guard.shield("delivery", self._read)
                read_at = time.monotonic() + self._interval
            if ending:
                self._run.guard.shield("delivery", self._end)
                break
            if time.monotonic() >= self._retry_at:
                self._run.guard.shield("delivery", self._attempt)
            self._wait(
                max(0.0, min(read_at, max(self._retry_at, time.monotonic() + POLL)) - time.monotonic())
            )
        self._client.close()

    def _wait(self, seconds: float) -> None:
        self._wake.wait(seconds)

    def _read(self) -> None:
        began = _milliseconds()
        families = [*self._run.families(GilYielder().maybe_yield), self._pace]
        self._readings.add(began, _milliseconds(), families)

    def _attempt(self) -> bool:
        """Send what waits; returns whether nothing is left."""
        try:
            sent = self._send()
            if not sent:
                self._client.ask_for_time()
        except UnavailableError as error:
            self._counts.failures[error.reason] += 1
            self._report(error)
            self._pause(error.wait)
            sent = False
        self._count()
        return sent

    def _pause(self, asked: float) -> None:
        """Put the next attempt off, the longer the more have failed; hardly if something was taken since the last one."""
        progress, self._before = self._client.taken > self._before, self._client.taken
        self._retry = SHORT_RETRY if progress else min(max(FIRST_RETRY, 2 * self._retry), LONGEST_RETRY)
        self._retry_at = time.monotonic() + max(asked, self._retry)

    def _send(self) -> bool:
        """Send what waits, the rows first: a reading repeats what they have sent last."""
        if not self._client.answered:
            self._client.ask_for_time()  # this clock may be ahead from the beginning
        self._send_reading()  # the rest of one that was begun
        # Read before the rows are sent: those that are saved meanwhile are not.
        until, latest = self._client.now(), self._client.latest()
        ending, saved = self._ending, self._saved()
        if self._history is not None and not self._history.send(until, latest):
            return False
        self._readings.give_up_after(latest)
        while self._readings.waiting:
            reading = self._readings.waiting[0]
            there = ending or saved > reading.time
            if reading.time > until or not (there or abs(_milliseconds() - reading.time) > LONGEST_SAVE):
                return False
            of_rows = {} if self._history is None else self._history.last
            final = ending and len(self._readings.waiting) == 1
            points = self._readings.points(of_rows, repeats=there, final=final)
            self._now = [points[at : at + MOST_SAMPLES] for at in range(0, len(points), MOST_SAMPLES)]
            self._counts.oldest = reading.time / 1000
            self._send_reading()
        return True

    def _send_reading(self) -> None:
        """Send the oldest reading, in parts."""
        begun = bool(self._now)
        while self._now:
            self._sender.send(self._now[0])
            del self._now[0]
        if begun:
            self._readings.sent()

    def _saved(self) -> float:
        """Unix time in milliseconds up to which all rows are in the log, so that none with an earlier time follows.

        The time of a save before the clock was set back says nothing about rows after it.
        """
        if self._run.rows is None:
            return LATEST
        saved = 1000 * self._run.rows.until
        return saved if saved <= 1000 * time.time() else 0.0

    def _count(self) -> None:
        for reason, count in self._counts.dropped.items():
            if count and reason not in self._said:
                self._said.add(reason)
                logger.warning(
                    "samples are given up on their way to %s: %s; further ones are only counted in "
                    'model_delivery_dropped_total{reason="%s"}',
                    self._client.url,
                    GIVEN_UP[reason],
                    reason,
                )
        rows = 0 if self._history is None else self._history.pending
        self._counts.pending = rows + len(self._readings.waiting)
        if not rows:
            waiting = self._readings.waiting
            self._counts.oldest = waiting[0].time / 1000 if waiting else None

    def _end(self) -> None:
        """Send the rest, as long as there is time."""
        while not self._closed:
            if self._attempt() and self._mark_ends():
                self._done = True
                return
            left = self._client.deadline - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(left, LAST_RETRY, max(0.0, self._retry_at - time.monotonic())))

    def _mark_ends(self) -> bool:
        last = {} if self._history is None else self._history.last
        moments = [_milliseconds(), self._readings.last + 1, *(sent.time + 1 for sent in last.values())]
        moment = max(moments) + 1
        points = ended([*self._readings.shown().union(last)], moment)
        try:
            for at in range(0, len(points), MOST_SAMPLES):
                self._sender.send(points[at : at + MOST_SAMPLES])
        except UnavailableError as error:
            self._counts.failures[error.reason] += 1
            return False
        return True

    def _report(self, error: Exception) -> None:
        self._run.guard.report("delivery", error)


def _milliseconds() -> int:
    return int(1000 * time.time())
