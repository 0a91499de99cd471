"""Steps in every form, encoded to labels and counts."""

from __future__ import annotations

import pickle
import threading

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from traingauge.errors import InvalidArgumentError, InvalidTypeError, LabelError, ShapeError, UnknownNameError
from traingauge.stats.classification.counts import Counts
from traingauge.stats.classification.encoding import LABELS_KEPT, Encoder
from traingauge.stats.classification.labels import Labels, tally


def reduced(encoder, true, predicted, weight=None):
    return encoder.reduce(encoder.clean(true, predicted, weight)).content


def codes(content):
    return content.true.tolist(), content.predicted.tolist()


SOFTMAX = np.array([[0.6, 0.3, 0.1], [0.1, 0.2, 0.7], [0.2, 0.5, 0.3]])


@pytest.mark.parametrize(
    ("true", "predicted"),
    [
        ([0, 2, 2], [0, 2, 1]),
        ([0, 2, 2], SOFTMAX),
        ([0, 2, 2], np.log(SOFTMAX)),
        ([0, 2, 2], SOFTMAX.astype(np.float32)),
        (np.eye(3)[[0, 2, 2]], SOFTMAX),
        (np.eye(3, dtype=int)[[0, 2, 2]], [0, 2, 1]),
        ([0.0, 2.0, 2.0], SOFTMAX),
        ([[0], [2], [2]], SOFTMAX.tolist()),
        (pd.Series([0, 2, 2]), pd.DataFrame(SOFTMAX)),
        (0.7 * np.eye(3)[[0, 2, 2]] + 0.1, SOFTMAX),
    ],
)
def test_every_form_of_a_multi_class_step_gives_the_same_codes(true, predicted):
    encoder = Encoder()
    assert codes(reduced(encoder, true, predicted)) == ([0, 2, 2], [0, 2, 1])
    assert encoder.task == "multiclass"
    assert len(encoder.classes) == 3


@pytest.mark.parametrize(
    ("true", "predicted"),
    [
        ([0, 1, 1], [0.5, 0.6, 0.1]),
        ([0.0, 1.0, 1.0], [-0.1, 2.0, -3.0]),
        ([[0], [1], [1]], [[0.5], [0.6], [0.1]]),
        ([False, True, True], [0, 1, 0]),
        ([0, 1, 1], [[0.5, 0.5], [0.2, 0.8], [0.9, 0.1]]),
        (np.eye(2)[[0, 1, 1]], [[0.5, 0.5], [0.2, 0.8], [0.9, 0.1]]),
    ],
)
def test_every_form_of_a_binary_step_gives_the_same_codes(true, predicted):
    encoder = Encoder()
    assert codes(reduced(encoder, true, predicted)) == ([0, 1, 1], [0, 1, 0])
    assert encoder.task == "binary"


@pytest.mark.parametrize(
    ("predicted", "from_logits"),
    [([0.79, 0.81], False), (np.log([0.79 / 0.21, 0.81 / 0.19]), True), ([[0.21, 0.79], [0.19, 0.81]], None)],
)
def test_the_threshold_is_a_probability_for_logits_too(predicted, from_logits):
    encoder = Encoder(threshold=0.8, from_logits=from_logits)
    assert codes(reduced(encoder, [1, 1], predicted))[1] == [0, 1]


def test_the_difference_of_two_logits_is_compared_with_the_threshold():
    encoder = Encoder(threshold=0.8, from_logits=True)
    assert codes(reduced(encoder, [1, 1], np.log([[0.21, 0.79], [0.19, 0.81]])))[1] == [0, 1]


def test_scores_outside_0_and_1_raise_with_what_to_pass_if_probabilities_were_promised():
    encoder = Encoder(from_logits=False)
    reduced(encoder, [0, 1], [0.2, 0.8])
    with pytest.raises(InvalidArgumentError, match=r"y_pred holds 3, .*from_logits=True"):
        encoder.reduce(encoder.clean([0, 1], np.array([-1e-9, 3.0])))


def test_multi_label_steps_are_counted_label_by_label():
    encoder = Encoder()
    counts = reduced(encoder, [[1, 1, 0], [0, 0, 1]], [[0.9, 0.2, 0.1], [0.7, 0.1, 0.8]])
    assert encoder.task == "multilabel"
    assert isinstance(counts, Counts)
    assert counts.true_positives.tolist() == [1, 0, 1]
    assert counts.support.tolist() == [1, 1, 1]
    assert counts.predicted.tolist() == [2, 0, 1]
    assert (counts.correct, counts.total) == (0, 2)


