"""Messages of errors show what was given, whatever it is."""

from __future__ import annotations

import numpy as np
import pytest

from traingauge import Cusum, ModelMonitor, Reference, Scoring
from traingauge.errors import InvalidArgumentError, InvalidTypeError, TrainGaugeError, UnknownNameError, shown


class Deleted:
    """As an array that was donated to JAX: whatever reads it fails."""

    def _fail(self, *_):
        raise RuntimeError("Array has been deleted")

    __array__ = __float__ = __repr__ = __iter__ = item = _fail


def test_a_value_that_cannot_be_shown_is_shown_by_its_type():
    assert shown(Deleted()) == "<Deleted>"
    assert shown([Deleted()]) == "<list>"
    with pytest.raises(UnknownNameError, match="<Deleted>"), ModelMonitor("m", delivery=[]) as monitor:
        monitor.rows(Deleted())
    with pytest.raises(InvalidTypeError, match="<Deleted>"):
        Scoring(window=Deleted())


def test_a_deleted_array_is_no_number_and_no_array():
    with ModelMonitor("m", delivery=[]) as monitor:
        for wrong in ({"loss": Deleted()}, {"y_true": [0, 1], "y_pred": Deleted()}, {"samples": Deleted()}):
            with pytest.raises(InvalidTypeError):
                monitor.step(**wrong)
    with pytest.raises(InvalidTypeError):
        Cusum().update(Deleted())


def test_a_long_value_does_not_make_a_long_message():
    with pytest.raises(InvalidTypeError) as raised:
        Scoring(window=list(range(100_000)))
    assert len(str(raised.value)) < 300


def test_a_duration_of_numpy_is_no_number():
    with pytest.raises(InvalidTypeError, match="expected a whole number"):
        Scoring(window=np.timedelta64(5, "s"))
    with pytest.raises(InvalidTypeError, match="expected a number"):
        Cusum(limit=np.timedelta64(5, "s"))


def test_a_path_that_no_file_can_be_named_is_refused():
    with pytest.raises(InvalidArgumentError, match="no file can have"):
        Reference.load("\ud800")


@pytest.mark.parametrize("wrong", ["high", 10**400, None, [1.0, 2.0], object()])
def test_a_detector_takes_numbers_alone(wrong):
    with pytest.raises(TrainGaugeError):
        Cusum().update(wrong)


def test_a_batch_without_parts_and_features_without_columns_are_refused():
    with pytest.raises(InvalidArgumentError, match="empty tuple"):
        Reference.from_batches([()])
    with pytest.raises(InvalidArgumentError, match="at least one row and one feature"):
        Reference.from_data([]) + Reference.from_data([])
    with pytest.raises(TrainGaugeError, match="expected"):
        Reference.from_data(np.zeros((3, 0)), of="tokens")


@pytest.mark.parametrize("of", ["tokens", "images"])
def test_text_is_neither_tokens_nor_images(of):
    with pytest.raises(InvalidTypeError, match=f"{of} hold text such as"):
        Reference.from_data([[["a", "b", "c"]] * 3], of=of)
