"""Keeps the rows of a run that has no state directory, for the deliveries that read them."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import time
import weakref
from collections.abc import Container, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from traingauge.core.families import Identity
from traingauge.core.recorder import Recorder
from traingauge.core.step_log import Block, Disk
from traingauge.errors import StateDirectoryError, UnsupportedPlatformError
from traingauge.state.lock import Lock
from traingauge.state.log import Extent, Log, read
from traingauge.state.persistence import lost, write_rows
from traingauge.state.saved_rows import SavedRows
from traingauge.state.saver import Saver
from traingauge.state.transient import Transient

#: Most bytes of rows on disk; the oldest are deleted beyond it.
MOST_BYTES = 256 << 20

#: Most seconds between two writes.
EVERY = 30.0

#: How the names of the directories begin, and the file in each that its process keeps locked.
PREFIX, LOCK = "traingauge-rows-", "traingauge.lock"

#: Directories of killed processes that a run removes at most; one younger than some seconds may not be locked yet.
MOST_SWEPT, LEAST_AGE = 100, 60.0


class Spool(Transient):
    """A log of rows in a temporary directory, which goes with the monitor.

    That of a process that was killed stays, and the next run removes it.

    Args:
        run: Name of the run; ``None`` leaves it open.

    Raises:
        OSError: There is no place for it.
    """

    rows: SavedRows

    def __init__(self, run: str | None) -> None:
        super().__init__(run)
        self._directory = Path(tempfile.mkdtemp(prefix=PREFIX))
        lock = _locked(self._directory)
        self._remove = weakref.finalize(self, _removed, self._directory, lock, os.getpid())
        self.rows = SavedRows(self._directory, Extent(), kept=False)
        self._recorder: Recorder | None = None
        self._saver: Saver | None = None
        self._log = Log(self._directory, Extent(), MOST_BYTES)

    def start(self, recorder: Recorder, identity: Identity) -> None:
        """Write rows from now on: soon after each reading of the run, and at least every :data:`EVERY` seconds."""
        self._recorder = recorder
        self._saver = Saver(partial(_write, recorder, self._log, self.rows), EVERY, recorder.guard)
        recorder.snapshot.write_rows_to(Disk(self._saver.hurry, partial(lost, recorder.guard)))
        recorder.reader.when_read = self._saver.ask
        self._saver.ask()
        sweep = partial(recorder.guard.shield, "state", _sweep, self._directory.parent)
        threading.Thread(target=sweep, name="traingauge-sweep", daemon=True).start()

    def read(self, extent: Any, tables: Container[str]) -> Iterator[Block]:
        """The rows of some tables that are on disk."""
        if self._recorder is not None and extent is not None:
            damaged = partial(self._recorder.guard.report, "state")
            for _, block in read(self._directory, extent, damaged, tables=tables):
                yield block

    def close(self) -> None:
        """Write what is left; it can be read until the monitor is gone."""
        if self._saver is None:
            self._remove()
        elif self._saver.close():
            self._log.close()


def _write(recorder: Recorder, log: Log, rows: SavedRows) -> None:
    began = time.time()
    write_rows(recorder.snapshot, recorder.snapshot.take_rows(), log)
    rows.saved(log.extent, began)


def _removed(directory: Path, lock: Lock | None, owner: int) -> None:
    """Remove the directory, unless this process is a child of the one that made it."""
    if os.getpid() == owner:
        shutil.rmtree(directory, ignore_errors=True)
        if lock is not None:
            lock.release()


def _locked(directory: Path) -> Lock | None:
    """The lock of a directory; ``None`` where files cannot be locked: then no run removes it either."""
    try:
        return Lock(directory / LOCK)
    except (StateDirectoryError, UnsupportedPlatformError):
        return None


def _sweep(place: Path) -> None:
    """Remove the directories of this user's processes that were killed: what held their locks is gone."""
    with os.scandir(place) as entries:
        found = (
            Path(one.path)
            for one in entries
            if one.name.startswith(PREFIX) and one.is_dir(follow_symlinks=False)
        )
        for directory in islice(filter(_is_old, found), MOST_SWEPT):
            if (lock := _locked(directory)) is not None:
                shutil.rmtree(directory, ignore_errors=True)
                lock.release()


def _is_old(directory: Path) -> bool:
    """Whether it is this user's, and its process has had time to lock it."""
    try:
        found = (directory / LOCK).lstat()
    except OSError:  # its file system does not lock
        return False
    return found.st_uid == os.getuid() and time.time() - found.st_mtime > LEAST_AGE
