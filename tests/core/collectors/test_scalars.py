"""Scalars that a script passes by name."""

import numpy as np
import pytest
import tensorflow as tf

from traingauge.core.collectors.scalars import NAME_CAP, Scalars
from traingauge.errors import InvalidTypeError, ShapeError
from traingauge.stats.arrays import as_scalar


@pytest.mark.parametrize(
    "value", [2, 2.0, True + 1, np.float16(2), np.int8(2), np.array(2.0), np.array([[2]]), [2]], ids=repr
)
def test_every_value_with_one_element_is_that_number(value: object) -> None:
    scalar = as_scalar(value, "loss")
    assert type(scalar) is float
    assert scalar == 2.0


@pytest.mark.keras
def test_a_tensor_of_tensorflow_is_a_number() -> None:
    assert as_scalar(tf.constant([2.0]), "loss") == 2.0


class DeviceTensor:
    """Like a torch tensor on a GPU: detached at once, read by the next scrape."""

    is_cpu = False

    def __init__(self, value: float) -> None:
        self.value, self.reads, self.detached = value, 0, False

    def detach(self) -> "DeviceTensor":
        self.detached = True
        return self

    def clone(self) -> "DeviceTensor":
        return DeviceTensor(self.value)

    def numel(self) -> int:
        return 1

    def __float__(self) -> float:
        self.reads += 1
        return self.value


def test_a_tensor_on_a_device_is_detached_without_waiting() -> None:
    tensor = DeviceTensor(2.0)
    kept = as_scalar(tensor, "loss")
    assert (tensor.detached, tensor.reads) == (True, 0)
    assert float(kept) == 2.0


def test_a_tensor_that_the_script_overwrites_keeps_the_value_of_its_step() -> None:
    tensor = DeviceTensor(2.0)
    kept = as_scalar(tensor, "loss")
    tensor.value = 7.0
    assert float(kept) == 2.0


@pytest.mark.parametrize("value", [[], [1.0, 2.0], np.zeros((2, 2))])
def test_more_or_fewer_than_one_number_raise_with_their_shape(value: object) -> None:
    with pytest.raises(ShapeError, match="loss has shape"):
        as_scalar(value, "loss")


@pytest.mark.parametrize("value", ["2", None, {}, object(), 2j])
def test_values_that_are_not_numbers_raise(value: object) -> None:
    with pytest.raises(InvalidTypeError, match="expected a number"):
        as_scalar(value, "loss")


def test_names_beyond_the_cap_are_dropped_and_counted_once_each() -> None:
    scalars = Scalars()
    for _ in range(3):
        scalars.update("train", {f"name{index}": 1.0 for index in range(NAME_CAP + 5)})
    assert scalars.dropped == {"scalar": 5}
    (family,) = scalars.families()
    assert len(family.values) == NAME_CAP
