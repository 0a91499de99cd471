"""The ends of registered runs that no scrape has seen, kept over a restart of the service."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from traingauge.archive import not_following
from traingauge.delivery.announcement import LONGEST_REGISTRATION
from traingauge.delivery.whole_file import replace_file


class Notes:
    """One small file for each end. Only its user can read it, as its name ends the lease of the run.

    Args:
        directory: Where they are; made when it is needed.

    >>> import tempfile
    >>> notes = Notes(Path(tempfile.mkdtemp()) / "notes"); notes.keep("key", b"end")
    >>> [(key, body) for key, body, age in notes.kept()]
    [('key', b'end')]
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def keep(self, key: str, body: bytes) -> None:
        """Keep an end, in place of what was kept of the run before.

        Args:
            key: Of the lease.
            body: The registration.

        Raises:
            OSError: The file cannot be written.
        """
        self._directory.mkdir(mode=0o700, exist_ok=True)
        replace_file(self._directory / key, body, lambda _: None)

    def forget(self, key: str) -> None:
        """Keep the end no longer; nothing if it is not kept."""
        with suppress(OSError):
            (self._directory / key).unlink()

    def kept(self) -> Iterator[tuple[str, bytes, float]]:
        """Key and registration of each end, and for how many seconds it has been kept."""
        with suppress(FileNotFoundError):
            for path in sorted(self._directory.iterdir()):
                with suppress(OSError), open(path, "rb", opener=not_following) as file:
                    age = max(0.0, time.time() - os.fstat(file.fileno()).st_mtime)
                    yield path.name, file.read(LONGEST_REGISTRATION), age
