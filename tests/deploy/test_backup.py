"""What servers keep, backed up while they run and brought back."""

from __future__ import annotations

import contextlib
import socket
import sqlite3
import subprocess
import tarfile
import time

import pytest
import requests

from deploy.backup import archive
from deploy.backup.__main__ import main
from tests.waiting import PATIENCE, wait_until
from traingauge import ModelMonitor, State
from traingauge.cli.main import main as traingauge

CONFIG = """
global: {scrape_interval: 200ms}
scrape_configs: [{job_name: itself, static_configs: [{targets: ["127.0.0.1:%d"]}]}]
"""


def answer(url, expression, at=None):
    parameters = {"query": expression} | ({} if at is None else {"time": at})
    found = requests.get(f"{url}/api/v1/query", parameters, timeout=PATIENCE).json()["data"]["result"]
    return float(found[0]["value"][1]) if found else None


def ready(url):
    with contextlib.suppress(requests.ConnectionError):
        return requests.get(f"{url}/-/ready", timeout=PATIENCE).ok
    return False


@contextlib.contextmanager
def prometheus(directory, *options):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = directory.parent / f"{directory.name}.yml"
    config.write_text(CONFIG % port)
    process = subprocess.Popen(
        [
            "prometheus",
            f"--config.file={config}",
            f"--storage.tsdb.path={directory}",
            f"--web.listen-address=127.0.0.1:{port}",
            *options,
        ],
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: ready(url), "Prometheus")
        yield url
    finally:
        process.terminate()
        process.wait(PATIENCE)


@pytest.mark.servers
def test_a_restore_brings_back_what_prometheus_stored(tmp_path):
    with prometheus(tmp_path / "one", "--web.enable-admin-api") as url:
        wait_until(lambda: (answer(url, "count_over_time(up[1h])") or 0) >= 5, "five scrapes")
        at = time.time()
        before = answer(url, "count_over_time(up[1h])", at)
        done = main(
            [
                "save",
                f"{tmp_path}/backup.tar.gz",
                "--prometheus-url",
                url,
                "--prometheus-data",
                f"{tmp_path}/one",
            ]
        )
        assert done == 0
        assert not list((tmp_path / "one/snapshots").iterdir()), "the snapshot is not left behind"
    assert main(["restore", f"{tmp_path}/backup.tar.gz", "--prometheus-data", f"{tmp_path}/two"]) == 0
    with prometheus(tmp_path / "two") as url:
        assert answer(url, "count_over_time(up[1h])", at) == before


@pytest.mark.servers
def test_every_step_of_a_past_run_is_there_in_a_prometheus_that_never_scraped_it(tmp_path):
    with ModelMonitor("m", run="r", delivery=[], state=State(tmp_path / "state")) as run:
        for step in range(50):
            run.step(loss=1 / (step + 1))
            time.sleep(0.002)
    command = [
        "state",
        "export",
        f"{tmp_path}/state",
        "--format",
        "openmetrics",
        "--output",
        f"{tmp_path}/r.om",
    ]
    assert traingauge(command) == 0
    subprocess.run(
        ["promtool", "tsdb", "create-blocks-from", "openmetrics", f"{tmp_path}/r.om", f"{tmp_path}/data"],
        check=True,
        capture_output=True,
    )
    with prometheus(tmp_path / "data") as url:
        assert answer(url, 'count_over_time(model_loss{model="m",run="r",split="train"}[10m])') == 50
        assert answer(url, 'min_over_time(model_loss{model="m",run="r",split="train"}[10m])') == 1 / 50


@pytest.mark.servers
def test_without_the_admin_api_of_prometheus_the_error_names_its_flag(tmp_path, capsys):
    with prometheus(tmp_path / "one") as url:
        arguments = ["--prometheus-url", url, "--prometheus-data", f"{tmp_path}/one"]
        assert main(["save", f"{tmp_path}/backup.tar.gz", *arguments]) == 1
    assert "--web.enable-admin-api" in capsys.readouterr().err
    assert not (tmp_path / "backup.tar.gz").exists()


def test_grafanas_database_is_copied_whole_while_it_is_written(tmp_path):
    writing = sqlite3.connect(tmp_path / "grafana.db")
    with contextlib.closing(writing):
        writing.execute("PRAGMA journal_mode=WAL")
        writing.execute("CREATE TABLE dashboard (title TEXT)")
        writing.execute("INSERT INTO dashboard VALUES ('run overview')")
        writing.commit()
        writing.execute("INSERT INTO dashboard VALUES ('not yet saved')")
        assert main(["save", f"{tmp_path}/b.tar.gz", "--grafana-db", f"{tmp_path}/grafana.db"]) == 0
    assert main(["restore", f"{tmp_path}/b.tar.gz", "--grafana-db", f"{tmp_path}/new/grafana.db"]) == 0
    with contextlib.closing(sqlite3.connect(tmp_path / "new/grafana.db")) as restored:
        assert restored.execute("SELECT title FROM dashboard").fetchall() == [("run overview",)]


def test_nothing_is_overwritten(tmp_path, capsys):
    (tmp_path / "data").mkdir()
    (tmp_path / "data/block").write_text("precious")
    (tmp_path / "grafana.db").write_text("precious")
    for arguments in (["--prometheus-data", f"{tmp_path}/data"], ["--grafana-db", f"{tmp_path}/grafana.db"]):
        assert main(["restore", f"{tmp_path}/b.tar.gz", *arguments]) == 1
        assert "nothing is overwritten" in capsys.readouterr().err
    assert (tmp_path / "data/block").read_text() == "precious"


@pytest.mark.parametrize("arguments", [[], ["--prometheus-url", "http://127.0.0.1:9"]])
def test_half_a_command_line_is_refused(tmp_path, arguments):
    with pytest.raises(SystemExit):
        main(["save", f"{tmp_path}/b.tar.gz", *arguments])


def test_a_backup_is_readable_by_its_owner_alone(tmp_path):
    with contextlib.closing(sqlite3.connect(tmp_path / "grafana.db")) as database:
        database.execute("create table user (password)")
    archive.save(tmp_path / "backup.tar.gz", None, None, tmp_path / "grafana.db")
    assert (tmp_path / "backup.tar.gz").stat().st_mode & 0o777 == 0o600
    with tarfile.open(tmp_path / "backup.tar.gz") as tar:
        assert tar.getmember("grafana.db").mode & 0o777 == 0o600
