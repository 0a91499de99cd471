"""Keeps a run in its state directory: resumes it, and saves it until it ends."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from traingauge.core.collectors.scores import RECORDS
from traingauge.core.families import Identity
from traingauge.core.guard import Guard
from traingauge.core.recorder import Recorder
from traingauge.errors import DamagedFileError
from traingauge.options import State
from traingauge.state.saver import Saver
from traingauge.state.store import Store, read_segment

_NOTHING: Mapping[str, NDArray[np.float64]] = {}


class Persistence:
    """The saved state of one run.

    Args:
        setting: Where to keep it, and how often; ``None`` keeps nothing.
        model: Name of the model.
        run: Name of the run; ``None`` continues the run that the directory holds.

    Attributes:
        run: Name of the run that is resumed, or the given one.

    Raises:
        StateInUseError: A live process uses the directory.
        StateLockError: Its file system does not lock.
        StateMismatchError: It holds the state of another run.
        DamagedFileError: None of its copies can be read, or a newer version wrote them.
        OSError: It cannot be created or written.
    """

    def __init__(self, setting: State | None, model: str, run: str | None) -> None:
        self.run = run
        self._store: Store | None = None
        self._guard: Guard | None = None
        self._every = 0.0
        self._saver: Saver | None = None
        self._closed = False
        if setting is None:
            return
        self._every = setting.save_every
        self._store = Store(Path(setting.directory))
        try:
            self._found = self._store.resume(model, run, RECORDS)
        except BaseException:
            self._store.close()
            raise
        if self._found is not None:
            self.run = self._found.identity.run

    def restore(self, recorder: Recorder) -> None:
        """Restore the saved run into a new recorder."""
        if self._store is not None:
            self._guard = recorder.guard
            recorder.restarts.count = 0
            if self._found is not None:
                for path in self._found.damaged:
                    error = RuntimeError(f"{path} cannot be read or is damaged: an older copy was resumed")
                    recorder.guard.report("state", error)
                recorder.snapshot.restore(self._found.tree)
            self._found = None

    def start(self, recorder: Recorder, identity: Identity) -> None:
        """Save from now on: soon after each scrape, and at least as often as the setting says."""
        if self._store is None:
            return
        store = self._store

        def save() -> None:
            tree, segments = recorder.snapshot.save()
            for (split, number), segment in segments.items():
                store.save_segment(split, number, segment)
            now = time.time()
            store.save(identity, now, tree)
            recorder.snapshot.saved(segments, now)

        self._saver = Saver(save, self._every, recorder.guard)
        recorder.reader.when_read = self._saver.ask
        self._saver.ask()

    def read(self, split: str, number: int) -> Mapping[str, NDArray[np.float64]]:
        """A segment of the history that is no longer in memory. A missing or damaged one is counted, and empty."""
        if self._store is None:
            return _NOTHING
        try:
            return read_segment(self._store.directory, split, number)
        except (OSError, DamagedFileError) as error:
            if self._guard is not None:
                self._guard.report("state", error)
            return _NOTHING

    def close(self) -> None:
        """Save once more and release the directory, unless a hung disk still writes there; a second call does nothing."""
        if self._store is None or self._closed:
            return
        self._closed = True
        if self._saver is None or self._saver.close():
            self._store.close()
