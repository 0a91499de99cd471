"""Numbers that steps gave by name, as columns."""

import math

import numpy as np
import pytest
from hypothesis import given as generated
from hypothesis import strategies as st

from traingauge.core.columns import ScalarColumns
from traingauge.stats.streaming.not_given import is_given

ROWS = st.lists(
    st.dictionaries(st.sampled_from(["loss", "entropy", "norm"]), st.floats(), max_size=3),
    min_size=1,
    max_size=8,
)


@generated(ROWS)
def test_every_number_stands_in_the_column_of_its_name_and_the_row_of_its_step(
    rows: list[dict[str, float]],
) -> None:
    given = ScalarColumns(rows)
    assert set(given.names) == {name for row in rows for name in row}
    for name in given.names:
        np.testing.assert_array_equal(given.column(name), [row.get(name, math.nan) for row in rows])
        np.testing.assert_array_equal(given.known(name), [row[name] for row in rows if name in row])
        np.testing.assert_array_equal(given.column(name)[given.where(name)], given.known(name))
        assert is_given(given.column(name)).tolist() == [name in row for row in rows]


def test_steps_that_gave_nothing_have_no_columns() -> None:
    assert ScalarColumns([{}, {}]).names == ()


def test_names_come_in_the_order_of_the_last_step() -> None:
    assert ScalarColumns([{"z": 1.0, "a": 1.0, "b": 1.0}, {"b": 2.0, "a": 2.0}]).names == ("b", "a", "z")


def test_what_cannot_be_read_raises() -> None:
    with pytest.raises(TypeError):
        ScalarColumns([{"loss": object()}])
