"""The file of a reference."""

from __future__ import annotations

import json
import zipfile

import numpy as np
import pytest

from traingauge.errors import DamagedFileError
from traingauge.reference import Reference
from traingauge.reference.reference import FILE


@pytest.fixture
def path(tmp_path):
    rng = np.random.default_rng(0)
    path = tmp_path / "churn.ref"
    data = rng.normal(size=(500, 3))
    data[::7, 1] = np.nan
    Reference.from_data(data, y_true=rng.integers(0, 3, 500), y_pred=rng.random((500, 3))).save(path)
    return path


def test_a_loaded_reference_equals_the_saved_one(path):
    reference = Reference.load(path)
    reference.save(path.with_suffix(".again"))
    again = Reference.load(path.with_suffix(".again"))
    assert again.created == reference.created
    assert set(again.profiles) == {"features", "labels", "predictions", "joint"}
    for part in again.profiles:
        one, two = reference.profiles[part], again.profiles[part]
        assert one.names == two.names
        assert one.summary.samples == two.summary.samples
        for name, array in one.arrays().items():
            np.testing.assert_array_equal(array, two.arrays()[name])
            assert array.dtype == two.arrays()[name].dtype
        np.testing.assert_array_equal(one.counts, two.counts)
    for name, array in reference.joint.arrays().items():
        np.testing.assert_array_equal(array, again.joint.arrays()[name])


def test_any_zip_tool_and_numpy_can_open_it(path):
    with zipfile.ZipFile(path) as archive:
        assert json.loads(archive.read("header.json"))["format"] == "traingauge-reference"
    with np.load(path, allow_pickle=False) as arrays:
        assert arrays["features.rows"].shape == (500, 3)


def test_a_changed_byte_is_detected_or_has_no_effect(path):
    """Bytes of the zip directory, such as dates, have no effect; any other change is an error."""
    whole = path.read_bytes()
    expected, noticed = Reference.load(path), 0
    for at in range(0, len(whole), 101):
        changed = bytearray(whole)
        changed[at] ^= 0x55
        path.write_bytes(changed)
        try:
            loaded = Reference.load(path)
        except DamagedFileError:
            noticed += 1
        else:
            np.testing.assert_array_equal(loaded.features.summary.rows, expected.features.summary.rows)
            np.testing.assert_array_equal(loaded.edges, expected.edges)
    assert noticed > 0.9 * len(range(0, len(whole), 101))


@pytest.mark.parametrize("part", [0.0, 0.3, 0.9, 0.999])
def test_a_truncated_file_is_damaged(path, part):
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * part)])
    with pytest.raises(DamagedFileError, match="damaged"):
        Reference.load(path)


def rewritten(path, **changes):
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["header.json"] = json.dumps(json.loads(members["header.json"]) | changes).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)


def test_a_file_of_a_newer_version_raises_and_says_so(path):
    rewritten(path, version=FILE.version + 1)
    with pytest.raises(DamagedFileError, match="newer traingauge"):
        Reference.load(path)


def test_an_altered_header_is_damaged(path):
    rewritten(path, created=0.0)
    with pytest.raises(DamagedFileError, match="checksum"):
        Reference.load(path)


def test_an_archive_of_another_format_is_not_a_reference(path):
    rewritten(path, format="weights")
    with pytest.raises(DamagedFileError, match="not a reference"):
        Reference.load(path)


def test_a_missing_file_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        Reference.load(tmp_path / "none.ref")


def test_a_failed_save_leaves_the_old_file_and_no_other(path, monkeypatch):
    whole = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("traingauge.archive.os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        Reference.load(path).save(path)
    assert path.read_bytes() == whole
    assert list(path.parent.iterdir()) == [path]
