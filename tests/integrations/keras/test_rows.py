"""What replicas have written, read as one."""

from __future__ import annotations

import numpy as np

from traingauge.integrations.keras.rows import Rows, joined
from traingauge.stats.streaming.not_given import NOT_GIVEN, is_given


def test_numbers_of_logs_are_the_means_of_the_replicas_as_keras_reduces_them():
    logs = [np.array([1.0, NOT_GIVEN]), np.array([4.0, NOT_GIVEN])]
    rows = [Rows(2, np.ones(2), None, 0, [], logs={"own": each}) for each in logs]
    found = joined(rows).logs["own"]
    assert found[0] == 2.5
    assert is_given(found).tolist() == [True, False]
