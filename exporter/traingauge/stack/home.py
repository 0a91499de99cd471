"""The directory of a user's stack: its data, who runs it, where its servers listen, and how it ended."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from traingauge.errors import StateInUseError
from traingauge.state.lock import Lock

from .errors import AlreadyRunningError

#: Another process looks at the lock for a moment: seconds, and how often it is tried again.
_LOOK, _TRIES = 0.1, 5


def default_home() -> Path:
    """``traingauge/stack`` in ``$XDG_STATE_HOME`` or ``~/.local/state``."""
    state = os.environ.get("XDG_STATE_HOME")
    return (Path(state) if state else Path.home() / ".local" / "state") / "traingauge" / "stack"


@dataclass(frozen=True, slots=True)
class Record:
    """What a stack says of itself.

    Attributes:
        pid: Its process.
        started: Seconds since the epoch.
        urls: Where each server listens; empty until all are ready.
        versions: Of each server.
        discovery_dir: Where it looks for runs.
        receiver: Where it takes the notifications of its Alertmanager, and says which have come.
        ended: How it ended, as "was stopped"; empty while it runs, and if it was killed.
    """

    pid: int
    started: float
    urls: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    discovery_dir: str = ""
    receiver: str = ""
    ended: str = ""

    @property
    def ports(self) -> dict[str, int]:
        """The port of each server."""
        return {name: int(url.rpartition(":")[2]) for name, url in self.urls.items()}


class Home:
    """The directory of one stack.

    Args:
        directory: Made when a stack is started.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        #: What the stack printed while no terminal showed it.
        self.log = directory / "up.log"
        self._lock, self._record = directory / "stack.lock", directory / "stack.json"

    def record(self) -> Record | None:
        """What the stack that runs, or ran last, says of itself; ``None`` if there is nothing that can be read."""
        try:
            document: Any = json.loads(self._record.read_text(encoding="utf-8"))
            return Record(**document)
        except (OSError, ValueError, TypeError):
            return None

    def running(self) -> Record | None:
        """The record of the stack that runs now; ``None`` if none does."""
        if not self._lock.exists():
            return None
        try:
            Lock(self._lock).release()
        except StateInUseError:
            return self.record()
        return None

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Hold the directory, as the one process that runs its stack.

        Raises:
            AlreadyRunningError: Another process does.
            OSError: The directory cannot be written.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        lock = self._locked()
        try:
            yield
        finally:
            lock.release()

    def _locked(self) -> Lock:
        for last in (*[False] * _TRIES, True):
            try:
                return Lock(self._lock)
            except StateInUseError as error:
                if last:
                    record = self.record()
                    raise AlreadyRunningError(
                        self.directory, {} if record is None else record.urls
                    ) from error
                time.sleep(_LOOK)
        raise AssertionError("unreachable")

    def write(self, record: Record) -> None:
        """Replace the record in one piece."""
        unfinished = self._record.with_suffix(".tmp")
        unfinished.write_text(json.dumps(asdict(record), indent=1) + "\n", encoding="utf-8")
        unfinished.replace(self._record)

    def end(self, reason: str) -> None:
        """Note why the stack ended."""
        record = self.record()
        if record is not None:
            self.write(replace(record, ended=reason))
