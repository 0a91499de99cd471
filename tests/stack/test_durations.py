import pytest
from hypothesis import given
from hypothesis import strategies as st

from traingauge.stack.durations import UNITS, divided, duration, milliseconds
from traingauge.stack.errors import ConfigError

lengths = st.integers(0, 10 * UNITS["y"])


@given(lengths)
def test_the_text_of_a_duration_reads_back_as_the_same_length(length: int) -> None:
    assert milliseconds(duration(length)) == length


@given(lengths)
def test_a_factor_of_one_leaves_the_text_as_it_was_written(length: int) -> None:
    assert divided(f"{length}ms", 1, floor=10_000) == f"{length}ms"


@given(lengths, st.floats(1, 1e6), st.integers(1, 10**7))
def test_dividing_never_lengthens_and_never_goes_below_the_floor(
    length: int, factor: float, floor: int
) -> None:
    shorter = milliseconds(divided(duration(length), factor, floor=floor))
    assert min(length, floor) <= shorter <= length


@given(st.integers(1, 10**9), st.floats(1, 1e9))
def test_a_wait_never_becomes_no_wait(length: int, factor: float) -> None:
    assert milliseconds(divided(duration(length), factor)) >= 1


@pytest.mark.parametrize("text", ["", "5", "m", "5 m", "-5m", "5m!", "1.5h", "5M"])
def test_text_that_is_not_a_duration_is_refused_with_what_fits(text: str) -> None:
    with pytest.raises(ConfigError, match="is not a duration: expected numbers with units"):
        milliseconds(text)
