"""A copy of what a run shows, at any place."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.waiting import FOREVER, finished, wait_until
from traingauge import ModelMonitor, Pushgateway, TextFile
from traingauge.catalog import CATALOG
from traingauge.core.families import Family, Identity, keys
from traingauge.core.guard import Guard
from traingauge.delivery import kept_copy
from traingauge.delivery.base import RunView
from traingauge.delivery.kept_copy import KeptCopy, share

RUNNING = Family(CATALOG["model_run_state"], keys(("running",)), (1.0,))


@dataclass
class Place:
    """Keeps everything that is done to it, and is a delivery."""

    remove_after: float = 0.0
    every: float = FOREVER
    put_fails: Callable[[], bool] = lambda: False
    calls: list[str] = field(default_factory=list)
    made: list[str] = field(default_factory=list)
    kind = "memory"

    def start(self, run: RunView) -> KeptCopy:
        return KeptCopy(self, run, every=self.every, remove_after=self.remove_after)

    def put(self, text: bytes) -> None:
        if self.put_fails():
            self.calls.append("failed")
            raise OSError("no space is left")
        state = next(
            line
            for line in text.decode().splitlines()
            if line.startswith("model_run_state{") and "1.0" in line
        )
        self.made += re.findall(
            r'^model_copy_timestamp_seconds\{.*place="memory".*} (\S+)', text.decode(), re.M
        )
        assert f'model_delivery_interval_seconds{{model="m",run="r"}} {self.every}\n' in text.decode()
        self.calls.append(f"put {state.partition('state=')[2].split(chr(34))[1]}")

    def remove(self) -> None:
        self.calls.append("remove")

    def sweep(self) -> None:
        self.calls.append("sweep")

    def close(self) -> None:
        self.calls.append("close")


def test_a_run_shows_its_start_sweeps_shows_its_end_and_is_removed() -> None:
    place = Place()
    with ModelMonitor("m", run="r", delivery=[place]):
        wait_until(lambda: "sweep" in place.calls)
    wait_until(lambda: "close" in place.calls)
    assert place.calls == ["put running", "sweep", "put finished", "remove", "close"]


def test_every_copy_has_a_time_of_its_own_by_which_a_dead_run_is_known() -> None:
    place = Place(every=0.01)
    before = time.time()
    with ModelMonitor("m", run="r", delivery=[place]):
        wait_until(lambda: len(place.made) >= 3)
    assert before <= float(place.made[0]) <= time.time()
    assert len(set(place.made[:3])) == 3


def test_runs_that_start_together_take_turns_from_their_second_copies_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shares = [share("m", f"r{at}") for at in range(60)]
    assert all(0 < one <= 1 for one in shares)
    assert max(sum(start <= one < start + 0.1 for one in shares) for start in shares) < 15
    monkeypatch.setattr(kept_copy, "share", lambda model, run: 1e-9)
    place = Place()
    with ModelMonitor("m", run="r", delivery=[place]):
        wait_until(lambda: place.calls.count("put running") == 2, "the second copy")


def test_the_end_is_shown_while_another_delivery_still_waits_for_its_own() -> None:
    shown = threading.Event()

    class Waiting:
        url, linger = None, 0.0

        def start(self, run: RunView) -> Waiting:
            return self

        def finish(self, ended: float, deadline: float) -> None:
            wait_until(lambda: "put finished" in place.calls)
            shown.set()

        def close(self) -> None:
            pass

    place = Place()
    with ModelMonitor("m", run="r", delivery=[Waiting(), place]):
        pass
    wait_until(shown.is_set)


def test_a_run_that_replaces_another_keeps_its_copy() -> None:
    old, new = Place(remove_after=FOREVER), Place(remove_after=FOREVER)
    with ModelMonitor("m", run="r", delivery=[old]):
        pass
    wait_until(lambda: "put finished" in old.calls)
    with ModelMonitor("m", run="r", delivery=[new]):
        wait_until(lambda: "close" in old.calls)
    assert "remove" not in old.calls
    ModelMonitor("m", run="r", delivery=[]).close()
    wait_until(lambda: "close" in new.calls)


def test_the_end_is_shown_as_soon_as_the_place_takes_it() -> None:
    full = threading.Event()
    place = Place(put_fails=full.is_set)
    with ModelMonitor("m", run="r", delivery=[place]):
        wait_until(lambda: "sweep" in place.calls)
        full.set()
    wait_until(lambda: place.calls.count("failed") > 1)
    full.clear()
    wait_until(lambda: "close" in place.calls)
    assert place.calls[-3:] == ["put finished", "remove", "close"]


def test_a_copy_that_cannot_show_the_end_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_copy, "LAST_SECONDS", 0.0)
    full = threading.Event()
    place = Place(put_fails=full.is_set)
    with ModelMonitor("m", run="r", delivery=[place]):
        wait_until(lambda: "sweep" in place.calls)
        full.set()
    wait_until(lambda: "close" in place.calls)
    assert "remove" not in place.calls


def test_an_end_that_leaves_too_little_time_for_the_removal_does_not_wait_in_vain() -> None:
    place = Place(remove_after=FOREVER)
    view = RunView(Identity("m", "r"), lambda _: [RUNNING], dict, Guard())
    copy = place.start(view)
    wait_until(lambda: "sweep" in place.calls)
    finished(lambda: copy.finish(time.monotonic(), time.monotonic() + FOREVER / 2))
    copy.close()
    wait_until(lambda: "close" in place.calls)
    assert place.calls == ["put running", "sweep", "put running", "close"]


def test_a_forked_child_closes_its_connection_and_leaves_the_copy_to_its_parent() -> None:
    place = Place(every=0.05)
    with ModelMonitor("m", run="r", delivery=[place]):
        wait_until(lambda: "sweep" in place.calls)
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            os.write(write, b"1" if place.calls[-1] == "close" else b"0")
            os._exit(0)
        os.waitpid(child, 0)
        assert os.read(read, 1) == b"1"
        puts = place.calls.count("put running")
        wait_until(lambda: place.calls.count("put running") > puts)
    os.close(read)
    os.close(write)


def test_the_end_is_shown_for_two_scrapes_of_a_prometheus_that_is_set_to_nothing_else(tmp_path: Path) -> None:
    a_minute = 60.0
    for delivery in (TextFile(tmp_path), Pushgateway("http://gateway:9091")):
        assert delivery.delete_after >= 2 * a_minute
