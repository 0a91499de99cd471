"""The format of traingauge's files."""

from __future__ import annotations

import tracemalloc
import zipfile

import numpy as np
import pytest

from traingauge.archive import UNPACKED_BYTES, Archive
from traingauge.errors import DamagedFileError

ARCHIVE = Archive("traingauge-test", 1, "test")


def test_a_small_file_that_unpacks_to_gigabytes_is_refused_before_it_is_unpacked(tmp_path):
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a.npy", "w") as member:
        for _ in range(257):
            member.write(bytes(1 << 20))
    tracemalloc.start()
    try:
        with pytest.raises(DamagedFileError, match="claim to unpack"):
            ARCHIVE.read(path)
        assert tracemalloc.get_traced_memory()[1] < UNPACKED_BYTES
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("values", [1 << 6, 1 << 10])
def test_zeros_that_traingauge_wrote_are_no_bomb_however_many(tmp_path, monkeypatch, values):
    monkeypatch.setattr("traingauge.archive.UNPACKED_BYTES", 1 << 11)
    ARCHIVE.write(tmp_path / "a.zip", {"n": 1}, {"a": np.zeros(values)})
    assert ARCHIVE.read(tmp_path / "a.zip")[1]["a"].shape == (values,)


def test_a_compression_that_traingauge_does_not_write_is_damage(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("header.json", "{}")
    with pytest.raises(DamagedFileError, match="compression"):
        ARCHIVE.read(path)
