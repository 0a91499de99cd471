"""What goes wrong in a run. Each fault changes the :class:`~simulation.setup.Setup` of a run that trains.

Faults of batches are functions of a batch as well, for pipelines that have no setup.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from simulation.data import Array, Batch, Data
from simulation.setup import Setup, TrainingCrashed

#: Changes the setup of a run.
Injection = Callable[[Setup], None]


# Batches


def shift_images(x: Array) -> Array:
    """8×8 images moved two pixels to the right, as a faulty loader delivers them; shape (n, 64)."""
    return np.roll(x.reshape(-1, 8, 8), 2, axis=2).reshape(-1, 64)


def relabel(y: Array, wrong: Mapping[int, int]) -> Array:
    """Labels with some classes called by another's name, as a faulty labelling job delivers them."""
    spoilt = y.copy()
    for right, other in wrong.items():
        spoilt[y == right] = other
    return spoilt


def draw_labels(y: Array, share: float, classes: int, random: np.random.Generator) -> Array:
    """Labels of which a share is drawn at random."""
    drawn = random.integers(0, classes, len(y))
    return np.where(random.random(len(y)) < share, drawn, y)


def images_shifted(setup: Setup) -> None:
    """The pipeline shifts every image, for training and for evaluation."""
    setup.spoil = lambda batch: Batch(shift_images(batch.x), batch.y)
    setup.data = _with_validation(setup.data, shift_images)


def images_restored(setup: Setup) -> None:
    """The pipeline shifts no image any more."""
    setup.spoil = lambda batch: batch
    setup.data = _with_validation(
        setup.data, lambda x: np.roll(x.reshape(-1, 8, 8), -2, axis=2).reshape(-1, 64)
    )


def relabelled(wrong: Mapping[int, int]) -> Injection:
    """Some classes are labelled as others in training; no classes ends it."""

    def inject(setup: Setup) -> None:
        setup.spoil = lambda batch: Batch(batch.x, relabel(batch.y, wrong))

    return inject


def labels_drawn(setup: Setup) -> None:
    """Six of ten training labels are drawn at random."""
    setup.spoil = lambda batch: Batch(batch.x, draw_labels(batch.y, 0.6, setup.data.classes, setup.random))


def labels_constant(setup: Setup) -> None:
    """Every training label becomes the same."""
    only = float(setup.random.integers(0, setup.data.classes))
    setup.spoil = lambda batch: Batch(batch.x, np.full_like(batch.y, only))


def class_dropped(setup: Setup) -> None:
    """One class is missing from the training data."""
    dropped = setup.random.integers(0, setup.data.classes)

    def spoil(batch: Batch) -> Batch:
        kept = batch.y != dropped
        return Batch(batch.x[kept], batch.y[kept])

    setup.spoil = spoil


def one_feature_shifted(setup: Setup) -> None:
    """One feature is 1.5 standard deviations higher."""
    _shift(setup, [_varying(setup)])


def all_features_shifted(setup: Setup) -> None:
    """Every feature is 1.5 standard deviations higher."""
    _shift(setup, range(setup.data.train.x.shape[1]))


def feature_missing(setup: Setup) -> None:
    """One feature is NaN."""
    column = _varying(setup)

    def spoil(batch: Batch) -> Batch:
        x = batch.x.copy()
        x[:, column] = np.nan
        return Batch(x, batch.y)

    setup.spoil = spoil


def one_sample_nan(setup: Setup) -> None:
    """One sample of one batch is NaN."""

    def once(batch: Batch) -> Batch:
        setup.spoil = lambda batch: batch
        return Batch(np.where(np.arange(len(batch.y))[:, None] == 0, np.nan, batch.x), batch.y)

    setup.spoil = once


def label_leaked(setup: Setup) -> None:
    """The label is among the features."""
    data = setup.data

    def leaking(batch: Batch) -> Batch:
        codes = np.eye(data.classes)[batch.y.astype(int)]
        return Batch(np.hstack([batch.x, 5.0 * codes]), batch.y)

    setup.data = Data(data.name, leaking(data.train), leaking(data.validation), data.classes)


def overfitting(setup: Setup) -> None:
    """40 training samples, a quarter of them with random labels, and a network that can learn them by heart."""
    setup.data = setup.data.only(40)
    wrong = setup.random.integers(0, setup.data.classes, 40)
    train = setup.data.train
    flipped = Batch(train.x, np.where(np.arange(40) % 4 == 0, wrong, train.y))
    setup.data = Data(setup.data.name, flipped, setup.data.validation, setup.data.classes)
    setup.hidden, setup.batch, setup.decay = 128, 32, 0.0


# Optimisation


def one_gradient_nan(setup: Setup) -> None:
    """One gradient is NaN, and the weights with it."""

    def once(gradient: list[Array]) -> list[Array]:
        setup.gradient = lambda gradient: gradient
        return [slope * np.nan for slope in gradient]

    setup.gradient = once


def gradients_exploding(setup: Setup) -> None:
    """Gradients are not unscaled: 1024 times too large."""
    setup.gradient = lambda gradient: [1024.0 * slope for slope in gradient]


def gradients_vanishing(setup: Setup) -> None:
    """Gradients underflow in half precision."""

    def underflown(gradient: list[Array]) -> list[Array]:
        scaled = [(slope * 2.0**-26).astype(np.float16) for slope in gradient]
        return [slope.astype(float) * 2.0**26 for slope in scaled]

    setup.gradient = underflown


def rate_times(factor: float) -> Injection:
    """The learning rate is multiplied, and no gradient is clipped."""

    def inject(setup: Setup) -> None:
        rate = setup.rate
        setup.rate = lambda step: factor * rate(step)
        setup.clip = np.inf

    return inject


# The process and its machine


def loader_stalled(setup: Setup) -> None:
    """A step waits for its data five times as long as it takes."""
    setup.wait_seconds = 5 * setup.step_seconds


def hung(setup: Setup) -> None:
    """No further step."""
    setup.hung = True


def slowed(setup: Setup) -> None:
    """A step takes four times as long."""
    setup.step_seconds *= 4


def killed(setup: Setup) -> None:
    """SIGKILL."""
    setup.killed = True


def crashed(setup: Setup) -> None:
    """An exception ends training."""

    def crash(step: int) -> bool:
        raise TrainingCrashed(f"at step {step}")

    setup.over = crash


def ended(setup: Setup) -> None:
    """Training ends as it should."""
    setup.over = lambda step: True


def unreachable(setup: Setup) -> None:
    """The endpoint cannot be reached."""
    setup.answers = False


def _with_validation(data: Data, change: Callable[[Array], Array]) -> Data:
    x, y = data.validation
    return Data(data.name, data.train, Batch(change(x), y), data.classes, data.test)


def _shift(setup: Setup, columns: Sequence[int]) -> None:
    x = setup.data.train.x
    by = np.zeros(x.shape[1])
    by[list(columns)] = 1.5 * x.std(axis=0)[list(columns)]
    setup.spoil = lambda batch: Batch(batch.x + by, batch.y)


def _varying(setup: Setup) -> int:
    """A random column of the data that is not always the same."""
    spread = setup.data.train.x.std(axis=0)
    return int(setup.random.choice(np.flatnonzero(spread > 0.5 * spread.max())))
