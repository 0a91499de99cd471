"""Directories: where runs announce themselves, and where they save their state."""

from __future__ import annotations

import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from traingauge.errors import TrainGaugeError
from traingauge.state.lock import Lock

from .finding import Finding, ok, problem, skipped, warning
from .subject import Subject


def discovery(subject: Subject) -> Iterator[Finding]:
    """Runs can write their files, and Prometheus can read them."""
    folder = subject.discovery_dir
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, suffix=".tmp"):
            pass
    except OSError as error:
        yield problem(
            f"{folder} cannot be written, so that no run is found: {error.strerror}",
            "mend its permissions, or set TRAINGAUGE_DISCOVERY_DIR for runs and Prometheus to another directory",
        )
        return
    yield ok(f"{folder} can be written")
    is_read = subject.discovery_url is None and not subject.is_ours  # by a Prometheus of another user
    if is_read and (closed := _closed_to_others(folder)):
        yield warning(
            f"{closed} is closed to other users: a Prometheus of another user does not find runs",
            _to_open(closed, folder),
        )


def state(subject: Subject) -> Iterator[Finding]:
    """The state directory can be written and locked."""
    folder = subject.state_dir
    if folder is None:
        yield skipped("no state directory is set; runs start afresh after a restart")
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as place:
            Lock(Path(place) / "lock").release()
    except (OSError, TrainGaugeError) as error:
        yield problem(
            f"{folder} cannot be used for state: {error}",
            "choose a directory on a file system that can be locked",
        )
        return
    yield ok(f"{folder} can be written and locked")


def _to_open(closed: Path, folder: Path) -> str:
    """How to let others read the files; a directory above, such as a home, is closed for the sake of what else is in it."""
    if closed == folder:
        return f"chmod o+rx {folder}"
    return (
        "leave it closed: `sudo install --directory --mode=1777 /var/lib/traingauge/targets` makes one for all users; "
        "set TRAINGAUGE_DISCOVERY_DIR to it, and name it in `file_sd_configs` of Prometheus"
    )


def _closed_to_others(folder: Path) -> Path | None:
    """The directory that keeps others from the files of the folder, which they have to list."""
    others = stat.S_IROTH | stat.S_IXOTH
    if folder.stat().st_mode & others != others:
        return folder
    return next((place for place in folder.parents if not place.stat().st_mode & stat.S_IXOTH), None)
