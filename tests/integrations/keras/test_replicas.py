"""A model in two replicas of ``tf.distribute.MirroredStrategy`` is recorded as the undivided one is."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys

import numpy as np
import pytest

from tests.integrations.keras.by_hand import softmax_regression
from tests.integrations.keras.replicated import BATCH, BOTH, VALIDATES, diabetes, digits, several
from tests.integrations.keras.several import LOSSES, by_hand, model_of

pytestmark = pytest.mark.keras

TRAIN = "import sys; from tests.integrations.keras.replicated import main; main(sys.argv[1])"


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """By case, what the undivided model left, where there is one, and what the divided one did."""
    path = tmp_path_factory.mktemp("replicas") / "recorded"
    subprocess.run(
        [sys.executable, "-c", TRAIN, path], check=True, env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    )
    return pickle.loads(path.read_bytes())


def comparable(published):
    """Without times, and without gradients: with an uneven batch, that of the replicas is a mean of means."""
    apart = ("seconds", "info", "gradient_norm")
    return {key: value for key, value in published.items() if not any(word in str(key) for word in apart)}


@pytest.mark.parametrize("case", BOTH)
def test_losses_scores_and_bins_are_those_of_the_undivided_model(recorded, case):
    whole, divided = recorded[case]
    np.testing.assert_allclose(divided.losses, whole.losses, rtol=1e-5)
    assert divided.published["samples_total", "train"] == whole.published["samples_total", "train"]
    published = comparable(divided.published)
    assert published.keys() == comparable(whole.published).keys()
    assert published == pytest.approx(comparable(whole.published), rel=1e-4, abs=1e-5, nan_ok=True)
    assert divided.errors == {}


SEVERAL = [("several outputs", 301), ("several outputs, four steps an execution", 560)]


@pytest.mark.parametrize(("case", "count"), SEVERAL)
def test_each_output_has_in_each_step_the_loss_that_it_has_undivided(recorded, case, count):
    whole, divided = recorded[case]
    assert divided.outputs.keys() == LOSSES.keys()
    for name, losses in divided.outputs.items():
        assert len(losses) == -(-count // BATCH)
        np.testing.assert_allclose(losses, whole.outputs[name], rtol=1e-5)


@pytest.mark.parametrize(("case", "count"), SEVERAL)
def test_scores_of_each_output_are_those_of_sklearn_on_what_all_replicas_predicted(recorded, case, count):
    _, divided = recorded[case]
    model = model_of(dict)
    model.set_weights(divided.weights)
    x, y = several(count)
    first = {name: labels[:VALIDATES] for name, labels in y.items()}
    for split, data in (("train", (x, y)), ("validation", (x[:VALIDATES], first))):
        for (name, output), value in by_hand(model, *data).items():
            if (split, name) not in (
                ("train", "loss"),
                ("train", "roc_auc"),
            ):  # no mean, and not in a graph's steps
                assert divided.published[name, split, output] == pytest.approx(value, rel=1e-5), (name, split)
        assert divided.published["samples_total", split] == len(data[0])
    assert divided.errors == {}


def test_where_keras_cannot_train_the_callback_neither_hides_that_nor_takes_part_in_it(recorded):
    alone, watched = recorded["several steps an execution, compiled"]
    assert watched == alone


def test_the_loss_of_a_step_is_the_mean_over_all_its_samples_and_not_the_mean_of_the_epoch_that_keras_logs(
    recorded,
):
    (x, y), (_, divided) = diabetes(360), recorded["quantities"]
    kernel, bias = divided.weights
    squares = ((x @ kernel + bias)[:, 0].astype(float) - y) ** 2
    by_step = [squares[start : start + BATCH].mean() for start in range(0, 360, BATCH)]
    np.testing.assert_allclose(divided.losses, by_step, rtol=1e-5)
    assert divided.published["loss", "validation"] == pytest.approx(squares[:VALIDATES].mean(), rel=1e-5)
    assert divided.logged[-1] == pytest.approx(squares.mean(), rel=1e-5)
    assert abs(divided.losses[-1] - squares.mean()) > 0.1


def test_where_a_replica_gets_no_sample_the_loss_is_still_the_mean_over_all_and_what_keras_logs_is_not(
    recorded,
):
    whole, divided = recorded["classes"]
    sizes = [BATCH, BATCH, 1]
    mean = np.average(whole.losses, weights=sizes)
    assert np.average(divided.losses, weights=sizes) == pytest.approx(mean, rel=1e-6)
    assert whole.logged[-1] == pytest.approx(mean, rel=1e-6)
    assert divided.logged[-1] != pytest.approx(mean, rel=1e-4)


def test_losses_and_gradients_of_a_model_that_learns_are_those_worked_out_by_hand(recorded):
    by_hand = softmax_regression(*digits(560), batch=BATCH, epochs=1, rate=0.5)
    (divided,) = recorded["learning"]
    np.testing.assert_allclose(divided.losses, by_hand.losses, rtol=1e-5)
    np.testing.assert_allclose(divided.norms[:5], by_hand.norms[:5], rtol=1e-5)


def test_replicas_train_bit_by_bit_as_they_do_unwatched(recorded):
    (watched,), (alone,) = recorded["learning"], recorded["unwatched"]
    for with_callback, without in zip(watched.weights, alone.weights, strict=True):
        np.testing.assert_array_equal(with_callback, without)


@pytest.mark.parametrize("case", ["learning", "four steps an execution"])
def test_each_step_of_replicas_has_a_wait_for_its_batch(recorded, case):
    divided = recorded[case][-1]
    assert len(divided.waits) == divided.published["steps_total", "train"] == 6
    assert min(divided.waits) >= 0


def test_replicas_wait_for_a_batch_as_long_as_it_is_made_once_they_have_asked(recorded):
    waits, took = recorded["waits"]
    assert len(waits) == len(took) == 5
    # Two clocks: one may be slowed down or sped up while the other runs, by 500 ppm.
    assert all(waited >= 0.999 * batch - 1e-5 for waited, batch in zip(waits, took, strict=True))


def test_a_loss_that_is_no_mean_is_not_known_and_scores_are(recorded):
    (divided,) = recorded["a sum"]
    assert len(divided.losses) == 0
    assert not any(key[0] == "loss" for key in divided.published)
    assert divided.published["accuracy", "train"] >= 0
    assert sum("no mean" in message for message in divided.said) == 1
    assert divided.errors == {}


def test_of_another_strategy_steps_are_counted_and_what_is_missing_is_said_by_name(recorded):
    (divided,) = recorded["another strategy"]
    assert divided.published["steps_total", "train"] == 6
    assert len(divided.losses) == 0
    assert [message for message in divided.said if "CentralStorageStrategy of tf.distribute" in message]
    assert divided.errors == {}
