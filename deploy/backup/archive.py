"""One compressed archive with Prometheus' blocks and Grafana's database.

Prometheus is asked for a snapshot (its admin API), which is consistent and made of hard links; Grafana's SQLite database is
copied by SQLite itself, which is consistent too. So both may go on working. Configuration and dashboards are files of this
repository and need no backup.
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
    """What is to be backed up or brought back is not there, or is in the way."""


def save(
    archive: Path, prometheus_url: str | None, prometheus_data: Path | None, grafana_db: Path | None
) -> None:
    """Write an archive, whole or not at all.

    Args:
        archive: File to write, ``.tar.gz``.
        prometheus_url: A Prometheus that runs with ``--web.enable-admin-api``; ``None`` leaves it out.
        prometheus_data: Its data directory, as it is seen from here.
        grafana_db: Grafana's ``grafana.db``; ``None`` leaves it out.

    Raises:
        BackupError: A server that does not give what is asked, or files that are not there.
    """
    with tempfile.TemporaryDirectory(dir=archive.parent) as scratch:
        unfinished = Path(scratch, "unfinished.tar.gz")
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
    """Bring an archive back, into places that nothing is in; the servers must not run.

    Args:
        archive: As of :func:`save`.
        prometheus_data: Data directory to fill, missing or empty.
        grafana_db: File to make, missing.

    Raises:
        BackupError: A place that is not empty, or an archive that does not hold what is asked for.
    """
    if prometheus_data is not None and prometheus_data.exists() and any(prometheus_data.iterdir()):
        raise BackupError(f"{prometheus_data} is not empty: move it away first, nothing is overwritten")
    if grafana_db is not None and grafana_db.exists():
        raise BackupError(f"{grafana_db} is there already: move it away first, nothing is overwritten")
    with tempfile.TemporaryDirectory(dir=archive.parent) as scratch:
        with tarfile.open(archive) as tar:
            tar.extractall(scratch, filter="data")
        for wanted, name in ((prometheus_data, PROMETHEUS), (grafana_db, GRAFANA)):
            if wanted is not None:
                found = Path(scratch, name)
                if not found.exists():
                    raise BackupError(f"{archive} holds no {name}")
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
            raise BackupError(f"{url} gives no snapshot: {error}") from error
    if body.get("status") != "success":
        raise BackupError(
            f"{url} gives no snapshot: {body.get('error', answer.status_code)}; "
            "Prometheus has to run with --web.enable-admin-api"
        )
    snapshot = data / "snapshots" / body["data"]["name"]
    if not snapshot.is_dir():
        raise BackupError(
            f"{snapshot} is not there: is {data} the data directory of {url}, as it is seen from here?"
        )
    return snapshot


def _copied(database: Path, scratch: Path) -> Path:
    """A consistent copy of an SQLite database that may be in use."""
    if not database.is_file():
        raise BackupError(f"{database} is not there: expected Grafana's grafana.db")
    copy = scratch / GRAFANA
    source = sqlite3.connect(f"file:{database.resolve()}?mode=ro", uri=True)
    with closing(source), closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    return copy
