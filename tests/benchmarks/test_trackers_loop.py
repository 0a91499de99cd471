"""A script gives each tracker, and ``monitor.step``, the same numbers at the same place."""

from __future__ import annotations

from contextlib import contextmanager

import pytest

pytest.importorskip("torch")

from benchmarks.trackers import loop, one
from benchmarks.trackers.peers import Peer
from benchmarks.trackers.training import Case, Stamps, truth


class Kept(Peer):
    """A tracker that keeps what it gets."""

    def __init__(self, folder):
        super().__init__(folder)
        self.kept = []

    @contextmanager
    def script(self):
        yield lambda numbers, step: self.kept.append({"step": step, **numbers})


@pytest.fixture
def kept(tmp_path):
    return Kept(tmp_path)


def train(case, *recorders):
    for by in recorders:
        loop.train(case, by, Stamps())


@pytest.mark.parametrize("case", [Case(), Case(window=4)], ids=["plain", "accumulated"])
def test_step_gets_the_numbers_that_a_tracker_gets(kept, case):
    steps = loop.Steps()
    train(case, kept, steps)
    rows = steps.monitor.rows()
    assert [one["loss"] for one in kept.kept] == pytest.approx(rows["loss"].tolist(), rel=1e-6)
    assert [one["learning_rate"] for one in kept.kept] == pytest.approx(rows["learning_rate"].tolist())
    assert [one["step"] for one in kept.kept] == list(range(len(rows["loss"])))


def test_watch_has_the_mean_of_each_step(kept):
    watch, case = loop.Watch(), Case(window=4)
    train(case, watch, kept)
    assert watch.monitor.rows()["loss"].tolist() == pytest.approx(truth(case).losses, rel=1e-6)
    assert [one["loss"] for one in kept.kept] != pytest.approx(truth(case).losses, rel=1e-6)


def accuracy(monitor):
    """What the run publishes, over the window of its steps."""
    found = {one.metric.name: one.values for one in monitor.collector.families()}.get("model_accuracy")
    return None if found is None else found[0]


def test_accuracy_is_logged_where_the_case_says_so(kept):
    steps = loop.Steps()
    train(Case(), kept, steps)
    assert set(kept.kept[-1]) == {"step", "loss", "learning_rate"}
    assert accuracy(steps.monitor) is None
    kept.kept.clear()
    steps = loop.Steps()
    train(Case(accuracy=True), kept, steps)
    assert accuracy(steps.monitor) == pytest.approx(
        sum(one["accuracy"] for one in kept.kept) / len(kept.kept)
    )


def test_a_script_waits_once_for_the_loss_that_it_logs_and_not_for_the_tensor_that_step_gets(kept):
    assert [loop.waits(by) for by in (kept, loop.Steps(), loop.Watch())] == [1, 0, 0]


def test_what_a_script_gives_nothing_is_timed_once_for_all_rows(tmp_path, monkeypatch):
    measured = iter([10.0, 20.0, 30.0])
    monkeypatch.setattr(one, "_apart", lambda *_: next(measured))
    first, second = loop.ROWS
    assert one._timed(loop, loop.Watch, tmp_path, 1) == {first: 10.0, second: 10.0}
    assert one._timed(loop, loop.Steps, tmp_path, 1) == {first: 20.0, second: 30.0}
