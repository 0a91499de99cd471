"""Keeping a confusion matrix up to date: a step of traingauge, and of others, compared with ``np.bincount``.

The base is ``matrix += np.bincount(true * classes + predicted)`` with ready integer labels. Peers are measured if they
are installed, each with its own way of updating.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec

import numpy as np

from benchmarks.cost.harness import Arm, Check, Row, race
from benchmarks.peers import missing
from traingauge.core.collectors.scores import Scores
from traingauge.options import Scoring
from traingauge.stats.classification.labels import Labels, tally

SHAPES = ((256, 2), (256, 10), (256, 100), (256, 1000), (4096, 10))

#: Steps that are queued before they are drained, as between two scrapes.
PENDING = 64

_SCORES = "torchmetrics accuracy, precision, recall"
_READY, _VALIDATED = "traingauge, ready codes", "traingauge, labels validated"

Update = Callable[[], object]


class Steps:
    """Labels and class probabilities of one step, and the ways of counting them.

    Args:
        rows: Samples in a step.
        classes: Number of classes.
    """

    def __init__(self, rows: int, classes: int) -> None:
        random = np.random.default_rng(0)
        self.classes = classes
        self.true = random.integers(0, classes, rows)
        self.predicted = random.integers(0, classes, rows)
        scores = random.random((rows, classes), dtype=np.float32)
        self.probabilities = scores / scores.sum(axis=1, keepdims=True)
        self.matrix = np.zeros((classes, classes), np.int64)

    def bare(self) -> None:
        """The base."""
        self.matrix += self.count(self.predicted)

    def bare_argmax(self) -> None:
        """The same from probabilities."""
        self.matrix += self.count(self.probabilities.argmax(axis=1))

    def count(self, predicted: np.ndarray) -> np.ndarray:
        """The confusion matrix of one step."""
        classes = self.classes
        return np.bincount(self.true * classes + predicted, minlength=classes * classes).reshape(
            classes, classes
        )

    def ours(self, given: np.ndarray) -> Update:
        """Encode and validate every step, and drain many at once."""
        part = Scores(Scoring(classes=self.classes, task="binary" if self.classes == 2 else "multiclass"))

        def update() -> None:
            part.add_steps("train", [part.encode(self.true, given) for _ in range(PENDING)])

        return update

    def ours_unchecked(self) -> Update:
        """Drain steps whose labels are class codes already."""
        small = np.min_scalar_type(self.classes - 1)
        step = Labels(self.true.astype(small), self.predicted.astype(small), None)
        return lambda: tally([step] * PENDING, self.classes)


def torchmetrics(steps: Steps) -> Iterator[tuple[str, Update]]:
    """Confusion matrix, and the three scores that it stands for."""
    import torch  # a peer that may not be installed
    from torchmetrics import MetricCollection
    from torchmetrics import classification as peers

    true, predicted = torch.from_numpy(steps.true), torch.from_numpy(steps.predicted)
    matrix = peers.MulticlassConfusionMatrix(steps.classes)
    kinds = (peers.MulticlassAccuracy, peers.MulticlassPrecision, peers.MulticlassRecall)
    scores = MetricCollection([kind(steps.classes) for kind in kinds])
    yield "torchmetrics ConfusionMatrix", lambda: matrix.update(predicted, true)
    yield "torchmetrics accuracy, precision, recall", lambda: scores.update(predicted, true)


def keras(steps: Steps) -> Iterator[tuple[str, Update]]:
    """Keras has no confusion matrix; its F1 score keeps the same three numbers per class."""
    from keras.metrics import F1Score, SparseCategoricalAccuracy  # a peer that may not be installed

    one_hot = np.eye(steps.classes, dtype=np.float32)[steps.true]
    f1, accuracy = F1Score(average=None), SparseCategoricalAccuracy()
    yield "keras.metrics F1Score", lambda: f1.update_state(one_hot, steps.probabilities)
    yield "keras.metrics accuracy alone", lambda: accuracy.update_state(steps.true, steps.probabilities)


def sklearn(steps: Steps) -> Iterator[tuple[str, Update]]:
    """Not made for streams: computes the matrix of one step."""
    from sklearn.metrics import confusion_matrix  # a peer that may not be installed

    labels = np.arange(steps.classes)
    yield (
        "scikit-learn confusion_matrix",
        lambda: confusion_matrix(steps.true, steps.predicted, labels=labels),
    )


def river(steps: Steps) -> Iterator[tuple[str, Update]]:
    """Sample by sample."""
    from river.metrics import ConfusionMatrix  # a peer that may not be installed

    matrix = ConfusionMatrix(classes=range(steps.classes))
    pairs = list(zip(steps.true.tolist(), steps.predicted.tolist(), strict=True))

    def update() -> None:
        for true, predicted in pairs:
            matrix.update(true, predicted)

    yield "river ConfusionMatrix", update


PEERS = {"torchmetrics": torchmetrics, "keras": keras, "sklearn": sklearn, "river": river}


def contenders_of(steps: Steps) -> dict[str, tuple[Update, int]]:
    """All that are installed: an update, and how many steps it is, by name."""
    found: dict[str, tuple[Update, int]] = {
        "np.bincount": (steps.bare, 1),
        "np.bincount after argmax": (steps.bare_argmax, 1),
        "traingauge, ready codes": (steps.ours_unchecked(), PENDING),
        "traingauge, labels validated": (steps.ours(steps.predicted), PENDING),
        "traingauge, probabilities": (steps.ours(steps.probabilities), PENDING),
    }
    for module, peer in PEERS.items():
        if find_spec(module):
            found |= {name: (update, 1) for name, update in peer(steps)}
    return found


def measure(seconds: float) -> list[Row]:
    """One row for each shape of a step, against ``np.bincount``."""
    return [_row(rows, classes, seconds / len(SHAPES)) for rows, classes in SHAPES]


def _row(rows: int, classes: int, seconds: float) -> Row:
    contenders = contenders_of(Steps(rows, classes))
    found = race([_arm(name, *one) for name, one in contenders.items()], seconds)
    checks = [
        Check(
            f"ready codes ÷ bincount, {rows} samples of {classes} classes",
            found[_READY].ratio,
            1.5 if classes == 2 else 1.3,
        ),
        Check(f"validated ÷ bincount, {rows} samples of {classes} classes", found[_VALIDATED].ratio, 3),
    ]
    if _SCORES in found and rows <= 256:
        faster = found[_SCORES].ratio / found[_VALIDATED].ratio
        checks.append(
            Check(f"torchmetrics ÷ ours, {rows} samples of {classes} classes", faster, 10, at_most=False)
        )
    return Row(
        title=f"Confusion matrix of a step of {rows} samples, {classes} classes",
        unit="a step",
        figures=list(found.values()),
        checks=checks,
        missing=missing(PEERS),
        note=f"Ready codes are counted {PENDING} steps at a time, which is all that this line does. Validated labels and "
        f"probabilities are passed to a step: checked, kept, and every {PENDING} steps counted into window and counters; "
        "probabilities are reduced further on a read.",
    )


def _arm(name: str, update: Callable[[], object], steps: int) -> Arm:
    def run(count: int) -> None:
        for _ in range(count):
            update()

    return Arm(name, run, ours=name.startswith("traingauge"), each=steps)
