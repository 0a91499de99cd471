"""Reserves a state directory for one process."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from traingauge.archive import not_following
from traingauge.errors import StateInUseError, StateLockError, UnsupportedPlatformError
from traingauge.forks import leave_to_parent_after_fork

try:
    import fcntl
except ImportError:  # Windows
    _LOCKS = False
else:
    _LOCKS = True


def require_locks() -> None:
    """Check that files can be locked.

    Raises:
        UnsupportedPlatformError: They cannot, so that two processes could use one directory.
    """
    if not _LOCKS:
        raise UnsupportedPlatformError(
            f"a state directory needs the file locks of POSIX, which {sys.platform} does not have: leave state= out, or "
            "run on Linux, macOS or WSL"
        )


class Lock:
    """Holds a directory until it is released or the process ends, in whatever way.

    It is the kernel's lock on an open file: ``kill -9`` releases it too, and a file that was left behind does not lock. A
    forked child, such as a data loader's worker, closes its copy at once, so that it does not outlive the parent's.

    Args:
        path: The file to lock; created if it does not exist, and never removed.

    Raises:
        StateInUseError: A live process holds it.
        StateLockError: The file system does not lock.
        UnsupportedPlatformError: Not on POSIX.
        OSError: The file cannot be opened, or is a symbolic link.
    """

    def __init__(self, path: Path) -> None:
        require_locks()
        self._descriptor = not_following(str(path), os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(self._descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(self._descriptor)
            raise StateInUseError(
                f"{path.parent} is in use by process {holder}: wait for it to end, or use another directory"
            ) from error
        except OSError as error:
            os.close(self._descriptor)
            raise StateLockError(
                f"{path} cannot be locked: {error.strerror}; use a file system with locks, such as a local disk"
            ) from error
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)
        leave_to_parent_after_fork(self)

    def release(self) -> None:
        """Release the directory; a second call does nothing."""
        if self._descriptor >= 0:
            fcntl.flock(
                self._descriptor, fcntl.LOCK_UN
            )  # a child that was just forked may still have its copy open
            self._close()

    def leave_to_parent(self) -> None:
        """The child closes its copy, so that it does not hold the directory longer than its parent."""
        if self._descriptor >= 0:
            self._close()

    def _close(self) -> None:
        os.close(self._descriptor)
        self._descriptor = -1
