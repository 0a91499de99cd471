"""Numbers that steps gave by name, as columns."""

import math

import numpy as np
import pytest
from hypothesis import given as generated
from hypothesis import strategies as st

from traingauge.core.step_batch import StepBatch, columns
from traingauge.stats.streaming.not_given import NOT_GIVEN, is_given

ROWS = st.lists(
    st.dictionaries(st.sampled_from(["loss", "entropy", "norm"]), st.floats(), max_size=3),
    min_size=1,
    max_size=8,
)


@generated(ROWS)
def test_every_number_stands_in_the_column_of_its_name_and_the_row_of_its_step(
    rows: list[dict[str, float]],
) -> None:
    found = columns(rows)
    batch = StepBatch(*np.ones((3, len(rows))), np.ones(len(rows), dtype=np.int64), found)
    assert set(found) == {name for row in rows for name in row}
    for name in ("loss", "entropy", "norm"):
        broken = [name in row and not math.isfinite(row[name]) for row in rows]
        np.testing.assert_array_equal(batch.column(name), [row.get(name, math.nan) for row in rows])
        np.testing.assert_array_equal(batch.given(name), [row[name] for row in rows if name in row])
        assert is_given(batch.column(name)).tolist() == [name in row for row in rows]
        assert batch.broken(name).tolist() == broken


def test_steps_that_gave_nothing_have_no_columns() -> None:
    assert columns([{}, {}]) == {}


def test_names_come_in_the_order_of_the_last_step() -> None:
    assert list(columns([{"z": 1.0, "a": 1.0, "b": 1.0}, {"b": 2.0, "a": 2.0}])) == ["b", "a", "z"]


def test_what_cannot_be_read_raises() -> None:
    with pytest.raises(TypeError):
        columns([{"loss": object()}])


def test_a_name_whose_values_turn_out_not_to_be_given_has_no_column() -> None:
    assert list(columns([{"loss": 1.0, "norm": NOT_GIVEN}, {"loss": math.nan, "norm": NOT_GIVEN}])) == [
        "loss"
    ]
    assert list(columns([{"norm": 1.0}, {"norm": NOT_GIVEN}])) == ["norm"]
