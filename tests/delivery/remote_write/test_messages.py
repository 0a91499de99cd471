"""The messages of remote write, read by a strict reader of their specifications."""

from __future__ import annotations

import math
import struct
from typing import Any

import numpy as np
import pytest

from tests.delivery.remote_write.receiver import number, read_1, read_2, unpacked
from traingauge.catalog import CATALOG
from traingauge.core.families import Identity
from traingauge.delivery.remote_write.messages import request
from traingauge.delivery.remote_write.series import LATEST, STALE, Points, series_of

READERS: dict[str, Any] = {"1.0": read_1, "2.0": read_2}
IDENTITY = Identity("digits", "r1")


def points(
    metric: str, *labels: str | None, times: list[int], values: list[float], suffix: str = ""
) -> Points:
    series = series_of(CATALOG[metric], labels, IDENTITY, suffix)
    return Points(series, np.array(times, np.int64), np.array(values))


LOSS = points("model_loss", "train", times=[1_764_000_000_000, 1_764_000_000_250], values=[0.5, -1e300])
RATE = points("model_learning_rate", times=[0, LATEST], values=[math.inf, math.nan])
COUNT = points("model_step_duration_seconds", "train", "+Inf", times=[1], values=[3.0], suffix="_bucket")


@pytest.mark.parametrize("version", READERS)
def test_every_label_time_and_value_is_read_back(version: Any) -> None:
    found = dict(READERS[version](unpacked(request(version, [LOSS, RATE, COUNT]))))
    assert list(found) == [one.series.labels for one in (LOSS, RATE, COUNT)]
    for one in (LOSS, RATE, COUNT):
        times, values = zip(*found[one.series.labels], strict=True)
        assert list(times) == one.times.tolist()
        np.testing.assert_array_equal([number(value) for value in values], one.values)


@pytest.mark.parametrize("version", READERS)
def test_many_series_of_one_sample_are_read_back_and_small(version: Any) -> None:
    many = [
        points("model_feature_drift", f"feature_{at}", "psi", times=[1_764_000_000_000], values=[at / 7])
        for at in range(1000)
    ]
    packed = request(version, many)
    found = READERS[version](unpacked(packed))
    assert [(labels, number(samples[0][1])) for labels, samples in found] == [
        (one.series.labels, one.values[0]) for one in many
    ]
    assert len(packed) < 50 * len(many)


def test_a_stale_marker_keeps_its_bits() -> None:
    (_, [(_, value)]) = read_1(unpacked(request("1.0", [points("model_step", times=[1], values=[STALE])])))[0]
    assert struct.unpack("<Q", value) == (0x7FF0000000000002,)


def test_labels_that_are_empty_or_left_out_are_not_written() -> None:
    one = points("model_threshold", "accuracy", "warning", None, times=[1], values=[0.9])
    assert "feature" not in dict(one.series.labels)
    other = points("model_threshold", "accuracy", "warning", "", times=[1], values=[0.9])
    assert other.series == one.series


@pytest.mark.parametrize("version", READERS)
def test_what_utf_8_cannot_encode_is_replaced(version: Any) -> None:
    one = points("model_scalar", "m\udce9tier", "train", times=[1], values=[1.0])
    ((labels, _),) = READERS[version](unpacked(request(version, [one])))
    assert dict(labels)["name"] == "m?tier"
