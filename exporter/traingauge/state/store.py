"""The state directory of one run: the last good copies of its state, and the log of its rows.

::

    traingauge.lock             held by the process that writes here
    state-00000041.zip          the last copies, each complete and checksummed
    state-00000042.zip
    state-00000040.zip.damaged  a copy that could not be read, kept for inspection
    rows-00000001.log           the rows of every step and pass: traingauge.state.log
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from traingauge.archive import Archive
from traingauge.core.families import Identity
from traingauge.errors import DamagedFileError, NewerFileError, StateDirectoryError, StateMismatchError
from traingauge.logs import logger
from traingauge.state.lock import Lock, require_locks
from traingauge.state.tree import flatten, unflatten

#: Copies of the state that are kept.
COPIES = 3

_STATE = Archive("traingauge-state", 1, "state of a run")
_NAME = re.compile(r"state-(\d{8})\.zip")
_UNFINISHED = re.compile(r"\.state-\d{8}\.zip\.[a-z0-9_]{8}")


class Saved(NamedTuple):
    """A state as it was found.

    Attributes:
        path: Its file.
        identity: The run that it belongs to.
        saved: Unix time in seconds at which it was written.
        tree: The result of :meth:`traingauge.core.recorder.Recorder.save`.
        damaged: Newer copies that could not be read, or whose content is damaged.
    """

    path: Path
    identity: Identity
    saved: float
    tree: dict[str, Any]
    damaged: tuple[Path, ...]


class Store:
    """The state directory of a live run; it belongs to this process until it is closed.

    Args:
        directory: Created if it does not exist.

    Raises:
        StateInUseError: A live process uses it.
        UnsupportedPlatformError: Not on POSIX.
        StateDirectoryError: It cannot be created, read or written.
    """

    def __init__(self, directory: Path) -> None:
        require_locks()
        self.directory = directory
        with _usable(directory), ExitStack() as undo:
            directory.mkdir(parents=True, exist_ok=True)
            self._lock = Lock(directory / "traingauge.lock")
            undo.callback(self._lock.release)
            for path in directory.iterdir():
                if _UNFINISHED.fullmatch(path.name) and path.is_file() and not path.is_symlink():
                    path.unlink(missing_ok=True)  # of a process that was killed while it wrote
            self._next = max((number for number, _ in _copies(directory)), default=0) + 1
            undo.pop_all()

    def resume(self, model: str, run: str | None, records: Sequence[type]) -> Saved | None:
        """The newest state that can be read, ``None`` if there is none; newer ones are set aside.

        Args:
            model: Name of the model that resumes.
            run: Name of the run; ``None`` takes that of the state.
            records: Types of the records that it may contain.

        Raises:
            StateMismatchError: It is the state of another model or run.
            DamagedFileError: None of the copies can be read, or a newer version wrote them. Nothing is changed.
        """
        found = newest(self.directory, records)
        if found is None:
            return None
        if found.identity.model != model or run not in (None, found.identity.run):
            raise StateMismatchError(
                f"{self.directory} holds the state of run {found.identity.run!r} of model {found.identity.model!r}, not of "
                f"run {run!r} of model {model!r}: use another directory"
            )
        for path in found.damaged:
            logger.warning("%s is damaged: it is set aside, and %s is resumed instead", path, found.path.name)
            with suppress(OSError):  # then it stays; the next copy has a higher number
                path.rename(path.with_name(f"{path.name}.damaged"))
        return found

    def save(self, identity: Identity, now: float, tree: Mapping[str, Any]) -> None:
        """Write another copy, completely or not at all, and drop the oldest beyond :data:`COPIES`.

        Raises:
            OSError: It cannot be written; earlier copies are unchanged.
        """
        plain, data = flatten(tree)
        header = {**identity._asdict(), "saved": now, "tree": plain}
        _STATE.write(self.directory / f"state-{self._next:08d}.zip", header, {"data": data})
        self._next += 1
        for _, path in _copies(self.directory)[:-COPIES]:
            path.unlink(missing_ok=True)

    def close(self) -> None:
        """Release the directory."""
        self._lock.release()


def newest(directory: Path, records: Sequence[type]) -> Saved | None:
    """The newest copy that can be read; ``None`` if there are no copies. Changes nothing.

    Raises:
        NewerFileError: The newest was written by a newer version.
        DamagedFileError: None can be read.
    """
    damaged: list[Path] = []
    last: Exception | None = None
    for _, path in reversed(_copies(directory)):
        try:
            header, arrays = _STATE.read(path, follow=False)
            tree = unflatten(header["tree"], arrays["data"], records)
            labels = tuple((str(name), str(value)) for name, value in header["labels"])
            identity = Identity(header["model"], header["run"], labels)
            return Saved(path, identity, header["saved"], tree, tuple(damaged))
        except NewerFileError:
            raise
        except (OSError, DamagedFileError, LookupError, TypeError, ValueError) as error:
            logger.warning("%s", error)
            damaged.append(path)
            last = error
    if damaged:
        raise DamagedFileError(
            f"none of the {len(damaged)} copies of the state in {directory} can be read ({last}): "
            "move them away to start over"
        )
    return None


@contextmanager
def _usable(directory: Path) -> Iterator[None]:
    """Raise what the operating system says about the directory as an error that says what to give."""
    try:
        yield
    except StateDirectoryError:
        raise
    except OSError as error:
        why = (
            "it is no directory"
            if isinstance(error, FileExistsError)
            else f"{error.strerror}: {error.filename!r}"
        )
        raise StateDirectoryError(
            f"State.directory is {str(directory)!r}, which cannot be used ({why}): expected a directory that can be "
            "created, read and written"
        ) from error


def _copies(directory: Path) -> list[tuple[int, Path]]:
    """Number and path of each copy, oldest first."""
    found = ((_NAME.fullmatch(path.name), path) for path in directory.glob("state-*.zip"))
    return sorted((int(match[1]), path) for match, path in found if match)
