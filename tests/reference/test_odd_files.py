"""Files that are intact as archives, and do not hold what they should."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from traingauge import Canary, Reference, ReferenceRun
from traingauge.errors import DamagedFileError
from traingauge.reference import canary as canary_module
from traingauge.reference import run as run_module
from traingauge.reference.reference import FILE
from traingauge.reference.run import Curve

ODD = [None, 5, -1.5, "text", [], {}, [[1]], ["a", "a"]]


def _reference(path):
    rng = np.random.default_rng(0)
    data = rng.normal(size=(300, 3))
    whole = Reference.from_data(data, y_true=rng.choice(["cat", "dog"], 300))
    whole.calibrate(window=50, false_alarm_rate=0.1, resamples=100).save(path)


def _canary(path):
    Canary.record("m", lambda x: 2 * x, [1.0, 2.0]).save(path)


def _run(path):
    curve = Curve(*np.arange(6.0).reshape(3, 2))
    ReferenceRun("m", "steps", 1, {("loss", "train"): curve}, 0.0).save(path)


KINDS = {
    "reference": (Reference, FILE, _reference),
    "canary": (Canary, canary_module._FILE, _canary),
    "reference run": (ReferenceRun, run_module._FILE, _run),
}


def _places(value, path=()):
    """Where a header can be changed: every key of every mapping in it."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield (*path, key)
            yield from _places(inner, (*path, key))


def _changed(header, place, change):
    changed = copy.deepcopy(header)
    parent = changed
    for key in place[:-1]:
        parent = parent[key]
    change(parent, place[-1])
    return changed


def _load(kind, path):
    """Load a file; what is accepted has to be whole enough to be saved again."""
    kind.load(path).save(path)


@pytest.mark.parametrize("name", KINDS)
def test_a_file_without_a_field_of_its_header_is_damaged(name, tmp_path):
    kind, file, write = KINDS[name]
    path = tmp_path / "file"
    write(path)
    header, arrays = file.read(path)
    fixed = {"format", "version"}
    optional = {("calibrations", part) for part in header.get("calibrations", ())}
    places = [place for place in _places(header) if place[0] not in fixed and place not in optional]
    assert places
    for place in places:
        file.write(path, _changed(header, place, lambda parent, key: parent.pop(key)), arrays)
        with pytest.raises(DamagedFileError, match="damaged"):
            _load(kind, path)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("odd", ODD)
def test_an_odd_value_in_a_header_makes_a_file_damaged_or_fits(name, odd, tmp_path):
    kind, file, write = KINDS[name]
    path = tmp_path / "file"
    write(path)
    header, arrays = file.read(path)
    refused = 0
    for place in _places(header):
        if place[0] in ("format", "version"):
            continue
        file.write(path, _changed(header, place, lambda parent, key: parent.update({key: odd})), arrays)
        try:
            _load(kind, path)
        except DamagedFileError:
            refused += 1
    assert refused


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize(
    "change", [None, lambda one: one[:0], lambda one: one[None], lambda one: one.astype("S3")]
)
def test_a_file_without_an_array_of_its_shape_is_damaged(name, change, tmp_path):
    kind, file, write = KINDS[name]
    path = tmp_path / "file"
    write(path)
    header, arrays = file.read(path)
    for array in arrays:
        odd = {**arrays}
        if change is None:
            del odd[array]
        else:
            odd[array] = change(arrays[array])
        file.write(path, header, odd)
        with pytest.raises(DamagedFileError, match="damaged"):
            _load(kind, path)
