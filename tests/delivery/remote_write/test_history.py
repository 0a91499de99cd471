"""The rows of a log on their way to a receiver."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.delivery.remote_write.test_sender import Store
from traingauge.core.collectors.delivery import DeliveryCounts
from traingauge.core.families import Identity
from traingauge.core.step_log import Block
from traingauge.delivery.remote_write.cursor import Cursor, CursorFile
from traingauge.delivery.remote_write.errors import UnavailableError
from traingauge.delivery.remote_write.history import History
from traingauge.delivery.remote_write.rows import RowSeries, Sent
from traingauge.delivery.remote_write.sender import Sender
from traingauge.delivery.remote_write.series import LATEST
from traingauge.state.log import Extent, Log
from traingauge.state.saved_rows import SavedRows

MUCH = 1 << 30


class Spool:
    """A log of rows, of which each hundredth of a second has one."""

    def __init__(self, directory: Path, most: int = MUCH) -> None:
        self.log = Log(directory, Extent(), most)
        self.rows = SavedRows(directory, Extent())
        self.errors: list[Exception] = []

    def add(self, first: int, count: int) -> None:
        steps = np.arange(first, first + count, dtype=float)
        entropy = {"step": steps, "time": steps / 100, "entropy": steps / 7}
        self.log.append([Block("train", 0, entropy)])
        self.rows.saved(self.log.extent, 0.0)

    def history(self, store: Store, counts: DeliveryCounts | None = None) -> History:
        counts = DeliveryCounts() if counts is None else counts
        return History(
            self.rows,
            RowSeries(Identity("m", "r"), 1),
            Sender(store.post, counts, repeated=True),
            CursorFile(self.rows.directory, "http://receiver"),
            counts,
            self.errors.append,
        )


class Rows(Store):
    """A receiver that keeps each series by the name of its metric, or scalar."""

    @staticmethod
    def name(points: object) -> str:
        labels = dict(points.series.labels)  # type: ignore[attr-defined]
        return labels.get("name", labels["__name__"])


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path)


def steps(store: Store) -> list[float]:
    return list(store.series["model_step"].values())


def test_rows_are_sent_once_and_in_order(spool: Spool) -> None:
    store = Rows()
    history = spool.history(store)
    spool.add(1, 10)
    assert history.pending == 10
    assert history.send(LATEST)
    spool.add(11, 10)
    assert history.send(LATEST)
    assert (steps(store), history.pending, store.requests) == (list(range(1, 21)), 0, 2)
    assert history.send(LATEST)
    assert store.requests == 2


def test_a_process_continues_where_the_one_before_stopped(spool: Spool) -> None:
    store = Rows()
    spool.add(1, 10)
    spool.history(store).send(LATEST)
    spool.add(11, 10)
    spool.history(store).send(LATEST)
    assert (steps(store), store.requests) == (list(range(1, 21)), 2)


@pytest.mark.parametrize("killed_after", range(1, 8))
def test_a_request_whose_cursor_was_not_written_is_neither_lost_nor_doubled(
    spool: Spool, killed_after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def killed(*_: object) -> None:
        if store.requests == killed_after:
            raise Killed

    store, counts = Rows(), DeliveryCounts()
    spool.add(1, 3000)
    write = CursorFile.write
    with monkeypatch.context() as patch:
        patch.setattr(CursorFile, "write", lambda *given: (killed(), write(*given)))
        try:
            spool.history(store, counts).send(LATEST)
        except Killed:
            spool.add(3001, 500)
    spool.history(store, counts).send(LATEST)
    assert steps(store) == list(range(1, 3501 if len(steps(store)) > 3000 else 3001))
    assert not any(counts.dropped.values())


def test_the_cursor_stays_where_the_receiver_has_not_taken_the_rows(spool: Spool) -> None:
    store = Rows(fails=lambda number: UnavailableError("connection", "") if number == 2 else None)
    spool.add(1, 2000)
    history = spool.history(store)
    with pytest.raises(UnavailableError):
        history.send(LATEST)
    assert history.pending == 2000
    assert history.send(LATEST)
    assert steps(store) == list(range(1, 2001))


def test_rows_that_lie_in_the_receivers_future_wait(spool: Spool) -> None:
    store = Rows()
    history = spool.history(store)
    spool.add(1, 10)
    spool.add(11, 10)
    assert not history.send(150)
    assert steps(store) == list(range(1, 11))
    assert history.send(LATEST)
    assert steps(store) == list(range(1, 21))


def test_rows_that_the_log_deleted_are_counted(tmp_path: Path) -> None:
    spool, counts, store = Spool(tmp_path, most=20_000), DeliveryCounts(), Rows()
    for first in range(1, 5001, 100):
        spool.add(first, 100)
    history = spool.history(store, counts)
    assert history.send(LATEST)
    assert counts.dropped["log"] > 0
    assert counts.dropped["log"] + len(steps(store)) == 5000
    assert history.pending == 0


def test_rows_that_are_damaged_are_reported_and_the_others_sent(spool: Spool) -> None:
    store = Rows()
    spool.add(1, 10)
    middle = spool.log.extent.pieces[0].end
    spool.add(11, 10)
    spool.add(21, 10)
    path = next(spool.rows.directory.glob("rows-*.log"))
    data = bytearray(path.read_bytes())
    data[middle + 20] ^= 0xFF
    path.write_bytes(data)
    history = spool.history(store)
    assert history.send(LATEST)
    assert steps(store) == [*range(1, 11), *range(21, 31)]
    assert (len(spool.errors), history.pending) == (1, 0)


def test_a_cursor_is_read_as_it_was_written(tmp_path: Path) -> None:
    file = CursorFile(tmp_path, "http://receiver")
    cursor = Cursor(3, 500, 2, 1000, {"train loss": Sent(5, float("inf"))})
    file.write(cursor)
    assert file.read() == cursor
    assert CursorFile(tmp_path, "http://other").read() == Cursor()
    assert not [path for path in tmp_path.iterdir() if path.suffix != ".json"]


@pytest.mark.parametrize("text", ["", "[]", "{", json.dumps({"segment": "x"}), json.dumps({"other": 1})])
def test_a_cursor_that_cannot_be_read_is_the_beginning(tmp_path: Path, text: str) -> None:
    file = CursorFile(tmp_path, "http://receiver")
    file.write(Cursor(3))
    next(tmp_path.iterdir()).write_text(text)
    assert file.read() == Cursor()


def test_rows_of_a_clock_that_was_set_back_since_are_given_up_and_those_after_them_sent(spool: Spool) -> None:
    store, counts = Rows(), DeliveryCounts()
    history = spool.history(store, counts)
    spool.add(1, 10)
    spool.add(100_001, 10)  # a quarter of an hour later
    assert not history.send(until=500)
    assert steps(store) == list(range(1, 11))
    spool.add(11, 10)
    assert history.send(until=500, latest=60_500)
    assert (steps(store), history.pending) == (list(range(1, 21)), 0)
    assert counts.dropped["clock"] == sum(map(len, store.series.values())) / 2
    assert max(sent.time for sent in history.last.values()) == 200


def test_what_was_given_up_for_its_time_is_not_the_last_sample_of_its_series(spool: Spool) -> None:
    history = spool.history(Rows())
    for first in (1, 100_001):
        spool.add(first, 10)
    assert history.send(until=500, latest=60_500)
    assert max(sent.time for sent in history.last.values()) == 100
