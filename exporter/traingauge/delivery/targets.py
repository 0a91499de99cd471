"""The runs that a discovery directory announces, read by other programs than Prometheus."""

from __future__ import annotations

import contextlib
import json
import os
import time
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

#: Longest discovery file that is read, in bytes; a run writes a few hundred.
LONGEST_BYTES = 65_536

#: Label of the target that says how a run ended whose end Prometheus has not scraped.
ENDED = "ended"


class Target(NamedTuple):
    """One announced run.

    Attributes:
        model: Label ``model``.
        run: Label ``run``.
        url: Its page; the metrics are at ``{url}/metrics``.
        touched: Seconds since the run last touched its file, which a live run does every minute.
        ended: Final state of a run whose end Prometheus has not scraped; empty for a live or killed one.
        path: Its discovery file.
    """

    model: str
    run: str
    url: str
    touched: float
    ended: str = ""
    path: Path = Path()


def announced(directory: Path) -> list[Target]:
    """The runs whose discovery files are in a directory, by model and run; empty if there is none.

    Files that are no discovery files of a run are passed over. Reading leaves no trace: the access time of a file tells its
    run whether a Prometheus reads it.

    >>> import tempfile
    >>> announced(Path(tempfile.mkdtemp()))
    []
    """
    found = []
    for path in sorted(directory.glob("*.json")):
        with contextlib.suppress(OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            found.append(_read(path))
    return sorted(found)


def _read(path: Path) -> Target:
    touched = time.time() - path.lstat().st_mtime
    *_, group = json.loads(unnoticed(path))  # the last one says how a run ended
    labels: dict[str, Any] = group["labels"]
    directory = str(labels.get("__metrics_path__", "/metrics")).rpartition("/")[0]
    url = f"{labels.get('__scheme__', 'http')}://{group['targets'][0]}{directory}"
    urlsplit(url)  # raises, if it is no address
    return Target(str(labels["model"]), str(labels["run"]), url, touched, str(labels.get(ENDED, "")), path)


def unnoticed(path: Path) -> bytes:
    """What a file holds, without setting its access time."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        file = os.open(path, flags | getattr(os, "O_NOATIME", 0))
    except PermissionError:  # only the owner may read without a trace
        file = os.open(path, flags)
    with os.fdopen(file, "rb") as reader:
        return reader.read(LONGEST_BYTES)
