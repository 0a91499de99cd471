"""The state directory of one run."""

from __future__ import annotations

import errno
import fcntl
import multiprocessing
import os
import random
import subprocess
import sys

import numpy as np
import pytest

from traingauge.archive import Archive
from traingauge.core.families import Identity
from traingauge.errors import (
    DamagedFileError,
    NewerFileError,
    StateInUseError,
    StateLockError,
    StateMismatchError,
)
from traingauge.state.store import COPIES, Store, newest

WHO = Identity("m", "r")


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "state")
    yield store
    store.close()


def damage(path, at=0.5):
    whole = bytearray(path.read_bytes())
    whole[int(len(whole) * at)] ^= 0xFF
    path.write_bytes(whole)


def copies(store):
    return sorted(store.directory.glob("state-*.zip"))


def test_an_empty_directory_resumes_nothing(store):
    assert store.resume("m", None, ()) is None


def test_the_newest_copy_is_resumed_and_the_last_few_are_kept(store):
    for number in range(COPIES + 3):
        store.save(WHO, 100.0 + number, {"number": number, "data": np.arange(number)})
    assert len(copies(store)) == COPIES
    found = store.resume("m", None, ())
    assert (found.identity, found.saved, found.tree["number"]) == (WHO, 100.0 + COPIES + 2, COPIES + 2)
    assert found.tree["data"].tolist() == list(range(COPIES + 2))


@pytest.mark.parametrize("at", [0.0, 0.1, 0.5, 0.9, 0.99])
def test_a_damaged_copy_is_put_aside_and_the_one_before_resumed(store, caplog, at):
    for number in range(2):
        store.save(WHO, 1.0, {"number": number, "data": np.arange(1000)})
    newer = copies(store)[-1]
    newer.write_bytes(newer.read_bytes()[: int(newer.stat().st_size * at)])
    found = store.resume("m", "r", ())
    assert found.tree["number"] == 0
    assert f"{newer} is damaged" in caplog.text
    assert newer.with_name(f"{newer.name}.damaged").exists()
    store.save(WHO, 1.0, {"number": 2})
    assert store.resume("m", "r", ()).tree["number"] == 2


def test_of_each_byte_with_a_flipped_bit_the_older_copy_is_resumed_or_the_newer_unchanged(store):
    for number in range(2):
        store.save(WHO, 1.0, {"number": number, "data": np.arange(4)})
    newer = copies(store)[-1]
    whole, rng, fallen_back = newer.read_bytes(), random.Random(5), 0
    for at in range(len(whole)):
        flipped = bytearray(whole)
        flipped[at] ^= 1 << rng.randrange(8)
        newer.write_bytes(flipped)
        found = newest(store.directory, ())
        assert (found.identity, found.saved, found.tree["data"].tolist()) == (WHO, 1.0, [0, 1, 2, 3])
        assert found.tree["number"] == (0 if found.damaged else 1)
        fallen_back += len(found.damaged)
    assert fallen_back > len(whole) / 2


@pytest.mark.parametrize("code", [errno.EIO, errno.EACCES])
def test_a_newest_copy_that_the_disk_does_not_give_is_passed_over_for_the_one_before(
    store, monkeypatch, code
):
    for number in range(2):
        store.save(WHO, 1.0, {"number": number})
    newer, opened = copies(store)[-1], os.open

    def fail(path, *more, **named):
        if str(path) == str(newer):
            raise OSError(code, os.strerror(code), str(path))
        return opened(path, *more, **named)

    monkeypatch.setattr(os, "open", fail)
    found = store.resume("m", "r", ())
    assert (found.tree["number"], found.damaged) == (0, (newer,))


def test_a_copy_that_is_a_symbolic_link_is_not_followed(store, tmp_path):
    for number in range(2):
        store.save(WHO, 1.0, {"number": number})
    newer = copies(store)[-1]
    newer.rename(tmp_path / "elsewhere.zip")
    newer.symlink_to(tmp_path / "elsewhere.zip")
    assert newest(store.directory, ()).tree["number"] == 0


def test_a_copy_that_is_a_pipe_is_not_waited_for(store):
    store.save(WHO, 1.0, {"number": 0})
    os.mkfifo(store.directory / "state-00000009.zip")
    assert newest(store.directory, ()).tree["number"] == 0


def test_a_lock_that_is_a_symbolic_link_is_refused_and_its_target_unchanged(tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "traingauge.lock").symlink_to(victim)
    with pytest.raises(OSError, match="symbolic link"):
        Store(tmp_path / "state")
    assert victim.read_text() == "precious"


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP])
def test_a_file_system_without_locks_is_not_called_another_process(tmp_path, monkeypatch, code):
    def flock(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(StateLockError, match=os.strerror(code)):
        Store(tmp_path / "state")


def test_with_no_readable_copy_nothing_starts_over(store):
    store.save(WHO, 1.0, {"number": 0})
    (only,) = copies(store)
    damage(only)
    before = only.read_bytes()
    with pytest.raises(DamagedFileError, match="move them away"):
        store.resume("m", "r", ())
    assert only.read_bytes() == before


def test_a_copy_of_a_newer_version_is_not_passed_over_for_an_older(store):
    store.save(WHO, 1.0, {"number": 0})
    Archive("traingauge-state", 2, "state").write(store.directory / "state-00000009.zip", {}, {})
    with pytest.raises(NewerFileError, match="upgrade traingauge"):
        store.resume("m", "r", ())


@pytest.mark.parametrize(("model", "run"), [("m", "other"), ("other", "r"), ("other", None)])
def test_the_state_of_another_run_is_left_alone(store, model, run):
    store.save(WHO, 1.0, {})
    before = copies(store)[0].read_bytes()
    with pytest.raises(StateMismatchError, match="'r' of model 'm'"):
        store.resume(model, run, ())
    assert copies(store)[0].read_bytes() == before


def test_a_directory_in_use_is_refused_with_the_process_that_uses_it(store):
    with pytest.raises(StateInUseError, match=str(os.getpid())):
        Store(store.directory)
    code = f"from pathlib import Path; from traingauge.state.store import Store; Store(Path({str(store.directory)!r}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert f"in use by process {os.getpid()}" in done.stderr
    store.close()
    Store(store.directory).close()


def _wait(started, event):
    started.set()
    event.wait(60)


def test_a_forked_child_does_not_hold_on_to_it(store):
    context = multiprocessing.get_context("fork")
    started, event = context.Event(), context.Event()
    child = context.Process(target=_wait, args=(started, event))
    child.start()
    started.wait(60)
    store.close()
    try:
        Store(store.directory).close()
    finally:
        event.set()
        child.join()


def test_a_failed_save_leaves_the_earlier_copies_and_nothing_else(store, monkeypatch):
    store.save(WHO, 1.0, {"number": 0})
    before = sorted(store.directory.iterdir())

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("traingauge.archive.os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        store.save(WHO, 1.0, {"number": 1})
    assert sorted(store.directory.iterdir()) == before
    assert newest(store.directory, ()).tree["number"] == 0