def test_ignored_labels_are_dropped_before_validation():
    encoder = Encoder(ignore_index=-100)
    content = reduced(encoder, [0, -100, 2], SOFTMAX, [1.0, 2.0, 3.0])
    assert codes(content) == ([0, 2], [0, 1])
    assert content.weight.tolist() == [1, 3]
    content = reduced(Encoder(ignore_index="?"), ["a", "?"], ["a", "a"])
    assert codes(content) == ([0], [0])


def test_non_finite_rows_are_counted_and_left_out():
    encoder = Encoder()
    predicted = SOFTMAX.copy()
    predicted[1, 0] = np.nan
    step = encoder.clean([0, 2, 2], predicted, [1.0, 2.0, 3.0])
    assert (step.samples, step.nonfinite, step.weight.tolist()) == (3, 1, [1, 3])
    assert codes(encoder.reduce(step).content) == ([0, 2], [0, 1])
    assert Encoder().clean([0.0, np.nan, np.inf], [0.1, 0.2, 0.3]).nonfinite == 2
    assert Encoder().clean([0, 1, 1], [0.1, -np.inf, np.nan]).nonfinite == 2


def test_a_class_masked_with_minus_infinity_is_valid():
    logits = np.array([[-np.inf, 0.2, 1.0], [-np.inf, -np.inf, -np.inf], [np.inf, 0.0, 0.0]])
    assert Encoder().clean([2, 1, 0], logits).nonfinite == 2


@pytest.mark.parametrize(("true", "predicted"), [([], []), (np.zeros(0, int), np.zeros((0, 3)))])
def test_an_empty_batch_is_valid(true, predicted):
    encoder = Encoder(task="multiclass")
    step = encoder.clean(true, predicted)
    assert step.samples == 0
    assert len(encoder.reduce(step).content.true) == 0


@pytest.mark.parametrize(
    ("arguments", "true", "predicted", "error", "says"),
    [
        (
            {"classes": 3},
            [0, 3],
            [0, 1],
            LabelError,
            "y_true holds the label 3: expected one of the 3 classes 0, 1, 2",
        ),
        ({}, [0, 3, 1], SOFTMAX, LabelError, "label 3"),
        ({}, [0, 1], [0, 1, 1], ShapeError, "2 samples and y_pred 3"),
        ({"task": "binary"}, [0, 2], [0.2, 0.3], LabelError, "label 2"),
        ({"task": "multiclass"}, [[1, 1], [0, 1]], [[0.5, 0.5], [0.5, 0.5]], LabelError, "sums to 2"),
        ({"task": "multilabel"}, [0, 1], [0.2, 0.3], ShapeError, "one column per class"),
        ({"task": "multilabel"}, [[0, 2]], [[0.2, 0.3]], LabelError, "holds 2"),
        ({}, None, [1], InvalidTypeError, "y_true is None"),
        ({}, [0, 1], np.zeros((2, 0)), ShapeError, "an axis is empty"),
        ({}, [0, 1], [["a", "b"], ["b", "c"]], InvalidTypeError, "y_pred holds strings such as \\['a'\\]"),
        ({"task": "regression"}, ["a"], [1.0], InvalidTypeError, "y_true holds strings"),
        ({"task": "multiclass"}, [0, 1], [1e300, 0.0], LabelError, "label 1e\\+300"),
        ({}, [object()], [1], InvalidTypeError, "y_true"),
        ({"classes": 4}, [0, 2, 2], SOFTMAX, LabelError, "predictions have 3 classes, but 4 are known"),
    ],
)
def test_invalid_input_raises_with_what_was_given_and_what_was_expected(
    arguments, true, predicted, error, says
):
    encoder = Encoder(**arguments)
    with pytest.raises(error, match=says):
        reduced(encoder, true, predicted)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"task": "ranking"}, UnknownNameError),
        ({"threshold": 1.5}, InvalidArgumentError),
        ({"task": "binary", "classes": 3}, InvalidArgumentError),
    ],
)
def test_wrong_arguments_raise(arguments, error):
    with pytest.raises(error):
        Encoder(**arguments)


