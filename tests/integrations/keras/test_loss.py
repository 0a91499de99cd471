"""The published loss of a training step is that of the step itself."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from sklearn import metrics

from tests.integrations.keras.by_hand import softmax_regression
from tests.integrations.keras.watched import KerasSession, fit

pytestmark = pytest.mark.keras

L2 = 0.01
BATCH = 100  # 18 batches of the digits, the last one of 97
SOFTMAX = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def softmax(rate: float, l2: float = 0.0, **options):
    layer = keras.layers.Dense(
        10, kernel_initializer="zeros", kernel_regularizer=keras.regularizers.L2(l2) if l2 else None
    )
    model = keras.Sequential([keras.Input((64,)), layer])
    model.compile(keras.optimizers.SGD(rate), SOFTMAX, **options)
    return model


@pytest.fixture(scope="module")
def by_hand(digits):
    return softmax_regression(*digits, batch=BATCH, epochs=2, rate=0.5, l2=L2)


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({}, id="compiled"),
        pytest.param({"steps_per_execution": 4}, id="four steps an execution"),
        pytest.param({"steps_per_execution": 18}, id="an epoch an execution"),
        pytest.param({"steps_per_execution": 50}, id="more steps an execution than an epoch has"),
        pytest.param({"run_eagerly": True}, id="eager"),
        pytest.param({"jit_compile": True}, id="XLA"),
        pytest.param({"jit_compile": True, "steps_per_execution": 4}, id="XLA, four steps an execution"),
    ],
)
def test_every_step_has_its_own_loss_regularisation_included(digits, by_hand, options):
    session = KerasSession()
    fit(softmax(0.5, L2, **options), *digits, session=session, batch_size=BATCH, epochs=2)
    np.testing.assert_allclose(session.losses, by_hand.losses, rtol=1e-5)
    published = session.published()
    assert published["loss", "train"] == pytest.approx(by_hand.losses[-1], rel=1e-5)
    assert published["steps_total", "train"] == 36
    assert published["samples_total", "train"] == 2 * 1797
    assert not session.errors


def test_train_scores_are_those_of_the_last_steps(digits, by_hand):
    session = KerasSession(window=7)
    fit(softmax(0.5, L2), *digits, session=session, batch_size=BATCH, epochs=2)
    true, predicted = digits[1][-(6 * BATCH + 97) :], np.concatenate(by_hand.predicted[-7:])
    published = session.published()
    assert published["accuracy", "train"] == metrics.accuracy_score(true, predicted)
    assert published["recall", "train"] == pytest.approx(
        metrics.recall_score(true, predicted, average="macro")
    )
    cells = np.reshape(
        [value for key, value in published.items() if key[:2] == ("confusion", "train")], (10, 10)
    )
    np.testing.assert_array_equal(cells, metrics.confusion_matrix(true, predicted))


def test_late_in_a_long_epoch_the_loss_is_still_that_of_the_step(many_digits):
    session = KerasSession()
    history = fit(softmax(0.1), *many_digits, session=session, batch_size=50)
    expected = softmax_regression(*many_digits, batch=50, epochs=1, rate=0.1).losses
    assert len(expected) == 2000
    np.testing.assert_allclose(session.losses, expected, rtol=1e-5)
    assert session.published()["loss", "train"] == pytest.approx(expected[-1], rel=1e-5)
    assert history.history["loss"][0] == pytest.approx(expected.mean(), rel=1e-3)  # what Keras calls the loss
    assert not session.errors
