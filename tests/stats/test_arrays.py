"""Conversion of user input to numpy."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest
import scipy.sparse

from traingauge.errors import InvalidTypeError
from traingauge.stats.arrays import as_array, as_scalar

FLOATS = [ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e5m2, np.longdouble]


@pytest.mark.parametrize("kind", FLOATS)
def test_floats_of_every_width_become_numbers_that_numpy_computes_with(kind):
    found = as_array(np.array([0.5, 1.0]).astype(kind), "y_pred")
    assert found.dtype in (np.float32, np.float64)
    assert found.tolist() == [0.5, 1.0]


@pytest.mark.parametrize("kind", FLOATS)
def test_a_scalar_of_every_width_is_a_float(kind):
    assert as_scalar(kind(0.5), "loss") == 0.5


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("convert", [as_array, as_scalar])
def test_a_warning_that_python_raises_is_reported_as_a_wrong_value(convert):
    with pytest.raises(InvalidTypeError, match=r"loss is .*masked"):
        convert([np.ma.masked], "loss")


def test_narrow_integers_stay_integers():
    found = as_array(np.array([3, 0]).astype(ml_dtypes.uint4), "y_true")
    assert found.dtype == np.int8
    assert found.tolist() == [3, 0]


def test_a_sparse_matrix_becomes_dense():
    assert as_array(scipy.sparse.coo_array([[0, 2]]), "y_true").tolist() == [[0, 2]]


class Tensor:
    """Like a torch tensor, which gives its values only if it is detached and on the CPU."""

    def __init__(self, requires_grad: bool, is_cpu: bool) -> None:
        self.requires_grad, self.is_cpu = requires_grad, is_cpu

    def detach(self) -> Tensor:
        return Tensor(False, self.is_cpu)

    def cpu(self) -> Tensor:
        return Tensor(self.requires_grad, True)

    def numpy(self) -> np.ndarray:
        if self.requires_grad or not self.is_cpu:
            raise RuntimeError("call detach() and cpu() first")
        return np.array([1.0, 2.0])


@pytest.mark.parametrize("requires_grad", [False, True])
@pytest.mark.parametrize("is_cpu", [False, True])
def test_a_tensor_is_detached_and_brought_to_the_cpu_where_it_has_to_be(requires_grad, is_cpu):
    assert as_array(Tensor(requires_grad, is_cpu), "y_pred").tolist() == [1.0, 2.0]
