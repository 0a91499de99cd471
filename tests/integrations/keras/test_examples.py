"""Keras' public examples, one of each kind, on data that packages bring: the callback is the one line that was added.

What is published of the validation is what is worked out from the predictions of the trained model.
"""

from __future__ import annotations

import logging

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from sklearn import datasets, metrics

from tests.integrations.keras.watched import KerasSession
from traingauge.integrations.keras import MonitorCallback

pytestmark = pytest.mark.keras


@pytest.fixture(autouse=True)
def seeded():
    keras.utils.set_random_seed(7)


@pytest.fixture
def session():
    return KerasSession()


def cross_entropy(probabilities, classes):
    """Mean negative log of the probability of the true class."""
    taken = np.take_along_axis(probabilities.astype(float), classes[..., None].astype(int), axis=-1)
    return -np.log(taken).mean()


def losses_of_samples(session, sizes):
    """Mean of the losses of all samples, of steps of these sizes."""
    return np.average(session.losses, weights=sizes)


def test_image_classification_as_in_the_simple_convnet(session, digits):
    x, y = digits[0].reshape(-1, 8, 8, 1), digits[1]
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(8, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(
        x[:600],
        np.eye(10)[y[:600]],
        batch_size=128,
        validation_data=(x[600:900], np.eye(10)[y[600:900]]),
        verbose=0,
        callbacks=[MonitorCallback(session)],
    ).history
    predicted, published = model.predict(x[600:900], verbose=0), session.published()
    assert losses_of_samples(session, [128] * 4 + [88]) == pytest.approx(history["loss"][0], rel=1e-5)
    assert published["loss", "validation"] == pytest.approx(cross_entropy(predicted, y[600:900]), rel=1e-4)
    assert published["accuracy", "validation"] == metrics.accuracy_score(y[600:900], predicted.argmax(axis=1))
    assert session.errors == {}


def sentences():
    """Lines of the descriptions of two data sets, and of which each is."""
    texts = [datasets.load_breast_cancer().DESCR, datasets.load_diabetes().DESCR, datasets.load_wine().DESCR]
    lines = [
        (line.strip(), number % 2)
        for number, text in enumerate(texts)
        for line in text.splitlines()
        if line.strip()
    ]
    words, labels = zip(*lines, strict=True)
    return tf.constant(words), np.array(labels)


def test_text_classification_from_scratch(session):
    text, y = sentences()
    words = layers.TextVectorization(200, output_sequence_length=12)
    words.adapt(text)
    x = words(text)
    model = keras.Sequential(
        [
            keras.Input((12,), dtype="int64"),
            layers.Embedding(200, 8),
            layers.Conv1D(8, 3, activation="relu"),
            layers.GlobalMaxPooling1D(),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    data = tf.data.Dataset.from_tensor_slices((x, y)).batch(32)
    model.fit(data, validation_data=data, shuffle=False, verbose=0, callbacks=[MonitorCallback(session)])
    predicted, published = model.predict(x, verbose=0)[:, 0], session.published()
    assert published["loss", "validation"] == pytest.approx(metrics.log_loss(y, predicted), rel=1e-4)
    assert published["f1", "validation"] == pytest.approx(metrics.f1_score(y, predicted > 0.5))
    assert published["roc_auc", "validation"] == pytest.approx(metrics.roc_auc_score(y, predicted))
    assert session.errors == {}


def test_image_segmentation_with_a_u_net(session, digits):
    images = digits[0][:120].reshape(-1, 8, 8, 1)
    masks = (images[..., 0] > 0.5).astype("uint8")
    inputs = keras.Input((8, 8, 1))
    down = layers.SeparableConv2D(4, 3, padding="same", activation="relu")(inputs)
    deep = layers.Conv2D(8, 3, strides=2, padding="same", activation="relu")(down)
    up = layers.add([layers.UpSampling2D(2)(layers.Conv2D(4, 1)(deep)), down])
    model = keras.Model(inputs, layers.Conv2D(2, 3, activation="softmax", padding="same")(up))
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(images, masks, validation_data=(images, masks), verbose=0, callbacks=[MonitorCallback(session)])
    predicted, published = model.predict(images, verbose=0), session.published()
    assert published["loss", "validation"] == pytest.approx(cross_entropy(predicted, masks), rel=1e-4)
    assert published["accuracy", "validation"] == pytest.approx((predicted.argmax(axis=-1) == masks).mean())
    assert published["samples_total", "train"] == 120
    assert session.errors == {}


def test_several_inputs_and_outputs_as_in_the_guide_to_the_functional_api(session, digits):
    x, y = digits[0][:600], digits[1][:600]
    title, body = keras.Input((32,), name="title"), keras.Input((32,), name="body")
    joined = layers.concatenate([layers.Dense(8)(title), layers.Dense(8)(body)])
    outputs = {
        "priority": layers.Dense(1, name="priority")(joined),
        "department": layers.Dense(10, name="department")(joined),
    }
    model = keras.Model({"title": title, "body": body}, outputs)
    softmax = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(
        "rmsprop",
        {"priority": keras.losses.BinaryCrossentropy(from_logits=True), "department": softmax},
        loss_weights={"priority": 1.0, "department": 0.2},
    )
    data = {"title": x[:, :32], "body": x[:, 32:]}, {"priority": (y % 2)[:, None], "department": y}
    model.fit(*data, validation_data=data, verbose=0, callbacks=[MonitorCallback(session)])
    predicted = model.predict(data[0], verbose=0)
    priority = metrics.log_loss(y % 2, 1 / (1 + np.exp(-predicted["priority"][:, 0].astype(float))))
    shares = np.exp(predicted["department"].astype(float))
    department = cross_entropy(shares / shares.sum(axis=1, keepdims=True), y)
    assert session.published()["loss", "validation"] == pytest.approx(priority + 0.2 * department, rel=1e-4)
    assert session.errors == {}


class Adversaries(keras.Model):
    """A GAN that overrides ``train_step``, as in Keras' guide."""

    def __init__(self, discriminator, generator):
        super().__init__()
        self.discriminator, self.generator = discriminator, generator
        self.d_loss, self.g_loss = keras.metrics.Mean("d_loss"), keras.metrics.Mean("g_loss")

    def compile(self, d_optimizer, g_optimizer, loss_fn):
        super().compile()
        self.d_optimizer, self.g_optimizer, self.loss_fn = d_optimizer, g_optimizer, loss_fn

    @property
    def metrics(self):
        return [self.d_loss, self.g_loss]

    def train_step(self, real):
        count = tf.shape(real)[0]
        made = self.generator(keras.random.normal((count, 4)))
        labels = tf.concat([tf.ones((count, 1)), tf.zeros((count, 1))], axis=0)
        with tf.GradientTape() as tape:
            d_loss = self.loss_fn(labels, self.discriminator(tf.concat([made, real], axis=0)))
        grads = tape.gradient(d_loss, self.discriminator.trainable_weights)
        self.d_optimizer.apply_gradients(zip(grads, self.discriminator.trainable_weights, strict=True))
        with tf.GradientTape() as tape:
            made = self.generator(keras.random.normal((count, 4)))
            g_loss = self.loss_fn(tf.zeros((count, 1)), self.discriminator(made))
        grads = tape.gradient(g_loss, self.generator.trainable_weights)
        self.g_optimizer.apply_gradients(zip(grads, self.generator.trainable_weights, strict=True))
        self.d_loss.update_state(d_loss)
        self.g_loss.update_state(g_loss)
        return {"d_loss": self.d_loss.result(), "g_loss": self.g_loss.result()}


def test_a_gan_that_overrides_train_step_has_its_steps_counted_and_says_once_that_it_has_no_loss(
    session, digits, caplog
):
    gan = Adversaries(
        keras.Sequential([keras.Input((64,)), layers.Dense(1)]),
        keras.Sequential([keras.Input((4,)), layers.Dense(64, "sigmoid")]),
    )
    adam = keras.optimizers.Adam
    gan.compile(adam(), adam(), keras.losses.BinaryCrossentropy(from_logits=True))
    with caplog.at_level(logging.WARNING, "traingauge"):
        gan.fit(digits[0][:320], epochs=2, verbose=0, callbacks=[MonitorCallback(session)])
    published = session.published()
    assert published["steps_total", "train"] == 20
    assert published["samples_total", "train"] == 640
    assert not any(key[0] == "loss" for key in published)
    assert sum("never calls compute_loss" in message for message in caplog.messages) == 1
    assert session.errors == {}


class Pairs(keras.Model):
    """Pulls two views of an image together and apart from others, by a loss of its own."""

    def __init__(self):
        super().__init__()
        self.encoder = layers.Dense(8, kernel_initializer="orthogonal")

    def call(self, views):
        return [keras.ops.normalize(self.encoder(view)) for view in views]

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        one, other = y_pred
        alike = 10 * one @ keras.ops.transpose(other)
        own = keras.ops.arange(keras.ops.shape(one)[0])
        return keras.ops.mean(keras.losses.sparse_categorical_crossentropy(own, alike, from_logits=True))


def test_contrastive_pairs_have_the_loss_of_the_model(session, digits):
    views = [digits[0][:300], np.roll(digits[0][:300].reshape(-1, 8, 8), 1, axis=2).reshape(-1, 64)]
    model = Pairs()
    model.compile(keras.optimizers.SGD(0.0))
    data = tf.data.Dataset.from_tensor_slices(((views[0], views[1]),)).batch(100)
    model.fit(data, shuffle=False, verbose=0, callbacks=[MonitorCallback(session)])
    weights = [weight.astype(float) for weight in model.get_weights()]
    expected = []
    for start in range(0, 300, 100):
        one, other = (view[start : start + 100] @ weights[0] + weights[1] for view in views)
        one, other = (each / np.linalg.norm(each, axis=1, keepdims=True) for each in (one, other))
        shares = np.exp(10 * one @ other.T)
        expected.append(cross_entropy(shares / shares.sum(axis=1, keepdims=True), np.arange(100)))
    np.testing.assert_allclose(session.losses, expected, rtol=1e-4)
    assert session.errors == {}


def test_forecasting_of_a_time_series_with_windows(session):
    brightness = datasets.load_sample_image("china.jpg").mean(axis=(1, 2)).astype("float32") / 255
    windows = keras.utils.timeseries_dataset_from_array(
        brightness[:-1, None], brightness[12:], sequence_length=12, batch_size=64
    )
    model = keras.Sequential([keras.Input((12, 1)), layers.LSTM(4), layers.Dense(1)])
    model.compile("adam", "mse")
    model.fit(
        windows, validation_data=windows, shuffle=False, verbose=0, callbacks=[MonitorCallback(session)]
    )
    true = np.concatenate([y for _, y in windows])
    predicted, published = model.predict(windows, verbose=0)[:, 0], session.published()
    assert published["loss", "validation"] == pytest.approx(
        metrics.mean_squared_error(true, predicted), rel=1e-4
    )
    assert published["mean_absolute_error", "validation"] == pytest.approx(
        metrics.mean_absolute_error(true, predicted), rel=1e-4
    )
    assert published["r2_score", "validation"] == pytest.approx(metrics.r2_score(true, predicted), rel=1e-3)
    assert session.errors == {}


def test_imbalanced_classification_of_a_table_with_class_weights(session, tumours):
    x, y = tumours
    model = keras.Sequential(
        [keras.Input((30,)), layers.Dense(16, "relu"), layers.Dense(1, activation="sigmoid")]
    )
    model.compile(
        keras.optimizers.SGD(0.0), "binary_crossentropy", metrics=[keras.metrics.Precision(name="precision")]
    )
    weight = {0: 1 / np.sum(y == 0), 1: 1 / np.sum(y == 1)}
    model.fit(
        x,
        y[:, None],
        batch_size=600,
        class_weight=weight,
        validation_data=(x, y[:, None]),
        verbose=0,
        callbacks=[MonitorCallback(session)],
    )
    predicted, published = model.predict(x, verbose=0)[:, 0].astype(float), session.published()
    surprise = -np.log(np.where(y == 1, predicted, 1 - predicted))
    weights = np.where(y == 1, weight[1], weight[0])
    assert session.losses == pytest.approx([(surprise * weights).mean()], rel=1e-4)
    assert published["recall", "train"] == pytest.approx(
        metrics.recall_score(y, predicted > 0.5, sample_weight=weights)
    )
    assert published["loss", "validation"] == pytest.approx(surprise.mean(), rel=1e-4)
    assert published["precision", "validation"] == pytest.approx(metrics.precision_score(y, predicted > 0.5))
    assert session.errors == {}
