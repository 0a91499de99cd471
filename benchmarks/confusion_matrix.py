"""What it costs to keep a confusion matrix up to date: a step of ours, and of others, beside bare ``np.bincount``.

Run it with ``python benchmarks/confusion_matrix.py``. Every number is a ratio within this run: the cost of one step over
that of ``matrix += np.bincount(true * classes + predicted)`` with ready integer labels, measured in turns with it. Peers
are measured if they are installed, each with its own way of updating.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec

import numpy as np

from traingauge.core.collectors.scores import Scores
from traingauge.options import Scoring
from traingauge.stats.classification.labels import Labels, tally

SHAPES = ((256, 2), (256, 10), (256, 100), (256, 1000), (4096, 10))

#: Steps that pile up before they are digested, as in a run that is scraped now and then.
PENDING = 64

ROUNDS = 15
SECONDS_A_ROUND = 0.02

Update = Callable[[], object]


class Steps:
    """Labels and class probabilities of one step, and everybody's way of counting them.

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
        """What everything is compared with."""
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
        """Encode every step, validated, and digest many at once."""
        part = Scores(Scoring(classes=self.classes, task="binary" if self.classes == 2 else "multiclass"))

        def update() -> None:
            part.add_steps("train", [part.encode(self.true, given) for _ in range(PENDING)])

        return update

    def ours_unchecked(self) -> Update:
        """Digest steps whose labels are class codes already."""
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
    """Keras has no confusion matrix; its F1 score keeps the same three numbers a class."""
    from keras.metrics import F1Score, SparseCategoricalAccuracy  # a peer that may not be installed

    one_hot = np.eye(steps.classes, dtype=np.float32)[steps.true]
    f1, accuracy = F1Score(average=None), SparseCategoricalAccuracy()
    yield "keras.metrics F1Score", lambda: f1.update_state(one_hot, steps.probabilities)
    yield "keras.metrics accuracy alone", lambda: accuracy.update_state(steps.true, steps.probabilities)


def sklearn(steps: Steps) -> Iterator[tuple[str, Update]]:
    """Not made for streams: the matrix of one step, to be added up."""
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


def best_seconds(contenders: dict[str, tuple[Update, int]]) -> dict[str, float]:
    """Seconds a step of each contender, the best of several rounds in which all take turns.

    Args:
        contenders: An update, and how many steps it is, by name.
    """
    best = dict.fromkeys(contenders, float("inf"))
    for _ in range(ROUNDS):
        for name, (update, steps) in contenders.items():
            updates = 0
            start = time.perf_counter()
            while (spent := time.perf_counter() - start) < SECONDS_A_ROUND:
                update()
                updates += 1
            best[name] = min(best[name], spent / updates / steps)
    return best


def contenders_of(steps: Steps) -> dict[str, tuple[Update, int]]:
    """Everybody who is installed."""
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


def main() -> None:
    """Print one table for each shape of a step."""
    missing = [module for module in PEERS if not find_spec(module)]
    for rows, classes in SHAPES:
        best = best_seconds(contenders_of(Steps(rows, classes)))
        base = best["np.bincount"]
        print(f"\n{rows} samples, {classes} classes: np.bincount takes {base * 1e6:.1f} µs a step")
        for name, seconds in best.items():
            print(f"  {name:42}{seconds / base:10.2f}")
    if missing:
        print(f"\nnot installed, so not measured: {', '.join(missing)}")


if __name__ == "__main__":
    main()
