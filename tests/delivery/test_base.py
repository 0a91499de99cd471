"""The seam of deliveries: a toy one is added by its own class and nothing else."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.waiting import FOREVER, wait_until
from traingauge import Endpoint, ModelMonitor
from traingauge.core.families import Identity
from traingauge.core.guard import Guard
from traingauge.delivery.base import Deliveries, RunView
from traingauge.delivery.exposition import Renderer
from traingauge.errors import InvalidArgumentError
from traingauge.testing import Broken, InMemory

Reading = Callable[..., float | None]


@dataclass(frozen=True)
class Report:
    """Writes what a run publishes to a file, at its start and at its end."""

    path: Path

    def start(self, run: RunView) -> _Writer:
        return _Writer(self.path, run)


class _Writer:
    linger = 0.0

    def __init__(self, path: Path, run: RunView) -> None:
        self._path, self._run, self._renderer = path, run, Renderer(run.identity)
        self.url = path.as_uri()
        self.finish(0.0, 0.0)

    def finish(self, ended: float, deadline: float) -> None:
        text = self._renderer.render(self._run.families(lambda: None), "text")
        self._path.write_bytes(text)

    def close(self) -> None:
        pass


def test_a_delivery_is_added_by_its_own_class_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "m.prom"
    with ModelMonitor("m", run="r", delivery=[Report(file)]) as monitor:
        assert monitor.url == file.as_uri()
        assert 'model_run_state{model="m",run="r",state="running"} 1.0' in file.read_text()
        monitor.step(loss=0.5)
    text = file.read_text()
    assert 'model_loss{model="m",run="r",split="train"} 0.5' in text
    assert 'model_run_state{model="m",run="r",state="finished"} 1.0' in text


def test_a_setting_can_be_used_for_several_runs_at_once(tmp_path: Path) -> None:
    endpoint = Endpoint(discovery_dir=tmp_path)
    with ModelMonitor("m", delivery=[endpoint]) as one, ModelMonitor("m", delivery=[endpoint]) as two:
        assert one.url != two.url
        assert len(list(tmp_path.glob("*.json"))) == 2


@dataclass(frozen=True)
class Recording:
    """Writes down what it is asked for, in a list that several share."""

    name: str
    calls: list[str]
    linger: float = 0.0
    url: str | None = None

    def start(self, run: RunView) -> Recording:
        self.calls.append(f"{self.name} start")
        return self

    def finish(self, ended: float, deadline: float) -> None:
        self.calls.append(f"{self.name} finish, {deadline - time.monotonic() > 50}")

    def close(self) -> None:
        self.calls.append(f"{self.name} close")


def test_deliveries_start_in_order_finish_by_their_own_linger_and_close_in_reverse() -> None:
    calls: list[str] = []
    with ModelMonitor(
        "m", delivery=[Recording("a", calls), Recording("b", calls, linger=60, url="http://b")]
    ) as monitor:
        assert monitor.url is None, "it is that of the first one"
    assert calls == ["a start", "b start", "a finish, False", "b finish, True", "b close", "a close"]


def test_one_that_waits_for_long_leaves_the_others_their_time() -> None:
    calls: list[str] = []
    with ModelMonitor(
        "m", delivery=[Recording("patient", calls, linger=60), Recording("quick", calls, linger=1)]
    ):
        pass
    wait_until(lambda: len(calls) == 6)
    assert calls[2:4] == ["quick finish, False", "patient finish, True"]


@dataclass(frozen=True)
class Silent:
    """Waits as long as it may for an answer that never comes, unless it only notes how long that would be."""

    linger: float
    waited: list[float]
    waits: bool = True
    url: str | None = None

    def start(self, run: RunView) -> Silent:
        return self

    def finish(self, ended: float, deadline: float) -> None:
        self.waited.append(deadline - time.monotonic())
        if self.waits:
            time.sleep(max(0.0, self.waited[-1]))

    def close(self) -> None:
        pass


def ending(*settings: Silent) -> Deliveries:
    return Deliveries(settings, RunView(Identity("m", "r"), lambda _: [], dict, Guard()))


def test_one_that_gets_no_answer_waits_no_longer_than_its_own_linger_next_to_a_patient_one() -> None:
    waited: list[float] = []
    ending(Silent(0.1, waited, waits=False), Silent(FOREVER, [], waits=False)).finish(time.monotonic())
    assert waited[0] <= 0.1


def test_what_was_waited_for_before_takes_no_time_from_a_delivery() -> None:
    waited: list[float] = []
    ending(Silent(FOREVER, waited, waits=False)).finish(time.monotonic() - 2 * FOREVER)
    assert waited[0] > 0.0


def test_a_signal_that_ends_the_process_leaves_all_together_no_more_than_its_time() -> None:
    waited: list[float] = []
    ending(Silent(FOREVER, waited), Silent(FOREVER, waited)).finish(time.monotonic(), at_most=0.2)
    assert waited[0] <= 0.2
    assert waited[1] <= 0.0


def test_the_one_that_is_waited_for_is_known_by_its_class_or_words_and_the_time_that_it_has_left() -> None:
    seen: list[tuple[str, float] | None] = []

    class Looking(Silent):
        def finish(self, ended: float, deadline: float) -> None:
            seen.append(deliveries.awaited)

    deliveries = ending(Looking(60.0, []))
    deliveries.finish(time.monotonic())
    (awaited,) = seen
    assert awaited is not None
    assert awaited[0] == "Looking has delivered"
    assert 0.0 < awaited[1] <= 60.0
    assert deliveries.awaited is None
    seen.clear()

    class Reading(Looking):
        awaits = "a person has read"

    deliveries = ending(Reading(60.0, []))
    deliveries.finish(time.monotonic())
    assert seen[0] is not None
    assert seen[0][0] == "a person has read"


def test_a_setting_that_does_not_fit_raises_and_closes_those_before_it() -> None:
    calls: list[str] = []
    with pytest.raises(InvalidArgumentError, match="no such gateway"):
        ModelMonitor(
            "m", delivery=[Recording("a", calls), Broken("start", InvalidArgumentError("no such gateway"))]
        )
    assert calls == ["a start", "a close"]


def test_a_delivery_that_cannot_start_is_counted_and_the_others_work(read: Reading) -> None:
    published = InMemory()
    with ModelMonitor("m", delivery=[Broken("start"), published]) as monitor:
        monitor.step(loss=0.5)
        assert read(monitor, "model_monitor_errors_total", reason="delivery") == 1
        assert published.value("model_loss", split="train") == 0.5


@pytest.mark.parametrize("at", ["finish", "close"])
def test_a_delivery_that_fails_at_the_end_is_counted_and_the_others_finish_and_close(
    at: str, read: Reading
) -> None:
    calls: list[str] = []
    with ModelMonitor("m", delivery=[Recording("a", calls), Broken(at), Recording("b", calls)]) as monitor:
        pass
    assert read(monitor, "model_monitor_errors_total", reason="delivery") == 1
    assert [call.partition(",")[0] for call in calls[2:]] == ["a finish", "b finish", "b close", "a close"]


def test_a_delivery_that_lacks_what_the_protocol_asks_for_does_not_break_the_end(read: Reading) -> None:
    class Careless:
        def start(self, run: RunView) -> Careless:
            return self

    published = InMemory()
    with ModelMonitor("m", delivery=[published, Careless()]) as monitor:  # type: ignore[list-item]
        monitor.step(loss=0.5)
    assert published.ended
    assert read(monitor, "model_monitor_errors_total", reason="delivery") == 3  # linger, finish, close


def test_ctrl_c_while_a_delivery_finishes_ends_the_waiting_and_still_closes_all() -> None:
    calls: list[str] = []
    monitor = ModelMonitor("m", delivery=[Broken("finish", KeyboardInterrupt()), Recording("b", calls)])
    with pytest.raises(KeyboardInterrupt):
        monitor.close()
    assert calls == ["b start", "b close"]
