"""One compressed archive with Prometheus' blocks and Grafana's database.

Prometheus makes a snapshot of hard links (admin API), and SQLite copies Grafana's database. Both copies are consistent while
the servers run. Configuration and dashboards come from this repository and need no backup.
"""

from __future__ import annotations

import shutil
import sqlite3
import tarfile
import tempfile
from contextlib import closing
from pathlib import Path

import requests

PROMETHEUS, GRAFANA = "prometheus", "grafana.db"


class BackupError(Exception):
    """Data to back up or restore is missing, or existing data is in the way."""


def save(
    archive: Path, prometheus_url: str | None, prometheus_data: Path | None, grafana_db: Path | None
) -> None:
    """Write an archive, whole or not at all.

    Args:
        archive: File to write, ``.tar.gz``.
        prometheus_url: A Prometheus that runs with ``--web.enable-admin-api``; ``None`` leaves it out.
        prometheus_data: Its data directory, as a path on this machine.
        grafana_db: Grafana's ``grafana.db``; ``None`` leaves it out.

    Raises:
        BackupError: A server refused, or a file is missing.
    """
    with tempfile.TemporaryDirectory(dir=archive.parent) as scratch:
        unfinished = Path(scratch, "unfinished.tar.gz")
        unfinished.touch(0o600)  # it holds Grafana's users
        with tarfile.open(unfinished, "w:gz", compresslevel=1) as tar:  # blocks are compressed already
            if prometheus_url is not None and prometheus_data is not None:
                snapshot = _snapshot(prometheus_url, prometheus_data)
                try:
                    tar.add(snapshot, PROMETHEUS)
                finally:
                    shutil.rmtree(snapshot)
            if grafana_db is not None:
                tar.add(_copied(grafana_db, Path(scratch)), GRAFANA)
        unfinished.replace(archive)


def restore(archive: Path, prometheus_data: Path | None, grafana_db: Path | None) -> None:
    """Restore an archive into empty places; the servers must not run.

    Args:
        archive: Written by :func:`save`.
        prometheus_data: Data directory to fill, missing or empty.
        grafana_db: File to create.

    Raises:
        BackupError: A place is not empty, or the archive lacks what was requested.
    """
    if prometheus_data is not None and prometheus_data.exists() and any(prometheus_data.iterdir()):
        raise BackupError(f"{prometheus_data} is not empty: move it away first; nothing is overwritten")
    if grafana_db is not None and grafana_db.exists():
        raise BackupError(f"{grafana_db} exists: move it away first; nothing is overwritten")
    with tempfile.TemporaryDirectory(dir=archive.parent) as scratch:
        with tarfile.open(archive) as tar:
            tar.extractall(scratch, filter="data")
        for wanted, name in ((prometheus_data, PROMETHEUS), (grafana_db, GRAFANA)):
            if wanted is not None:
                found = Path(scratch, name)
                if not found.exists():
                    raise BackupError(f"{archive} does not contain {name}")
                wanted.parent.mkdir(parents=True, exist_ok=True)
                if wanted.is_dir():
                    wanted.rmdir()
                shutil.move(found, wanted)


def _snapshot(url: str, data: Path) -> Path:
    """A snapshot of a running Prometheus."""
    with requests.Session() as session:
        session.trust_env = False
        try:
            answer = session.post(f"{url.rstrip('/')}/api/v1/admin/tsdb/snapshot", timeout=600)
            body = answer.json()
        except (requests.RequestException, ValueError) as error:
            raise BackupError(f"no snapshot from {url}: {error}") from error
    if body.get("status") != "success":
        raise BackupError(
            f"no snapshot from {url}: {body.get('error', answer.status_code)}; "
            "Prometheus must run with --web.enable-admin-api"
        )
    snapshot = data / "snapshots" / body["data"]["name"]
    if not snapshot.is_dir():
        raise BackupError(
            f"{snapshot} does not exist: is {data} the data directory of {url} on this machine?"
        )
    return snapshot


def _copied(database: Path, scratch: Path) -> Path:
    """A consistent copy of an SQLite database that may be in use."""
    if not database.is_file():
        raise BackupError(f"{database} does not exist: expected Grafana's grafana.db")
    copy = scratch / GRAFANA
    copy.touch(0o600)
    source = sqlite3.connect(f"file:{database.resolve()}?mode=ro", uri=True)
    with closing(source), closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    return copy
