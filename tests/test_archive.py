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
        for _ in range(300):
            member.write(bytes(1 << 20))
    tracemalloc.start()
    try:
        with pytest.raises(DamagedFileError, match="claim to unpack"):
            ARCHIVE.read(path)
        assert tracemalloc.get_traced_memory()[1] < UNPACKED_BYTES
    finally:
        tracemalloc.stop()


def test_an_array_of_zeros_that_traingauge_wrote_is_no_bomb(tmp_path):
    ARCHIVE.write(tmp_path / "a.zip", {"n": 1}, {"a": np.zeros(1 << 20)})
    assert ARCHIVE.read(tmp_path / "a.zip")[1]["a"].shape == (1 << 20,)


def test_a_compression_that_traingauge_does_not_write_is_damage(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("header.json", "{}")
    with pytest.raises(DamagedFileError, match="compression"):
        ARCHIVE.read(path)