def test_a_binary_task_becomes_multiclass_when_a_third_hard_label_appears():
    encoder = Encoder()
    reduced(encoder, [0, 1], [1, 1])
    assert encoder.task == "binary"
    reduced(encoder, [0, 2], [1, 1])
    assert encoder.task == "multiclass"


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=40),
    st.booleans(),
)
def test_labels_of_small_and_counts_of_large_steps_agree(pairs, weighted):
    true, predicted = np.array(pairs).T
    weight = np.linspace(0.5, 2, len(true)) if weighted else None
    small = tally([reduced(Encoder(classes=4), true, predicted, weight)], 4)
    times = LABELS_KEPT // len(true) + 1
    many = reduced(
        Encoder(classes=4),
        np.tile(true, times),
        np.tile(predicted, times),
        None if weight is None else np.tile(weight, times),
    )
    assert isinstance(many, Counts)
    np.testing.assert_allclose(many.confusion, times * small.confusion, rtol=1e-12)


def test_threads_that_discover_classes_agree_on_their_codes():
    encoder = Encoder()
    found = {}

    def encode(name):
        found[name] = reduced(encoder, [name] * 3, [name] * 3)

    threads = [threading.Thread(target=encode, args=(f"class {number}",)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(encoder.classes.names) == sorted(found)
    assert all(encoder.classes.names[content.true[0]] == name for name, content in found.items())


def test_labels_survive_pickling():
    labels = reduced(Encoder(), [0, 1], [1, 1])
    assert isinstance(pickle.loads(pickle.dumps(labels)), Labels)


@given(
    hnp.arrays(np.int64, (2, 20), elements=st.integers(0, 4)),
    st.sampled_from(["u1", "i2", "i8", ">i4", "f4", "?"]),
)
def test_the_fast_path_for_known_codes_gives_the_same_result(labels, dtype):
    true, predicted = labels.astype(dtype)
    encoder, other = Encoder(task="multiclass", classes=5), Encoder(task="multiclass", classes=5)
    step = encoder.encode_codes(true, predicted)
    expected = other.reduce(other.clean(true, predicted))
    if step is None:  # as it is at first, and where labels are not plain
        step = encoder.reduce(encoder.clean(true, predicted))
    assert step.samples == expected.samples
    np.testing.assert_array_equal(step.content.true, expected.content.true)
    np.testing.assert_array_equal(step.content.predicted, expected.content.predicted)
    assert step.content.true.dtype == np.uint8
    true[:] = 0
    np.testing.assert_array_equal(step.content.true, expected.content.true)


@pytest.mark.parametrize("wrong", [3, -1, 300, 2**40])
def test_labels_out_of_range_do_not_take_the_fast_path(wrong):
    encoder = Encoder(task="multiclass", classes=3)
    labels = np.array([0, 1, 2])
    assert encoder.encode_codes(labels, labels) is not None
    assert encoder.encode_codes(labels, np.array([0, wrong, 2])) is None
    assert encoder.encode_codes(labels, labels[:2]) is None
    with pytest.raises(LabelError, match=f"y_true holds the label {wrong}"):
        encoder.reduce(encoder.clean(np.array([0, wrong, 2]), labels))


@pytest.mark.parametrize("length", [7, 10])
def test_the_axis_of_the_classes_is_remembered_for_shapes_that_fit_two(length):
    rng = np.random.default_rng(0)
    encoder = Encoder()
    for size in (7, length):
        true = rng.integers(0, 10, (4, size))
        content = reduced(encoder, true, np.moveaxis(np.eye(10)[true], -1, 1) * 9 - 4)
        assert content.true.tolist() == content.predicted.tolist()


def test_masks_and_sigmoid_outputs_of_pytorch_are_scored_pixel_by_pixel():
    rng = np.random.default_rng(0)
    masks = rng.integers(0, 2, (2, 1, 5, 8)).astype(np.float32)
    outputs = rng.random((2, 1, 5, 8))
    encoder = Encoder()
    content = reduced(encoder, masks, outputs)
    assert encoder.task == "binary"
    assert codes(content) == (
        masks.ravel().astype(int).tolist(),
        (outputs.ravel() > 0.5).astype(int).tolist(),
    )
