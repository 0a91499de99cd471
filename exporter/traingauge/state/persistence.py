"""Keeps a run in its state directory: resumes it, and saves it until it ends."""

from __future__ import annotations

import time
from collections.abc import Container, Iterator, Sequence
from functools import partial
from pathlib import Path

from traingauge.core.collectors.scores import RECORDS
from traingauge.core.families import Identity
from traingauge.core.guard import Guard
from traingauge.core.recorder import Recorder
from traingauge.core.snapshot import Snapshot
from traingauge.core.step_log import Block, Disk
from traingauge.options import State
from traingauge.state.log import Extent, Log, read
from traingauge.state.saved_rows import SavedRows
from traingauge.state.saver import Saver
from traingauge.state.store import Store
from traingauge.state.transient import Transient


class Persistence(Transient):
    """The saved state of one run.

    Args:
        setting: Where to keep it, and how often.
        model: Name of the model.
        run: Name of the run; ``None`` continues the run that the directory holds.

    Attributes:
        run: Name of the run that is resumed, or the given one.
        directory: Where it is kept.
        rows: The rows that the last copy of the state includes.

    Raises:
        StateInUseError: A live process uses the directory.
        StateLockError: Its file system does not lock.
        StateMismatchError: It holds the state of another run.
        DamagedFileError: None of its copies can be read, or a newer version wrote them.
        StateDirectoryError: It cannot be created, read or written.
    """

    rows: SavedRows

    def __init__(self, setting: State, model: str, run: str | None) -> None:
        super().__init__(run)
        self._guard: Guard | None = None
        self._every, self._log_bytes = setting.save_every, setting.log_bytes
        self._saver: Saver | None = None
        self._extent = Extent()
        self._log: Log | None = None
        self._closed = False
        self.directory = Path(setting.directory)
        self._store = Store(self.directory)
        try:
            self._found = self._store.resume(model, run, RECORDS)
            if self._found is not None:
                self.run = self._found.identity.run
                self._extent = Extent.restored(self._found.tree["log"])
        except BaseException:
            self._store.close()
            raise
        self.rows = SavedRows(self.directory, self._extent)

    def restore(self, recorder: Recorder) -> None:
        """Restore the saved run into a new recorder."""
        self._guard = recorder.guard
        recorder.restarts.count = 0
        if self._found is not None:
            for path in self._found.damaged:
                error = RuntimeError(f"{path} cannot be read or is damaged: an older copy was resumed")
                recorder.guard.report("state", error)
            recorder.snapshot.restore(self._found.tree, self._extent, self.read)
        self._found = None

    def start(self, recorder: Recorder, identity: Identity) -> None:
        """Save from now on: soon after each scrape, and at least as often as the setting says."""
        self._log = Log(self._store.directory, self._extent, self._log_bytes)
        save = partial(_save, recorder, self._store, self._log, identity, self.rows)
        self._saver = Saver(save, self._every, recorder.guard)
        recorder.snapshot.write_rows_to(Disk(self._saver.hurry, partial(lost, recorder.guard)))
        recorder.reader.when_read = self._saver.ask
        self._saver.ask()

    def read(self, extent: Extent | None, tables: Container[str]) -> Iterator[Block]:
        """The rows of some tables that are on disk. What is missing or damaged there is counted, and left out."""
        if self._guard is not None and extent is not None:
            damaged = partial(self._guard.report, "state")
            for _, block in read(self._store.directory, extent, damaged, tables=tables):
                yield block

    def close(self) -> None:
        """Save once more and release the directory, unless a hung disk still writes there; a second call does nothing."""
        if self._closed:
            return
        self._closed = True
        if self._saver is None or self._saver.close():
            self._store.close()
            if self._log is not None:
                self._log.close()


def _save(recorder: Recorder, store: Store, log: Log, identity: Identity, rows: SavedRows) -> None:
    """Rows first, then a copy of the state that says how far they go; then deliveries may send the rows."""
    began = time.time()
    tree, blocks = recorder.snapshot.save()
    write_rows(recorder.snapshot, blocks, log)
    now = time.time()
    store.save(identity, now, {**tree, "log": log.extent.save()})
    recorder.snapshot.saved(now)
    rows.saved(log.extent, began)


def write_rows(snapshot: Snapshot, blocks: Sequence[Block], log: Log) -> None:
    """Append rows that a snapshot gave away to the log, and say how far it goes; on any error it has them back.

    Args:
        snapshot: Of the run.
        blocks: The rows.
        log: Where they are kept.
    """
    try:
        log.append(blocks)
    except BaseException:
        snapshot.failed_rows()
        raise
    snapshot.wrote_rows(log.extent)


def lost(guard: Guard, rows: int) -> None:
    """Count rows that were given up."""
    guard.report("state", RuntimeError(f"the disk does not keep up with training: {rows} rows are given up"))
