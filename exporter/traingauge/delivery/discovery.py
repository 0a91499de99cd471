"""How Prometheus finds a run: one small file for each run, in a directory that ``file_sd_configs`` watches.

The file exists as long as the run. A clean end removes it. A crash leaves it, so that ``up == 0`` shows that the run
vanished. Later runs on this host remove files that crashed runs left, once they are a day old.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import time
from pathlib import Path

from traingauge import environment
from traingauge.core.families import Identity

#: Seconds for which the file of a crashed run is kept.
KEPT_SECONDS = 86_400.0


def default_directory() -> Path:
    """``$TRAINGAUGE_DISCOVERY_DIR``, else ``traingauge/targets`` in ``$XDG_STATE_HOME`` or ``~/.local/state``."""
    chosen = environment.DISCOVERY_DIR.read()
    if chosen:
        return Path(chosen)
    state = os.environ.get("XDG_STATE_HOME")
    return (Path(state) if state else Path.home() / ".local" / "state") / "traingauge" / "targets"


class DiscoveryFile:
    """The file by which Prometheus finds one run.

    Args:
        directory: Where ``file_sd_configs`` looks; made if it is missing.
        identity: Becomes the target's labels, so that ``up`` carries them.
        address: ``host:port`` to scrape.

    >>> import tempfile
    >>> found = DiscoveryFile(Path(tempfile.mkdtemp()), Identity("churn", "r1"), "127.0.0.1:9"); found.write()
    >>> json.loads(found.path.read_text())
    [{'targets': ['127.0.0.1:9'], 'labels': {'model': 'churn', 'run': 'r1'}}]
    >>> found.remove()
    """

    def __init__(self, directory: Path, identity: Identity, address: str) -> None:
        owner = f"{socket.gethostname()}-{os.getpid()}-{address.rpartition(':')[2]}"
        name = re.sub(r"[^A-Za-z0-9.-]+", "_", f"{identity.model}-{identity.run}")[:100]
        self.path = directory / f"{name}@{owner}.json"
        self._content = [{"targets": [address], "labels": identity._asdict()}]

    def write(self) -> None:
        """Write the file in one piece, so that Prometheus never reads half of it.

        Raises:
            OSError: The directory cannot be made or written.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self.path.with_suffix(f".{os.getpid()}.tmp")
        try:
            unfinished.write_text(json.dumps(self._content) + "\n", encoding="utf-8")
            unfinished.replace(self.path)
        except OSError:
            unfinished.unlink(missing_ok=True)
            raise

    def remove(self) -> None:
        """Remove the file, if it still exists."""
        self.path.unlink(missing_ok=True)


def sweep(directory: Path) -> None:
    """Remove the files, a day old or older, of processes on this host that no longer run."""
    pattern = re.compile(rf"@{re.escape(socket.gethostname())}-(\d+)-\d+\.json$")
    for path in directory.glob("*.json"):
        owner = pattern.search(path.name)
        with contextlib.suppress(OSError):  # another run may sweep at the same time
            if owner and time.time() - path.stat().st_mtime > KEPT_SECONDS and not _alive(int(owner[1])):
                path.unlink()


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it belongs to another user
        return True
    return True
