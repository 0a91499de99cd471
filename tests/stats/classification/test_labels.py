"""Counting the labels of many steps at once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from traingauge.stats.classification.counts import CONFUSION_CLASSES, Counts, count_labels
from traingauge.stats.classification.labels import Labels, tally

FIELDS = ("true_positives", "support", "predicted", "correct", "total")


@st.composite
def steps(draw):
    """Steps as labels and as counts, weighted and not, in the dtypes of codes."""
    classes = draw(st.sampled_from([2, 10, CONFUSION_CLASSES, CONFUSION_CLASSES + 1, 300]))
    drawn = []
    for _ in range(draw(st.integers(1, 6))):
        rows = draw(st.integers(0, 12))
        codes = hnp.arrays(np.min_scalar_type(classes - 1), rows, elements=st.integers(0, classes - 1))
        weight = draw(st.none() | hnp.arrays(np.float64, rows, elements=st.floats(0, 4)))
        drawn.append((Labels(draw(codes), draw(codes), weight), draw(st.booleans())))
    return classes, drawn


@given(steps())
def test_counting_steps_together_equals_counting_them_one_by_one(drawn):
    classes, chosen = drawn
    singles = [count_labels(*step[:2], classes, step.weight) for step, _ in chosen]
    total = tally(
        [one if counted else step for one, (step, counted) in zip(singles, chosen, strict=True)], classes
    )
    for name in FIELDS:
        expected = sum(np.asarray(getattr(one, name), np.float64) for one in singles)
        np.testing.assert_allclose(getattr(total, name), expected, rtol=1e-12, atol=1e-12)
    assert (total.confusion is None) == (classes > CONFUSION_CLASSES)
    if total.confusion is not None:
        np.testing.assert_allclose(total.confusion.sum(axis=1), total.support, rtol=1e-12, atol=1e-12)


def test_steps_from_before_a_class_was_discovered_are_widened():
    early = Labels(np.array([0, 1], np.uint8), np.array([1, 1], np.uint8), None)
    late = Labels(np.array([2], np.uint8), np.array([2], np.uint8), None)
    known = count_labels(np.array([1]), np.array([1]), 2)
    assert tally([early, known, late], 3).support.tolist() == [1, 2, 1]


@pytest.mark.parametrize("classes", [2, CONFUSION_CLASSES + 1])
def test_no_steps_have_counts_of_0(classes):
    total = tally([], classes)
    assert isinstance(total, Counts)
    assert total.support.tolist() == [0] * classes
    assert total.total == 0
