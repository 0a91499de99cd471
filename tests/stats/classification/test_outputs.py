"""Labels and predictions of several outputs are refused instead of being joined to one array."""

from __future__ import annotations

import numpy as np
import pytest

from traingauge import ModelMonitor
from traingauge.errors import InvalidTypeError
from traingauge.stats.classification.outputs import check_one_output
from traingauge.testing import InMemory

ZEROS, ONES = np.zeros(32, int), np.ones(32, int)


@pytest.mark.parametrize("kind", [tuple, list])
def test_two_heads_are_not_two_samples(kind):
    published = InMemory()
    with ModelMonitor("m", delivery=[published]) as monitor:
        with pytest.raises(InvalidTypeError, match=rf"y_true is a {kind.__name__} of 2 arrays.*one output"):
            monitor.step(y_true=kind([ZEROS, ONES]), y_pred=kind([ZEROS, ZEROS]))
        assert published.value("model_steps_total", split="train") == 0
        monitor.step(y_true=ZEROS, y_pred=ZEROS)
        assert published.value("model_accuracy", split="train") == 1.0


def test_outputs_by_name_are_refused_by_their_names():
    with pytest.raises(InvalidTypeError, match=r"y_true is a mapping of 'age', 'sex': .* one output"):
        check_one_output({"age": ZEROS, "sex": ONES}, {"age": ZEROS, "sex": ZEROS})


@pytest.mark.parametrize(
    ("true", "predicted"),
    [
        ([0, 1], [0, 1]),
        ([np.int64(0), np.int64(1)], [np.float32(0.2), np.float32(0.7)]),
        ([[0, 1], [1, 0]], [[0.2, 0.8], [0.9, 0.1]]),
        ([0, 1], [np.array([0.2, 0.8]), np.array([0.9, 0.1])]),
        ([np.array([0, 1])], [np.array([0.2, 0.8])]),
    ],
)
def test_lists_that_can_only_be_one_array_are(true, predicted):
    check_one_output(true, predicted)
