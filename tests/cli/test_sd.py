"""The announced runs, served to a Prometheus that does not see their directory."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import requests
import yaml

from tests.blocks import blocks
from tests.cli.serving import Start, listed
from tests.waiting import PATIENCE, wait_until
from traingauge import Endpoint, ModelMonitor
from traingauge.cli import sd
from traingauge.cli.main import main
from traingauge.cli.sd_job import job
from traingauge.core.families import Identity
from traingauge.delivery import credentials, leases
from traingauge.delivery.announcement import Announcement
from traingauge.delivery.discovery import DiscoveryFile
from traingauge.delivery.notes import Notes
from traingauge.stack.doctor.registering import registration
from traingauge.stack.doctor.runs import targets
from traingauge.stack.doctor.subject import Subject
from traingauge.stack.programs import find_programs
from traingauge.stack.prometheus import PrometheusApi
from traingauge.stack.reaper import Reaper
from traingauge.stack.server import Server

PAGE = Path(__file__).parents[2] / "docs/how-to/scraping.md"


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


def announce(directory: Path, run: str) -> DiscoveryFile:
    file = DiscoveryFile(directory, Identity("m", run), "node:9109")
    file.write()
    return file


def test_the_list_follows_the_runs_of_the_directory(tmp_path: Path, serving: Start) -> None:
    first = announce(tmp_path, "r1")
    url = serving(tmp_path)
    assert listed(url) == json.loads(first.path.read_text())
    announce(tmp_path, "r2")
    wait_until(lambda: [group["labels"]["run"] for group in listed(url)] == ["r1", "r2"])
    first.note("failed")
    wait_until(lambda: [group["labels"].get("ended") for group in listed(url)] == [None, "failed", None])
    first.remove()
    wait_until(lambda: [group["labels"]["run"] for group in listed(url)] == ["r2"])
    assert requests.get(url, timeout=30).headers["Content-Type"].startswith("application/json")


def test_what_cannot_be_read_leaves_the_list_as_it_was(
    tmp_path: Path, serving: Start, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "targets").mkdir()
    announce(tmp_path / "targets", "r1")
    url = serving(tmp_path / "targets")
    (tmp_path / "targets").rename(tmp_path / "away")
    wait_until(lambda: "cannot be read" in capsys.readouterr().err)
    assert [group["labels"]["run"] for group in listed(url)] == ["r1"]


def test_a_directory_that_was_never_read_is_an_error_and_no_empty_list(
    tmp_path: Path, serving: Start
) -> None:
    url = serving(tmp_path / "later")
    assert requests.get(url, timeout=30).status_code == 503
    (tmp_path / "later").mkdir()
    wait_until(lambda: requests.get(url, timeout=30).status_code == 200)
    assert listed(url) == []


@pytest.mark.parametrize(
    "text",
    [
        "no JSON",
        "{}",
        "[1]",
        '[{"targets": [1], "labels": {}}]',
        '[{"targets": [], "labels": {"a": 1}}]',
        *(
            f'[{{"targets": ["h:1"], "labels": {{"{name}": "x"}}}}]'
            for name in ("", "a b", "1a", "ä", "a\\n")
        ),
    ],
)
def test_a_file_that_is_none_of_a_run_is_left_out_and_named(
    text: str, tmp_path: Path, serving: Start, capsys: pytest.CaptureFixture[str]
) -> None:
    announce(tmp_path, "r1")
    url = serving(tmp_path)
    (tmp_path / "wrong.json").write_text(text)
    wait_until(lambda: "wrong.json" in capsys.readouterr().err)
    assert [group["labels"]["run"] for group in listed(url)] == ["r1"]


def test_only_who_shows_the_token_gets_the_list(tmp_path: Path, serving: Start) -> None:
    url = serving(tmp_path, "t0ken")
    assert requests.get(url, timeout=30).status_code == 401
    assert requests.get(url, headers={"Authorization": "Bearer t0ken"}, timeout=30).json() == []


def test_a_web_page_cannot_read_the_list_through_a_browser(tmp_path: Path, serving: Start) -> None:
    assert (
        requests.get(serving(tmp_path), headers={"Host": "evil.example.com"}, timeout=30).status_code == 421
    )


def test_a_run_knows_that_a_prometheus_looks_once_one_has_asked(tmp_path: Path, serving: Start) -> None:
    file = announce(tmp_path, "r1")
    url = serving(tmp_path)
    assert not file.is_looked_for()
    listed(url)
    wait_until(file.is_looked_for)  # without waiting for the minute at which the run touches its file


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
@pytest.mark.parametrize(("host", "others"), [("::1", []), ("::", ["127.0.0.1"])])
def test_it_listens_on_an_address_of_ipv6(
    host: str, others: list[str], tmp_path: Path, serving: Start
) -> None:
    url = serving(tmp_path, host=host)
    for one in ("[::1]", *others):
        assert listed(url.replace(f"[{host}]", one)) == []


@pytest.mark.parametrize("port", ["65536", "-1", "x", "1e3", "²"])
def test_a_port_that_there_is_none_of_is_refused(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["sd", f"--port={port}"])
    assert f"{port!r}: expected 0 to 65535" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "said"), [(None, "no such file"), ("", "expected one line"), ("a\nb", "expected")]
)
@pytest.mark.parametrize("option", ["--token-file", "--registration-token-file"])
def test_a_token_file_without_a_token_is_refused_with_the_command_that_makes_one(
    text: str | None, said: str, option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "a token"
    if text is not None:
        file.write_text(text)
    assert main(["sd", f"--directory={tmp_path}", f"{option}={file}"]) == 1
    error = capsys.readouterr().err
    assert f"{file}: {said}" in error
    command = error.partition("To make a token: ")[2]
    subprocess.run(["sh", "-c", command], check=True)
    assert (len(credentials.secret(file)), file.stat().st_mode & 0o777) == (64, 0o600)


@pytest.mark.parametrize("token", [None, "t0ken"])
def test_at_its_start_it_says_how_many_runs_it_knows_and_what_prometheus_needs_to_find_them(
    token: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    announce(tmp_path, "r1")
    announce(tmp_path, "r2")
    sd.serve(sd.Service(tmp_path, token), "127.0.0.1", 0, lambda: None)
    first, _, rest = capsys.readouterr().out.partition("\n")
    url, _, said = first.partition(" ")
    assert said == f"lists the runs in {tmp_path}: 2 now"
    (page,) = [yaml.safe_load(text) for _, text in blocks(PAGE) if "http_sd_configs" in text]
    (source,) = page["scrape_configs"][0]["http_sd_configs"]
    source["url"] = url
    if token is None:
        del source["authorization"]
    assert yaml.safe_load(rest.partition("\n\n")[2]) == page


def test_a_prometheus_on_another_machine_is_given_the_name_of_this_one() -> None:
    for host in ("0.0.0.0", "[::]"):
        assert f"- url: http://{socket.gethostname()}:9096/\n" in job(f"http://{host}:9096/", token=False)


def test_a_service_with_which_runs_register_says_how_many_ends_it_knows_and_when_it_answers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    announce(tmp_path, "r1")
    (tmp_path / ".ended").mkdir()
    ended = Announcement(Identity("m", "r2"), "127.0.0.1:9109", ended="failed", serves=False)
    (tmp_path / ".ended" / ("0" * 32)).write_bytes(ended.registration())
    service = sd.Service(tmp_path, None, leases.Leases(notes=Notes(tmp_path / ".ended")), "t0ken")
    sd.serve(service, "127.0.0.1", 0, lambda: None)
    first, second = capsys.readouterr().out.splitlines()[:2]
    assert first.endswith("and those that register: 2 now")
    assert second.startswith(
        "For the first 60 s it answers with an error, until all live runs have registered: "
    )


def test_the_command_serves_until_it_is_asked_to_end(tmp_path: Path) -> None:
    announce(tmp_path, "r1")
    command = [sys.executable, "-m", "traingauge", "sd", f"--directory={tmp_path}", "--port=0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[0]
        assert [group["labels"]["run"] for group in listed(url)] == ["r1"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 128 + signal.SIGTERM


@pytest.mark.servers
def test_a_prometheus_with_the_job_of_the_page_and_the_token_finds_and_scrapes_the_runs(
    tmp_path: Path, serving: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "SETTLE_SECONDS", 0.0)
    (tmp_path / "runs").write_text("t0ken-of-runs\n")
    url = serving(tmp_path / "targets", "t0ken", runs="t0ken-of-runs")
    announced = Endpoint(discovery_dir=tmp_path / "targets", linger=0)
    registered = Endpoint(
        discovery_dir=tmp_path / "targets of the machine",
        discovery_url=url,
        discovery_credentials_file=tmp_path / "runs",
        linger=0,
    )
    with (
        ModelMonitor("m", run="announced", delivery=[announced]),
        ModelMonitor("m", run="registered", delivery=[registered]),
        Reaper() as reaper,
    ):
        (text,) = [text for _, text in blocks(PAGE) if "http_sd_configs" in text]
        (job,) = yaml.safe_load(text)["scrape_configs"]
        (source,) = job["http_sd_configs"]
        (tmp_path / "token").write_text("t0ken\n")
        source["url"] = url
        source["authorization"]["credentials_file"] = str(tmp_path / "token")
        source["refresh_interval"] = job["scrape_interval"] = "1s"
        (tmp_path / "prometheus.yml").write_text(yaml.safe_dump({"scrape_configs": [job]}))
        prometheus = Server(
            name="prometheus",
            command=lambda port: [
                find_programs().prometheus.path,
                f"--config.file={tmp_path / 'prometheus.yml'}",
                f"--storage.tsdb.path={tmp_path / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            ready_path="/-/ready",
            listening="ready to receive web requests",
            log=tmp_path / "log",
            reaper=reaper,
        )
        prometheus.start()
        try:
            wait_until(
                lambda: len(PrometheusApi(prometheus.url).query('up{model="m", job="traingauge"} == 1')) == 2
            )
            monkeypatch.setenv("TRAINGAUGE_DISCOVERY_CREDENTIALS_FILE", str(tmp_path / "runs"))
            subject = Subject(
                tmp_path / "targets of the machine", prometheus.url, discovery_url=url.rstrip("/")
            )
            found = {one.text for check in (registration, targets) for one in check(subject)}
            assert f"Prometheus scrapes m / registered, which {url} lists" in found
            assert f"m / registered is registered with {url.rstrip('/')}" in found
            assert f"a Prometheus asks {url.rstrip('/')} for its list" in found
        finally:
            prometheus.stop()
