"""How Prometheus finds a run: one small file for each run, in a directory that ``file_sd_configs`` watches.

The file exists as long as the run, which touches it now and then. An end that Prometheus has scraped removes it. A crash
leaves it, so that ``up == 0`` shows that the run vanished. Later runs remove files that were not touched for a day, on
whatever machine or in whatever container their run was, and files whose address they have taken over.

An end that no scrape has seen stays in the file, as a target with the label ``ended``: nothing answers there, and the labels
of its ``up`` say how the run ended. Later runs remove it after an hour, and a new process of the run at once.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

from traingauge import environment
from traingauge.core.families import Identity
from traingauge.delivery.announcement import Announcement
from traingauge.delivery.http.hosts import is_loopback
from traingauge.delivery.targets import ENDED, unnoticed
from traingauge.delivery.whole_file import replace_file

#: Seconds for which the file of a crashed run is kept.
KEPT_SECONDS = 86_400.0

#: Seconds for which the file of a run is kept whose end was not scraped. Rules remember a run for half an hour.
NOTED_SECONDS = 3_600.0

#: Tells later runs that Prometheus looks here, and for how many seconds they may believe it.
SCRAPED, BELIEVED_SECONDS = ".scraped", 86_400.0

#: The name of a file: run, machine, process and port.
_OWNER = re.compile(r"^(?P<name>.+)@(?P<host>.+)-\d+-(?P<port>\d+)\.json$")


def default_directory() -> Path:
    """``$TRAINGAUGE_DISCOVERY_DIR``, else ``traingauge/targets`` in ``$XDG_STATE_HOME`` or ``~/.local/state``."""
    chosen = environment.DISCOVERY_DIR.read()
    if chosen:
        return Path(chosen)
    state = os.environ.get("XDG_STATE_HOME")
    return (Path(state) if state else Path.home() / ".local" / "state") / "traingauge" / "targets"


class DiscoveryFile:
    """The file by which Prometheus finds one run.

    Several runs of a process may have the same address; each is a target of its own, because their paths differ.

    Args:
        directory: Where ``file_sd_configs`` looks; made if it is missing.
        identity: Becomes the target's labels, so that ``up`` carries them.
        address: ``host:port`` to scrape.
        scheme: ``http`` or ``https``.

    >>> import tempfile
    >>> found = DiscoveryFile(Path(tempfile.mkdtemp()), Identity("churn", "r1"), "127.0.0.1:9"); found.write()
    >>> labels = json.loads(found.path.read_text())[0]["labels"]
    >>> labels["run"], labels["instance"], labels["__metrics_path__"]
    ('r1', '127.0.0.1:9/churn-r1-ccccce10', '/churn-r1-ccccce10/metrics')
    >>> found.remove()
    """

    def __init__(self, directory: Path, identity: Identity, address: str, scheme: str = "http") -> None:
        self._name = identity.path_name()
        port = address.rpartition(":")[2]
        self.path = directory / f"{self._name}@{socket.gethostname()}-{os.getpid()}-{port}.json"
        self._announced = Announcement(identity, address, scheme)
        self._lock = threading.RLock()  # a signal handler may remove the file while its thread does
        self._left = self._was_read = False

    def write(self) -> None:
        """Write the file in one piece, so that Prometheus never reads half of it.

        Raises:
            OSError: The directory cannot be made or written.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        content = json.dumps(self._announced.targets()) + "\n"
        replace_file(self.path, content.encode(), _as_unread)

    def touch(self) -> None:
        """Show that the run is alive; writes the file again if a cleaner of old files has removed it.

        Raises:
            OSError: The file cannot be touched or written.
        """
        with self._lock:
            if self._left:
                return
            try:
                self._was_read = self._was_read or _is_read(self.path)
                _as_unread(self.path)
            except FileNotFoundError:
                self.write()

    def note(self, ended: str) -> None:
        """Say how the run ended, while it still answers: a kill from now on does not count as one.

        Args:
            ended: Final state of the run.

        Raises:
            OSError: The file cannot be written.
        """
        with self._lock:
            if self._left or not self.path.parent.is_dir():
                return
            self._announced = replace(self._announced, ended=ended)
            self.write()

    def leave_note(self) -> None:
        """Leave what :meth:`note` has said and nothing else, as the run no longer answers.

        Raises:
            OSError: The file cannot be written.
        """
        with self._lock:
            if not self._left and self._announced.ended and self.path.parent.is_dir():
                self._left, self._announced = True, replace(self._announced, serves=False)
                self.write()

    def remove(self) -> None:
        """Remove the file, if it still exists."""
        with self._lock:
            if not self._left:  # by now another run of the name may have written it
                self._left = True
                self.path.unlink(missing_ok=True)

    def is_looked_for(self) -> bool:
        """Whether a Prometheus is known to look here: the file has been read, or a run of the last day was scraped.

        Some file systems do not record reads (``noatime``, NFS); there only the second holds.
        """
        with contextlib.suppress(OSError):
            if self._was_read or _is_read(self.path):
                return True
        with contextlib.suppress(OSError):
            return time.time() - (self.path.parent / SCRAPED).lstat().st_mtime < BELIEVED_SECONDS
        return False

    def scraped(self) -> None:
        """Let later runs know that Prometheus looks here.

        Raises:
            OSError: The directory cannot be written.
        """
        flags = os.O_CREAT | os.O_WRONLY | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0)
        file = os.open(self.path.parent / SCRAPED, flags, 0o644)
        try:
            os.write(file, b"\n")
        finally:
            os.close(file)

    def never_scraped(self) -> None:
        """Let later runs know that a scrape was waited for in vain.

        Raises:
            OSError: The directory cannot be written.
        """
        (self.path.parent / SCRAPED).unlink(missing_ok=True)

    def sweep(self, live: Callable[[], Collection[Path]] = tuple) -> None:
        """Remove files of dead runs.

        Those are files not touched for a day, files that lead to this run's address, and notes on an end: of the same run at
        once, of others after an hour. An address of the loopback is another one on each machine.

        Args:
            live: Files of other runs at this address, asked for when those of the directory are known.
        """
        found = list(self.path.parent.glob("*.json"))
        kept = {self.path, *live()}
        for path in found:
            owner = _OWNER.search(path.name)
            if owner is None or path in kept:
                continue
            with contextlib.suppress(OSError, ValueError):  # another run may sweep at the same time
                if self._is_dead(path, owner):
                    path.unlink()

    def _is_dead(self, path: Path, owner: re.Match[str]) -> bool:
        age = time.time() - path.lstat().st_mtime
        if age > KEPT_SECONDS:
            return True
        same_run, same_port = owner["name"] == self._name, self._is_same_port(owner)
        if not (same_run or same_port or age > NOTED_SECONDS):  # few files have to be read
            return False
        groups = _groups(path)
        noted = [ENDED in group["labels"] for group in groups]
        if any(noted):  # no run answers at the path of a note, whatever its address
            return age > NOTED_SECONDS or (same_run and all(noted))
        return same_port and [group.get("targets") for group in groups] == [[self._announced.address]]

    def _is_same_port(self, owner: re.Match[str]) -> bool:
        host, _, port = self._announced.address.rpartition(":")
        is_here = not is_loopback(host.strip("[]")) or owner["host"] == socket.gethostname()
        return is_here and owner["port"] == port


def _as_unread(path: Path) -> None:
    """Set the times of a file so that the next read shows."""
    now = time.time()
    os.utime(path, (now - 1.0, now))


def _is_read(path: Path) -> bool:
    """Whether a file was read since :func:`_as_unread`; the kernel then sets its access time to the present."""
    times = path.lstat()
    return times.st_atime > times.st_mtime - 0.5


def _groups(path: Path) -> list[Any]:
    """Targets with their labels in the file of a run.

    Raises:
        ValueError: It is no list of targets.
    """
    content = json.loads(unnoticed(path))
    groups = content if isinstance(content, list) else []
    if not all(isinstance(group, dict) and isinstance(group.get("labels"), dict) for group in groups):
        raise ValueError(f"{path} is no list of targets with labels")
    return groups
