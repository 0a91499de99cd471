"""How Prometheus finds a run: one small file for each run, in a directory that ``file_sd_configs`` watches.

The file exists as long as the run, which touches it now and then. A clean end removes it. A crash leaves it, so that
``up == 0`` shows that the run vanished. Later runs remove files that were not touched for a day, on whatever machine or in
whatever container their run was, and files whose address they have taken over.
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
from pathlib import Path

from traingauge import environment
from traingauge.core.families import Identity
from traingauge.delivery.http.hosts import is_loopback

#: Seconds for which the file of a crashed run is kept.
KEPT_SECONDS = 86_400.0

#: Tells later runs that Prometheus looks here, and for how many seconds they may believe it.
SCRAPED, BELIEVED_SECONDS = ".scraped", 86_400.0

#: How the name of a file ends: machine, process and port.
_OWNER = re.compile(r"@(?P<host>.+)-\d+-(?P<port>\d+)\.json$")


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
        name = identity.path_name()
        self.path = (
            directory / f"{name}@{socket.gethostname()}-{os.getpid()}-{address.rpartition(':')[2]}.json"
        )
        self._address = address
        labels = {
            **identity.as_labels(),
            "instance": f"{address}/{name}",  # rules match the start of a run with `up` by instance
            "__metrics_path__": f"/{name}/metrics",
        }
        if scheme != "http":
            labels["__scheme__"] = scheme
        self._content = [{"targets": [address], "labels": labels}]
        self._lock = threading.RLock()  # a signal handler may remove the file while its thread does
        self._removed = self._was_read = False

    def write(self) -> None:
        """Write the file in one piece, so that Prometheus never reads half of it.

        Raises:
            OSError: The directory cannot be made or written.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self.path.with_suffix(f".{os.urandom(8).hex()}.tmp")
        try:
            with unfinished.open(
                "x", encoding="utf-8"
            ) as file:  # it follows no link that another user has put there
                file.write(json.dumps(self._content) + "\n")
            _as_unread(unfinished)
            unfinished.replace(self.path)
        except OSError:
            unfinished.unlink(missing_ok=True)
            raise

    def touch(self) -> None:
        """Show that the run is alive; writes the file again if a cleaner of old files has removed it.

        Raises:
            OSError: The file cannot be touched or written.
        """
        with self._lock:
            if self._removed:
                return
            try:
                self._was_read = self._was_read or _is_read(self.path)
                _as_unread(self.path)
            except FileNotFoundError:
                self.write()

    def remove(self) -> None:
        """Remove the file, if it still exists."""
        with self._lock:
            if not self._removed:  # by now another run of the name may have written it
                self._removed = True
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
        """Remove files of dead runs: those not touched for a day, and those that lead to this run's address.

        An address of the loopback is another one on each machine.

        Args:
            live: Files of other runs at this address, asked for when those of the directory are known.
        """
        host, _, port = self._address.rpartition(":")
        is_local = is_loopback(host.strip("[]"))
        found = list(self.path.parent.glob("*.json"))
        kept = {self.path, *live()}
        for path in found:
            owner = _OWNER.search(path.name)
            if owner is None or path in kept:
                continue
            with contextlib.suppress(OSError, ValueError):  # another run may sweep at the same time
                same_machine = not is_local or owner["host"] == socket.gethostname()
                if _is_stale(path) or (
                    same_machine and owner["port"] == port and _targets(path) == [self._address]
                ):
                    path.unlink()


def _as_unread(path: Path) -> None:
    """Set the times of a file so that the next read shows."""
    now = time.time()
    os.utime(path, (now - 1.0, now))


def _is_read(path: Path) -> bool:
    """Whether a file was read since :func:`_as_unread`; the kernel then sets its access time to the present."""
    times = path.lstat()
    return times.st_atime > times.st_mtime - 0.5


def _is_stale(path: Path) -> bool:
    return time.time() - path.lstat().st_mtime > KEPT_SECONDS


def _targets(path: Path) -> object:
    """Addresses in the file of a run."""
    content = json.loads(path.read_text(encoding="utf-8"))
    first = content[0] if isinstance(content, list) and content else None
    return first.get("targets") if isinstance(first, dict) else None
