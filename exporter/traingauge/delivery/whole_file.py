"""A file that is replaced in one piece, so that no one reads half of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

#: Ending of the name of a file that does not have its place yet.
UNFINISHED = ".tmp"


def replace_file(path: Path, content: bytes, finish: Callable[[Path], T]) -> T:
    """Replace a file.

    Args:
        path: The file.
        content: What it holds from now on.
        finish: Called with the new file before it takes its place.

    Returns:
        What ``finish`` returned.

    Raises:
        OSError: It cannot be written; the file is as it was.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "file.txt"
    >>> replace_file(path, b"new", lambda new: new.stat().st_size), path.read_bytes()
    (3, b'new')
    """
    unfinished = path.with_suffix(f".{os.urandom(8).hex()}{UNFINISHED}")
    try:
        with unfinished.open("xb") as file:  # it follows no link that another user has put there
            file.write(content)
        found = finish(unfinished)
        unfinished.replace(path)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise
    return found
