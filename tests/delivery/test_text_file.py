"""A run in a file for node_exporter."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.delivery.real_server import real_server
from tests.waiting import wait_until
from traingauge import ModelMonitor, TextFile, TrainGaugeError
from traingauge.core.families import Identity
from traingauge.delivery import kept_copy
from traingauge.delivery.text_file import RunFile
from traingauge.errors import InvalidArgumentError

Reading = Callable[..., float | None]

#: Seconds between two writes in tests, and after the end until the file is removed: at once, and never within a test.
OFTEN, AT_ONCE, LATE = 0.1, 0.0, 1800.0


@pytest.fixture(autouse=True)
def no_run_is_left() -> Iterator[None]:
    """A run that waits with the removal of its file would keep the process."""
    yield
    ModelMonitor("m", run="r", delivery=[]).close()


def text_of(directory: Path) -> str:
    return "".join(path.read_text() for path in directory.glob("*.prom"))


def test_the_file_has_what_the_run_shows_and_its_end(tmp_path: Path) -> None:
    with ModelMonitor("m", run="r", delivery=[TextFile(tmp_path, every=OFTEN, delete_after=LATE)]) as monitor:
        monitor.step(loss=0.25, y_true=[0, 1], y_pred=[0, 1])
        wait_until(lambda: 'model_loss{model="m",run="r",split="train"} 0.25\n' in text_of(tmp_path))
        assert 'model_class_recall{class="1",model="m",run="r",split="train"} 1.0\n' in text_of(tmp_path)
    wait_until(lambda: 'model_run_state{model="m",run="r",state="finished"} 1.0\n' in text_of(tmp_path))


def test_nothing_is_left_of_a_run_whose_end_was_shown_for_long_enough(tmp_path: Path) -> None:
    with ModelMonitor("m", run="r", delivery=[TextFile(tmp_path, delete_after=AT_ONCE)]):
        wait_until(lambda: text_of(tmp_path))
    wait_until(lambda: not list(tmp_path.iterdir()))


@pytest.mark.skipif(os.name == "nt", reason="Windows has no umask")
@pytest.mark.parametrize(("umask", "mode"), [(0o077, 0o644), (0o002, 0o664), (0o777, 0o444)])
def test_every_user_can_read_the_file_whatever_the_umask(umask: int, mode: int, tmp_path: Path) -> None:
    file = RunFile(tmp_path, Identity("m", "r"))
    before = os.umask(umask)
    try:
        file.put(b"")
    finally:
        os.umask(before)
    assert [stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()] == [mode]


def test_a_process_that_ends_leaves_the_file_of_the_next_process_of_its_run(tmp_path: Path) -> None:
    ended, successor = (RunFile(tmp_path, Identity("m", "r")) for _ in range(2))
    ended.put(b"a 1\n")
    successor.put(b"a 1\n")
    ended.remove()
    assert text_of(tmp_path) == "a 1\n"
    successor.remove()
    assert not text_of(tmp_path)


def test_no_reader_ever_sees_half_a_file(tmp_path: Path) -> None:
    with ModelMonitor("m", run="r", delivery=[TextFile(tmp_path, every=OFTEN, delete_after=LATE)]) as monitor:
        wait_until(lambda: text_of(tmp_path))
        seen = set()
        while len(seen) < 4:
            monitor.step(loss=0.5)
            text = text_of(tmp_path)
            assert text.endswith("\n")
            assert "model_monitor_dropped_rows_total" in text, "the last family"
            seen.add(text)


@pytest.mark.servers
def test_a_node_exporter_shows_the_run_without_a_complaint(tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    only = ("--collector.disable-defaults", "--collector.textfile")
    where = f"--collector.textfile.directory={tmp_path / 'texts'}"
    delivery = [TextFile(tmp_path / "texts", every=OFTEN, delete_after=LATE)]
    with real_server("node-exporter", tmp_path, *only, where, ready_path="/") as server:
        with ModelMonitor("m", run="r", delivery=delivery) as monitor:
            monitor.step(loss=0.25, y_true=[0, 1], y_pred=[0, 1])

            def shown() -> str:
                return requests.get(f"{server.url}/metrics", timeout=30).text

            wait_until(lambda: 'model_loss{model="m",run="r",split="train"} 0.25\n' in shown())
            assert "node_textfile_scrape_error 0\n" in shown()
        wait_until(lambda: 'model_run_state{model="m",run="r",state="finished"} 1\n' in shown())


@pytest.mark.parametrize(("state", "hours"), [("running", 24), ("finished", 1), ("failed", 1)])
def test_a_run_removes_files_of_others_that_are_too_old_for_their_state(
    state: str, hours: int, tmp_path: Path
) -> None:
    def left(name: str, age: float) -> Path:
        states = [
            f'model_run_state{{model="m",run="x",state="{one}"}} {float(one == state)}'
            for one in ("running", "finished", "failed")
        ]
        path = tmp_path / name
        path.write_text("\n".join([*states, ""]))
        os.utime(path, (time.time() - age, time.time() - age))
        return path

    old, young = hours * 3600 + 60, hours * 3600 - 60
    gone = {left("traingauge-a.prom", old), left("traingauge-a.1.tmp", 3660)}
    kept = {left("traingauge-b.prom", young), left("other.prom", 1e6), left("traingauge-b.1.tmp", 3540)}
    with ModelMonitor("m", run="r", delivery=[TextFile(tmp_path, delete_after=AT_ONCE)]):
        wait_until(lambda: not any(path.exists() for path in gone))
    assert all(path.exists() for path in kept)


def test_a_directory_that_goes_is_counted_and_hurts_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read: Reading
) -> None:
    monkeypatch.setattr(kept_copy, "LAST_SECONDS", 0.0)
    (tmp_path / "texts").mkdir()
    with ModelMonitor("m", run="r", delivery=[TextFile(tmp_path / "texts", every=OFTEN)]) as monitor:
        wait_until(lambda: text_of(tmp_path / "texts"))
        (tmp_path / "texts").rename(tmp_path / "elsewhere")
        wait_until(lambda: read(monitor, "model_monitor_errors_total", reason="delivery"))
        monitor.step(loss=0.5)
    assert monitor.state == "finished"


@pytest.mark.parametrize(
    "wrong",
    [{"directory": ""}, {"every": 0.0}, {"every": 1801}, {"delete_after": -1}, {"delete_after": 1801}],
)
def test_a_field_that_does_not_fit_is_refused_by_its_name(wrong: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(TrainGaugeError, match=rf"TextFile\.{next(iter(wrong))} "):
        TextFile(**{"directory": tmp_path, **wrong})


def test_a_directory_that_is_none_raises_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgumentError, match="expected a directory that can be written"):
        ModelMonitor("m", run="r", delivery=[TextFile(tmp_path / "none")])
