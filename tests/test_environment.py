"""What an operator decides by TRAINGAUGE_* variables."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.waiting import wait_until
from traingauge import (
    Alertmanager,
    Canary,
    Endpoint,
    ModelMonitor,
    Reference,
    Scoring,
    State,
    TrainGaugeError,
    environment,
)
from traingauge.errors import InvalidArgumentError, InvalidTypeError, PortInUseError
from traingauge.testing import InMemory

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def _unset(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variable in environment.VARIABLES:
        monkeypatch.delenv(variable.name, raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))


def test_a_run_is_named_by_its_variable_unless_the_script_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAINGAUGE_RUN", "job-17")
    with ModelMonitor("m", delivery=[]) as monitor:
        assert monitor.run == "job-17"
    with ModelMonitor("m", run="mine", delivery=[]) as monitor:
        assert monitor.run == "mine"


def test_a_model_is_named_by_its_variable_where_the_script_names_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(InvalidTypeError, match=r"TRAINGAUGE_MODEL"):
        ModelMonitor(delivery=[])
    monkeypatch.setenv("TRAINGAUGE_MODEL", "churn")
    with ModelMonitor(delivery=[]) as monitor:
        assert monitor.model == "churn"
    with ModelMonitor("digits", delivery=[]) as monitor:
        assert monitor.model == "digits"


def test_switched_off_a_model_needs_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAINGAUGE_DISABLED", "1")
    with ModelMonitor() as monitor:
        monitor.step(loss=1.0)


def test_the_endpoint_listens_where_the_variables_say(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setenv("TRAINGAUGE_PORT", str(port))
        with pytest.raises(PortInUseError, match=f"port {port} on 127.0.0.1"):
            ModelMonitor("m")
        with ModelMonitor("m", delivery=[Endpoint(port=0)]) as monitor:
            assert monitor.url is not None
    monkeypatch.setenv("TRAINGAUGE_PORT", "0")
    monkeypatch.setenv("TRAINGAUGE_HOST", "localhost")
    monkeypatch.setenv("TRAINGAUGE_DISCOVERY_DIR", str(tmp_path / "targets"))
    with ModelMonitor("m") as monitor:
        assert str(monitor.url).startswith("http://localhost:")
        assert list((tmp_path / "targets").glob("*.json"))


def ends() -> set[threading.Thread]:
    """What waits until ends were seen."""
    return {thread for thread in threading.enumerate() if thread.name == "traingauge-end"}


def test_the_wait_for_the_last_scrape_comes_from_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAINGAUGE_LINGER_SECONDS", "0.25")
    lingers: list[float] = []
    started = Endpoint.start

    def start(self: Endpoint, run: object) -> object:
        running = started(self, run)  # type: ignore[arg-type]
        lingers.append(running.linger)
        return running

    monkeypatch.setattr(Endpoint, "start", start)
    before = ends()
    for endpoint in (Endpoint(wait_for_scrape=True), Endpoint(wait_for_scrape=True, linger=0)):
        ModelMonitor("m", delivery=[endpoint]).close()
    assert lingers == [0.25, 0]
    wait_until(lambda: ends() <= before, "the end of both")  # a run of an earlier test may wait for longer


def test_state_is_kept_where_the_variable_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TRAINGAUGE_STATE_DIR", str(tmp_path / "variable"))
    with ModelMonitor("m", delivery=[]) as monitor:
        monitor.step(loss=1.0)
    assert list((tmp_path / "variable").glob("state-*.zip"))
    ModelMonitor("m", delivery=[], state=State(tmp_path / "argument")).close()
    assert list((tmp_path / "argument").glob("state-*.zip"))


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in environment.VARIABLES:
        monkeypatch.setenv(variable.name, "")
    with ModelMonitor("m") as monitor:
        assert str(monitor.url).startswith("http://127.0.0.1:")
        assert monitor.run


@pytest.mark.parametrize(
    ("variable", "value", "fits"),
    [
        ("TRAINGAUGE_RUN", "a\nb", "expected 1 to 200 printable characters"),
        ("TRAINGAUGE_PORT", "http", "expected 0 (a free port) to 65535"),
        ("TRAINGAUGE_PORT", "65536", "expected 0 to 65535"),
        ("TRAINGAUGE_PORT", "9" * 5000, "expected 0 (a free port) to 65535"),
        ("TRAINGAUGE_LINGER_SECONDS", "soon", "expected a number of seconds"),
        ("TRAINGAUGE_LINGER_SECONDS", "-1", "expected at least 0 seconds"),
        ("TRAINGAUGE_LINGER_SECONDS", "inf", "expected at least 0 seconds"),
        ("TRAINGAUGE_ALERTMANAGER_URL", "localhost:9093", "expected an address like 'http://"),
        ("TRAINGAUGE_DISABLED", "maybe", "expected 1 or 0"),
    ],
)
def test_a_value_that_does_not_fit_raises_and_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, fits: str
) -> None:
    monkeypatch.setenv(variable, value)
    before = set(threading.enumerate())
    with pytest.raises(InvalidArgumentError, match=re.escape(f"{variable} is ") + ".*" + re.escape(fits)):
        ModelMonitor("m")
    wait_until(lambda: set(threading.enumerate()) <= before)


def test_every_variable_is_documented_and_named_once_in_the_code() -> None:
    page = (ROOT / "docs" / "reference" / "environment.md").read_text(encoding="utf-8")
    names = {variable.name for variable in environment.VARIABLES}
    assert names <= set(re.findall(r"TRAINGAUGE_\w+", page))
    for name in names:
        assert (ROOT / "exporter/traingauge/environment.py").read_text(encoding="utf-8").count(
            f'"{name}"'
        ) == 1


# Switched off


@pytest.fixture
def off(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TRAINGAUGE_DISABLED", "1")
    before = threading.enumerate()  # an earlier test's run may live on
    yield
    started = [thread for thread in threading.enumerate() if thread not in before]
    assert not [thread for thread in started if thread.name.startswith("traingauge")]


@pytest.mark.usefixtures("off")
def test_switched_off_nothing_is_started_written_or_kept(tmp_path: Path) -> None:
    published = InMemory()
    reference = Reference.from_data([[0.0], [1.0], [2.0]])
    with ModelMonitor(
        "m",
        reference=reference,
        delivery=[Endpoint(discovery_dir=tmp_path / "targets"), published],
        alerts=Alertmanager("http://127.0.0.1:9"),
        state=State(tmp_path / "state"),
    ) as monitor:
        assert monitor.url is None
        monitor.step(loss=1.0)
        monitor.step(loss=1.0, y_true=[0, 1], y_pred=[0, 1], features=[[0.5], [1.5]])
        monitor.evaluate("validation", loss=1.0, y_true=[0, 1], y_pred=[0, 1])
        with monitor.evaluation("test") as evaluation:
            evaluation.update(loss=1.0)
        monitor.end_epoch()
        monitor.checkpointed()
        monitor.resume_at(3)
        assert list(monitor.watch([1, 2], features=True)) == [1, 2]
        monitor.send_alert("A", "nothing is sent")
        monitor.resolve_alert("A")
        assert (monitor.history, dict(monitor.rows()), list(monitor.curves.items())) == ({}, {}, [])
        assert monitor.state == "running"
    assert monitor.state == "finished"
    assert published.samples() == {}
    assert not list(tmp_path.glob("*"))


@pytest.mark.usefixtures("off")
def test_switched_off_a_script_that_reads_what_it_recorded_reads_nothing() -> None:
    with ModelMonitor("m") as monitor:
        monitor.step(loss=1.0)
        assert monitor.history["loss"] == []
        assert monitor.history["val_accuracy"] == []
        assert len(monitor.rows()["loss"]) == len(monitor.rows("test")["accuracy"]) == 0
        assert float(monitor.rows()["loss"].sum() or 0.0) == 0.0
        assert "loss" not in monitor.history
        assert monitor.frame().empty


def test_a_run_that_is_monitored_still_raises_for_a_name_that_it_has_not_recorded() -> None:
    with ModelMonitor("m", delivery=[]) as monitor:
        monitor.step(loss=1.0)
        with pytest.raises(KeyError):
            monitor.history["val_accuracy"]
        with pytest.raises(KeyError):
            monitor.rows()["accuracy"]


@pytest.mark.usefixtures("off")
def test_switched_off_a_failed_run_is_failed_and_reports_no_crash(caplog: pytest.LogCaptureFixture) -> None:
    monitor = ModelMonitor("m", alerts=Alertmanager("http://127.0.0.1:9"))
    monitor.send_alert("A", "nothing is sent")
    monitor.close("failed")
    assert monitor.state == "failed"
    assert not caplog.records


@pytest.mark.usefixtures("off")
def test_switched_off_a_canary_is_asked_only_if_the_script_asks() -> None:
    asked: list[object] = []

    def predict(x: object) -> object:
        asked.append(x)
        return x

    with ModelMonitor("m", delivery=[]) as monitor:
        probe = monitor.canary(Canary.record("m", lambda x: x, [1.0]), predict, every=1)
        probe.step()
        assert asked == []
        assert probe.check().mismatches == 0


@pytest.mark.usefixtures("off")
@pytest.mark.parametrize(
    "arguments",
    [{"warmup_steps": 0}, {"thresholds": {"acuracy": 1}}, {"delivery": ["endpoint"]}, {"alerts": "http://a"}],
)
def test_switched_off_arguments_are_still_checked(arguments: dict[str, object]) -> None:
    with pytest.raises(TrainGaugeError):
        ModelMonitor("m", **arguments)
    with pytest.raises(InvalidTypeError):
        Scoring(window="long")  # type: ignore[arg-type]


@pytest.mark.usefixtures("off")
@pytest.mark.parametrize(
    "variable", [one.name for one in environment.VARIABLES if one is not environment.DISABLED]
)
def test_switched_off_a_variable_that_does_not_fit_does_not_matter(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "a\nb")
    with ModelMonitor("m", delivery=[Endpoint()]) as monitor, ModelMonitor("n") as other:
        assert monitor.run.isprintable()
        assert other.run.isprintable()


@pytest.mark.usefixtures("off")
@pytest.mark.parametrize("prefix", ["TRAINGAUGE_REMOTE_WRITE", "TRAINGAUGE_ALERTMANAGER"])
def test_switched_off_variables_that_do_not_fit_each_other_do_not_matter(
    monkeypatch: pytest.MonkeyPatch, prefix: str
) -> None:
    monkeypatch.setenv(f"{prefix}_URL", "http://127.0.0.1:9")
    monkeypatch.setenv(f"{prefix}_USERNAME", "no password")
    with ModelMonitor("m") as monitor:
        assert monitor.state == "running"


@pytest.mark.usefixtures("off")
def test_switched_off_too_many_labels_of_the_operator_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAINGAUGE_LABELS", ",".join(f"l{number}=x" for number in range(8)))
    with ModelMonitor("m", labels={"one": "more"}) as monitor:
        assert monitor.state == "running"


def test_the_switch_itself_has_to_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAINGAUGE_DISABLED", "maybe")
    with pytest.raises(TrainGaugeError, match="TRAINGAUGE_DISABLED is 'maybe'"):
        ModelMonitor("m", delivery=[])


@pytest.mark.keras
def test_switched_off_keras_trains_the_same_way_as_without_a_monitor() -> None:
    """In a process of its own: weights and the training function of the model are those of a plain fit."""
    script = """
import os
os.environ["TRAINGAUGE_DISABLED"] = "1"
import keras, numpy as np
from traingauge import ModelMonitor
x, y = np.random.default_rng(0).normal(size=(64, 4)), np.arange(64) % 2

def trained(fit):
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    step = type(model).train_step
    history = fit(model)
    assert "train_step" not in vars(model) and type(model).train_step is step
    return [*model.get_weights(), history]

plain = trained(lambda model: model.fit(x, y, epochs=2, verbose=0).history["loss"])
off = trained(lambda model: ModelMonitor(model).fit(x, y, epochs=2, verbose=0, test_data=(x, y)))
assert off.pop() == {} and len(plain.pop()) == 2
for one, other in zip(plain, off, strict=True):
    np.testing.assert_array_equal(one, other)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
