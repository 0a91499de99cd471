"""One server for all runs of a process: each is read by itself, and all of them together."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
import yaml
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from tests.waiting import PATIENCE, wait_until
from traingauge import Endpoint
from traingauge.core.collectors.run import RunInfo
from traingauge.core.families import Identity, single
from traingauge.core.guard import Guard
from traingauge.delivery.base import RunView
from traingauge.delivery.http.endpoint import RunningEndpoint

AS_PROMETHEUS = {"X-Prometheus-Scrape-Timeout-Seconds": "5"}
CONFIG = Path(__file__).parents[3] / "deploy" / "prometheus" / "prometheus.yml"
Serve = Callable[..., RunningEndpoint]


def view(run: str, families: Callable[..., object] | None = None, guard: Guard | None = None) -> RunView:
    rate = [single("model_learning_rate", float(len(run)))]
    return RunView(
        Identity("m", run),
        families or (lambda maybe_yield: rate),  # type: ignore[arg-type]
        lambda: {"Run": run},
        guard or Guard(),
    )


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    running: list[RunningEndpoint] = []

    def start(run: str | RunView, **setting: object) -> RunningEndpoint:
        setting = {"discovery_dir": tmp_path / "targets", **setting}
        running.append(Endpoint(**setting).start(view(run) if isinstance(run, str) else run))
        return running[-1]

    yield start
    for one in running:
        one.close()


def get(url: str, **headers: str) -> requests.Response:
    return requests.get(url, headers=headers, timeout=PATIENCE)


def root(running: RunningEndpoint) -> str:
    return f"http://{urlsplit(running.url).netloc}"


def targets(directory: Path) -> list[dict]:
    return [json.loads(file.read_text())[0] for file in directory.glob("*.json")]


def test_runs_that_are_set_alike_share_one_socket_and_one_thread(serve: Serve) -> None:
    serve("a")
    descriptors, threads = os.listdir("/proc/self/fd"), threading.active_count()  # noqa: PTH208
    others = [serve(f"b{at}") for at in range(50)]
    assert {one.server for one in others} == {others[0].server}
    assert os.listdir("/proc/self/fd") == descriptors  # noqa: PTH208
    assert threading.active_count() == threads


def test_a_run_may_have_endpoints_at_several_addresses(serve: Serve) -> None:
    shown = view("a")
    inside, outside = serve(shown), serve(shown, host="127.0.0.2")
    assert get(f"{inside.url}/metrics").text == get(f"{outside.url}/metrics").text
    again = serve(shown)
    assert again.server.runs == (again._served,)


def test_each_run_is_read_at_its_own_address(serve: Serve) -> None:
    one, two = serve("a"), serve("bb")
    assert get(f"{one.url}/metrics").text.splitlines()[-1] == 'model_learning_rate{model="m",run="a"} 1.0'
    assert get(f"{two.url}/metrics").text.splitlines()[-1] == 'model_learning_rate{model="m",run="bb"} 2.0'
    assert "bb" in get(two.url).text
    assert get(f"{two.url}/healthz").text == "ok\n"


def test_all_runs_together_have_one_comment_for_each_family(serve: Serve) -> None:
    one, _ = serve("a"), serve("bb")
    text = get(f"{root(one)}/metrics").text
    assert text.splitlines()[2:] == [
        'model_learning_rate{model="m",run="a"} 1.0',
        'model_learning_rate{model="m",run="bb"} 2.0',
    ]
    promtool = shutil.which("promtool")
    assert promtool, "promtool is not on PATH"
    checked = subprocess.run(
        [promtool, "check", "metrics"], input=text.encode(), capture_output=True, check=False
    )
    assert (checked.returncode, checked.stderr) == (0, b"")
    openmetrics = get(f"{root(one)}/metrics", Accept="application/openmetrics-text").text
    assert [len(family.samples) for family in parse_text(text)] == [2]
    assert [len(family.samples) for family in parse_openmetrics(openmetrics)] == [2]


def test_the_page_of_all_runs_leads_to_that_of_each(serve: Serve) -> None:
    running = [serve("a"), serve("bb")]
    page = get(root(running[0])).text
    for one in running:
        assert f'href="{one.url.removeprefix(root(one) + "/")}/"' in page


def test_the_address_of_a_run_leads_to_its_page_behind_the_path_of_a_proxy(serve: Serve) -> None:
    answer = requests.get(serve("a").url, timeout=PATIENCE, allow_redirects=False)
    assert answer.status_code == 302
    assert "/" not in answer.headers["location"].rstrip("/"), "it is relative"


def test_a_run_that_is_over_is_no_longer_there_and_the_others_are(serve: Serve) -> None:
    one, two = serve("a"), serve("bb")
    one.close()
    assert get(f"{one.url}/metrics").status_code == 404
    assert get(f"{two.url}/metrics").ok
    assert 'run="a"' not in get(f"{root(two)}/metrics").text


@pytest.fixture
def over(serve: Serve) -> Callable[..., RunningEndpoint]:
    """Serves a run at one port, lets a Prometheus scrape it, and ends it before that comes again."""

    def end(run: str, port: int | None = None) -> RunningEndpoint:
        if port is None:
            with socket.create_server(("127.0.0.1", 0)) as free:
                port = free.getsockname()[1]
        info = RunInfo()
        shown = view(run, lambda maybe_yield: [*info.families(), single("model_learning_rate", 0.1)])
        running = serve(shown, port=port, linger=0)
        get(f"{root(running)}/metrics", **AS_PROMETHEUS)
        wait_until(lambda: bool(running.scrapes), "the scrape")
        info.end("failed")
        running.finish(time.monotonic(), time.monotonic())
        running.close()
        running.close()
        return running

    return end


FAILED = 'model_run_state{model="m",run="a",state="failed"} 1.0'


def test_an_end_that_no_scrape_has_seen_is_served_by_the_next_run_at_the_address_until_one_has(
    serve: Serve, over: Callable[..., RunningEndpoint]
) -> None:
    earlier = over("a")
    later = serve("bb", port=earlier.server.port)
    assert get(f"{root(later)}/metrics").text.count(FAILED) == 1
    assert 'model_learning_rate{model="m",run="a"}' not in get(f"{root(later)}/metrics").text
    assert 'run="a"' not in get(f"{later.url}/metrics").text
    assert FAILED in get(f"{root(later)}/metrics", **AS_PROMETHEUS).text
    wait_until(lambda: FAILED not in get(f"{root(later)}/metrics").text, "the scrape")


def test_an_end_that_no_scrape_has_seen_is_not_served_of_a_run_that_continues(
    serve: Serve, over: Callable[..., RunningEndpoint]
) -> None:
    earlier = over("a")
    later = serve("a", port=earlier.server.port)
    assert "model_run_state" not in get(f"{root(later)}/metrics").text


def test_an_end_that_no_scrape_has_seen_is_not_served_at_another_address(
    serve: Serve, over: Callable[..., RunningEndpoint]
) -> None:
    over("a", port=0)
    assert "model_run_state" not in get(f"{root(serve('bb'))}/metrics").text


def test_the_last_run_closes_the_server_and_the_next_one_finds_its_port_free(serve: Serve) -> None:
    port = 0
    for at in range(5):
        running = serve(f"r{at}", port=port)
        port = running.server.port
        assert get(running.url).ok
        running.close()
        with pytest.raises(requests.ConnectionError):
            get(running.url)


def test_runs_at_a_port_of_their_own_share_it(serve: Serve) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert {serve(run, port=port).server.port for run in "abc"} == {port}


def test_a_run_of_the_same_name_takes_the_place_of_the_one_before(serve: Serve, tmp_path: Path) -> None:
    serve("a"), serve("bb")
    again = serve("a")
    assert get(f"{root(again)}/metrics").text.count('run="a"') == 1
    assert len(targets(tmp_path / "targets")) == 2


def test_each_run_is_a_target_of_its_own(serve: Serve, tmp_path: Path) -> None:
    running = {one.url: one for one in (serve("a"), serve("bb"))}
    found = targets(tmp_path / "targets")
    assert {one["labels"]["run"] for one in found} == {"a", "bb"}
    assert {f"http://{one['targets'][0]}{one['labels']['__metrics_path__']}" for one in found} == {
        f"{url}/metrics" for url in running
    }


def test_a_scrape_of_one_run_is_not_one_of_another(serve: Serve) -> None:
    one, two = serve("a"), serve("bb")
    get(f"{one.url}/metrics", **AS_PROMETHEUS)
    assert one.scrapes.wait(after=0.0, at_most=PATIENCE)
    assert not two.scrapes


def test_an_error_while_reading_one_run_is_counted_by_it_and_leaves_the_others(serve: Serve) -> None:
    guard = Guard()

    def broken(maybe_yield: object) -> None:
        raise ZeroDivisionError("broken")

    good, bad = serve("a"), serve(view("bb", broken, guard))
    assert get(f"{bad.url}/metrics").status_code == 500
    assert guard.errors["server"] == 1
    assert get(f"{good.url}/metrics").ok


@pytest.mark.parametrize("setting", [{"advertise": "trainer-1"}, {"host": "localhost"}])
def test_runs_that_are_set_otherwise_have_servers_of_their_own(
    serve: Serve, setting: dict[str, object]
) -> None:
    assert serve("a").server is not serve("bb", **setting).server


def test_a_token_that_changed_protects_the_next_run(serve: Serve, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("first")
    one = serve("a", token_file=token)
    token.write_text("second one")
    two = serve("bb", token_file=token)
    assert get(two.url, Authorization="Bearer second one").ok
    assert get(two.url, Authorization="Bearer first").status_code == 401
    assert get(one.url, Authorization="Bearer first").ok


@pytest.mark.servers
def test_a_real_prometheus_sees_each_run_of_a_process_as_a_target_with_its_own_samples(
    serve: Serve, tmp_path: Path
) -> None:
    running = [serve("a"), serve("bb"), serve("ccc")]
    job = yaml.safe_load(CONFIG.read_text())["scrape_configs"][-1]
    job["file_sd_configs"] = [{"files": [str(tmp_path / "targets/*.json")], "refresh_interval": "1s"}]
    config = {"global": {"scrape_interval": "1s"}, "scrape_configs": [job]}
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    flags = [f"--config.file={tmp_path / 'prometheus.yml'}", f"--storage.tsdb.path={tmp_path / 'data'}"]
    command = ["prometheus", *flags, f"--web.listen-address=127.0.0.1:{port}"]

    def values(expression: str) -> dict[str, float]:
        query = f"http://127.0.0.1:{port}/api/v1/query"
        try:
            answer = requests.get(query, {"query": expression}, timeout=PATIENCE).json()["data"]["result"]
        except (requests.RequestException, ValueError, KeyError):  # it is not ready yet
            return {}
        return {one["metric"]["run"]: float(one["value"][1]) for one in answer}

    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            every = {"a": 1.0, "bb": 1.0, "ccc": 1.0}
            wait_until(lambda: values('up{model="m"}') == every, "three targets that are up")
            assert values("count by (run) (up * on (instance) group_right () up)") == every, "instances"
            assert values("model_learning_rate") == {"a": 1.0, "bb": 2.0, "ccc": 3.0}
            assert values("count by (run) (model_learning_rate)") == every, "no sample of another run"
            running[0].close()
            wait_until(lambda: values('up{model="m"}') == {"bb": 1.0, "ccc": 1.0}, "the end of the first")
        finally:
            process.terminate()
