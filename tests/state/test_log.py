"""The log of rows in a state directory."""

from __future__ import annotations

import os
import random

import numpy as np
import pytest

from traingauge.core.step_log import Block
from traingauge.state import log as module
from traingauge.state.log import Cursor, Extent, Log, read

MUCH = 1 << 30


def block(first, count=4, table="train", attempt=0):
    steps = np.arange(first, first + count, dtype=float)
    return Block(table, attempt, {"step": steps, "loss": steps / 7})


def read_all(directory, extent, table="train", after=module.START):
    damage = []
    found = list(read(directory, extent, damage.append, tables={table}, after=after))
    return [one for _, one in found], damage, [cursor for cursor, _ in found]


def steps(directory, extent, **more):
    return [step for one in read_all(directory, extent, **more)[0] for step in one.columns["step"].tolist()]


@pytest.fixture
def log(tmp_path):
    log = Log(tmp_path, Extent(), MUCH)
    yield log
    log.close()


def test_rows_come_back_as_they_were_appended(log, tmp_path):
    for first in (0, 4):
        log.append([block(first), block(first, table="validation", attempt=1)])
    (one, _), damage, _ = read_all(tmp_path, log.extent, "validation")
    assert (one.table, one.attempt, one.columns["loss"].tolist()) == (
        "validation",
        1,
        [0, 1 / 7, 2 / 7, 3 / 7],
    )
    assert not damage
    assert steps(tmp_path, log.extent) == list(range(8))
    assert log.extent.pieces[0].rows == 16


def test_nothing_that_was_written_is_written_again(log, tmp_path):
    log.append([block(0)])
    before = (tmp_path / "rows-00000001.log").read_bytes()
    log.append([block(4)])
    assert (tmp_path / "rows-00000001.log").read_bytes().startswith(before)


def test_an_extent_reads_the_same_whatever_is_appended_after_it(log, tmp_path):
    log.append([block(0)])
    extent = Extent.restored(log.extent.save())
    log.append([block(4)])
    assert steps(tmp_path, extent) == [0, 1, 2, 3]


def test_a_reader_continues_after_the_place_that_it_noted(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "SEGMENT_BYTES", 300)
    log = Log(tmp_path, Extent(), MUCH)
    for first in range(0, 40, 4):
        log.append([block(first)])
    log.close()
    assert len(log.extent.pieces) > 2
    *_, cursors = read_all(tmp_path, log.extent)
    for number, cursor in enumerate(cursors, 1):
        assert steps(tmp_path, log.extent, after=cursor) == list(range(4 * number, 40))
    assert steps(tmp_path, log.extent, after=Cursor(cursors[-1].segment + 1, 0)) == []


def test_a_new_writer_leaves_what_was_torn_off_alone_and_out(log, tmp_path):
    log.append([block(0)])
    log.close()
    segment = tmp_path / "rows-00000001.log"
    segment.write_bytes(segment.read_bytes() + b"\xb1row half a frame")
    torn = segment.read_bytes()
    again = Log(tmp_path, log.extent, MUCH)
    again.append([block(4)])
    again.close()
    found, damage, _ = read_all(tmp_path, again.extent)
    assert [one.columns["step"][0] for one in found] == [0, 4]
    assert not damage
    assert segment.read_bytes() == torn


@pytest.mark.parametrize("fails", ["write", "fsync"])
@pytest.mark.parametrize("first", [True, False])
def test_an_append_that_fails_leaves_the_log_as_it_was_and_the_next_one_is_whole(
    log, tmp_path, monkeypatch, fails, first
):
    if not first:
        log.append([block(0)])
    before, real = log.extent, getattr(os, fails)

    def half(descriptor, data=b"", *_):
        if fails == "write":
            real(descriptor, bytes(data[:10]))
        raise OSError(28, "No space left on device")

    for _ in range(3):
        with monkeypatch.context() as patch:
            patch.setattr(os, fails, half)
            with pytest.raises(OSError, match="No space"):
                log.append([block(4), block(8)])
        assert log.extent == before
    log.append([block(4)])
    found, damage, _ = read_all(tmp_path, log.extent)
    assert [one.columns["step"][0] for one in found] == ([4] if first else [0, 4])
    assert not damage
    assert len(list(tmp_path.iterdir())) == (1 if first else 2), "attempts leave no files"


def test_of_each_byte_with_a_flipped_bit_only_the_block_that_holds_it_is_missing(log, tmp_path):
    for first in (0, 4, 8):
        log.append([block(first)])
    *_, cursors = read_all(tmp_path, log.extent)
    segment, rng = tmp_path / "rows-00000001.log", random.Random(3)
    whole = segment.read_bytes()
    for at in range(len(whole)):
        flipped = bytearray(whole)
        flipped[at] ^= 1 << rng.randrange(8)
        segment.write_bytes(flipped)
        hit = sum(at >= cursor.offset for cursor in cursors)
        found, damage, _ = read_all(tmp_path, log.extent)
        assert damage
        assert [one.columns["loss"].tolist() for one in found] == [
            block(first).columns["loss"].tolist() for number, first in enumerate((0, 4, 8)) if number != hit
        ], at


def test_a_segment_that_is_a_symbolic_link_is_not_followed(log, tmp_path):
    log.append([block(0)])
    segment = tmp_path / "rows-00000001.log"
    segment.rename(tmp_path / "elsewhere")
    segment.symlink_to(tmp_path / "elsewhere")
    found, damage, _ = read_all(tmp_path, log.extent)
    assert not found
    assert len(damage) == 1


def test_a_block_that_claims_to_unpack_to_too_much_is_damage(log, tmp_path, monkeypatch):
    log.append([block(0), block(4, count=100)])
    monkeypatch.setattr(module, "BLOCK_BYTES", 1000)
    found, damage, _ = read_all(tmp_path, log.extent)
    assert [one.rows for one in found] == [4]
    assert len(damage) == 1


def test_a_log_that_is_too_large_loses_its_oldest_segments_and_counts_their_rows(tmp_path):
    (tmp_path / "rows-of-mine.log").write_text("precious")
    log = Log(tmp_path, Extent(), most=2400)
    for first in range(0, 400, 4):
        log.append([block(first)])
    log.close()
    assert steps(tmp_path, log.extent) == list(range(log.extent.deleted, 400))
    assert 0 < log.extent.deleted < 400
    assert sum(path.stat().st_size for path in tmp_path.glob("rows-0*.log")) < 2400 * 5 / 4
    assert (tmp_path / "rows-of-mine.log").exists()
