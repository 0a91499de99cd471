"""A run in a file for node_exporter's textfile collector."""

from __future__ import annotations

import os
import re
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import KW_ONLY, dataclass
from pathlib import Path

from traingauge import validation
from traingauge.archive import not_following
from traingauge.core.families import Identity
from traingauge.delivery.base import RunView
from traingauge.delivery.kept_copy import DEAD_SECONDS, ENDED_SECONDS, SHOWN_SECONDS, KeptCopy, checked_times
from traingauge.delivery.whole_file import UNFINISHED, replace_file
from traingauge.errors import InvalidArgumentError

_PREFIX, _SUFFIX = "traingauge-", ".prom"

#: node_exporter is another user, whatever the umask of the one who trains.
_READABLE = stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH

#: Finds the state of a run that its end never changed.
_RUNNING = re.compile(rb'^model_run_state\{.*\bstate="running".*\} 1', re.MULTILINE)


@dataclass(frozen=True)
class TextFile:
    """Writes the run to a file for the textfile collector of a node_exporter on the same machine.

    It is for machines whose node_exporter is scraped, and nothing else. The file has everything that the endpoint would
    show, can be read by every user, and is replaced as a whole. A thread writes, so training waits for nothing.

    The end of the run is written, and the file removed once Prometheus had time to scrape it; the process exits after that.
    A killed run leaves its file, with the state ``running``. A run that starts a day later removes that.

    Args:
        directory: The one that ``node_exporter --collector.textfile.directory`` names.
        every: Seconds between two writes, at most 1800.
        delete_after: Seconds after the last write until the file is removed, at most 1800; at least two scrape intervals.
            The default fits those of a minute.

    Raises:
        TrainGaugeError: A field that does not fit.

    >>> TextFile("/var/lib/node_exporter", every=60).every
    60.0
    >>> TextFile("/var/lib/node_exporter", every=0)
    Traceback (most recent call last):
    traingauge.errors.InvalidArgumentError: TextFile.every is 0.0: expected at least 0.1 and at most 1800.0
    """

    directory: str | os.PathLike[str]
    _: KW_ONLY
    every: float = 15.0
    delete_after: float = SHOWN_SECONDS

    def __post_init__(self) -> None:
        validation.path("TextFile.directory", self.directory)
        every, after = checked_times("TextFile", self.every, self.delete_after)
        object.__setattr__(self, "every", every)
        object.__setattr__(self, "delete_after", after)

    def start(self, run: RunView) -> KeptCopy:
        """Start writing a run.

        Raises:
            InvalidArgumentError: There is no such directory, or it cannot be written.
        """
        directory = Path(self.directory)
        if not (directory.is_dir() and os.access(directory, os.W_OK | os.X_OK)):
            raise InvalidArgumentError(
                f"TextFile.directory is {os.fspath(directory)!r}: expected a directory that can be written, the one that "
                "node_exporter --collector.textfile.directory names"
            )
        return KeptCopy(
            RunFile(directory, run.identity), run, every=self.every, remove_after=self.delete_after
        )


class RunFile:
    """The file of one run.

    Args:
        directory: Where.
        identity: The run.
    """

    kind = "file"

    def __init__(self, directory: Path, identity: Identity) -> None:
        self._path = directory / f"{_PREFIX}{identity.path_name()}{_SUFFIX}"
        self._own: tuple[int, int] | None = None  # what was put last

    def put(self, text: bytes) -> None:
        """Replace the file, so that no one reads half of it.

        Raises:
            OSError: It cannot be written.
        """
        self._own = replace_file(self._path, text, _readable_by_all)

    def remove(self) -> None:
        """Remove the file, if it is still the one that was put last: the next process of the run may have replaced it.

        Raises:
            OSError: It cannot be removed.
        """
        with suppress(FileNotFoundError):
            if _identified(self._path) == self._own:
                self._path.unlink()

    def sweep(self) -> None:
        """Remove files of other runs that nothing has written for long, and what a killed one was writing."""
        for path in list(self._left()):
            with suppress(OSError):  # another run may sweep at the same time
                path.unlink()

    def close(self) -> None:
        """Nothing is open between two writes."""

    def _left(self) -> Iterator[Path]:
        for path in self._path.parent.glob(f"{_PREFIX}*"):
            with suppress(OSError):
                age = time.time() - path.lstat().st_mtime
                if path == self._path or age <= ENDED_SECONDS:
                    continue
                if path.suffix == UNFINISHED or (path.suffix == _SUFFIX and age > _kept(path)):
                    yield path


def _readable_by_all(unfinished: Path) -> tuple[int, int]:
    """Let node_exporter's user read a file; returns what identifies it."""
    if (mode := stat.S_IMODE(unfinished.stat().st_mode)) & _READABLE != _READABLE:
        unfinished.chmod(mode | _READABLE)
    return _identified(unfinished)


def _identified(path: Path) -> tuple[int, int]:
    """Tells a file from another one that may have been given its inode since."""
    found = path.lstat()
    return found.st_ino, found.st_mtime_ns


def _kept(path: Path) -> float:
    """Seconds for which a file is kept that nothing writes any more."""
    with open(path, "rb", opener=not_following) as file:
        return DEAD_SECONDS if _RUNNING.search(file.read()) else ENDED_SECONDS
