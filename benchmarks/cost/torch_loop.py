"""A PyTorch training loop that records its loss and the data for its scores."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Gauge

from benchmarks.cost.harness import Arm, Check, Row, race
from benchmarks.peers import missing
from traingauge import ModelMonitor, Scoring

#: Samples in a step, and classes.
ROWS, CLASSES = 256, 10

PEER = "torchmetrics accuracy, precision, recall"

#: Steps that are queued between two scrapes.
PENDING = 500


def measure(seconds: float) -> Row:
    """Loss, labels and logits of a step, as tensors."""
    title, absent = (
        f"A PyTorch loop: loss and scores of {ROWS} samples, {CLASSES} classes",
        missing(["torch", "torchmetrics", "sklearn"]),
    )
    if "torch" in absent:
        return Row(title, "a step", [], missing=absent)
    import torch

    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(ROWS, CLASSES, generator=generator)
    labels = torch.randint(CLASSES, (ROWS,), generator=generator)
    loss = torch.nn.functional.cross_entropy(logits, labels)
    registry = CollectorRegistry()
    children = [Gauge(name, name, ["model"], registry=registry).labels("m") for name in "abcd"]

    def gauges(count: int) -> None:
        for _ in range(count):
            value = loss.item()
            for child in children:
                child.set(value)

    with ModelMonitor("bench", scoring=Scoring(task="multiclass", classes=CLASSES), delivery=[]) as monitor:

        def ours(count: int) -> None:
            for _ in range(count):
                monitor.step(loss=loss, y_true=labels, y_pred=logits)

        def ours_decided(count: int) -> None:
            for _ in range(count):
                monitor.step(loss=loss, y_true=labels, y_pred=logits.argmax(1))

        def digest() -> None:
            monitor.collector.families()

        arms = [
            Arm("item() and four Gauge.set: no scores", gauges),
            Arm("traingauge: step(loss, labels, logits)", ours, digest, ours=True, at_once=PENDING),
            Arm(
                "traingauge: step(loss, labels, decisions)", ours_decided, digest, ours=True, at_once=PENDING
            ),
        ]
        if "torchmetrics" not in absent:
            arms.append(_torchmetrics(logits, labels, shared=False))
            arms.append(_torchmetrics(logits, labels, shared=True))
        if "sklearn" not in absent:
            arms.append(_sklearn(logits, labels))
        found = race(arms, seconds)
    checks = []
    if "torchmetrics" not in absent:
        ours_ratio, peer = (
            found["traingauge: step(loss, labels, decisions)"].ratio,
            found[PEER].ratio,
        )
        checks = [Check("ours ÷ torchmetrics", ours_ratio / peer, 0.1)]
    return Row(
        title,
        "a step",
        list(found.values()),
        checks,
        absent,
        note="Ours also keeps every step's loss, the confusion matrix, and of logits what log loss and calibration need.",
    )


def _torchmetrics(logits: object, labels: object, *, shared: bool) -> Arm:
    from torchmetrics import MetricCollection
    from torchmetrics import classification as peers

    kinds = (peers.MulticlassAccuracy, peers.MulticlassPrecision, peers.MulticlassRecall)
    scores = MetricCollection([kind(CLASSES) for kind in kinds], compute_groups=shared)
    scores.update(logits, labels)  # it finds out whether they can share a state

    def update(count: int) -> None:
        for _ in range(count):
            scores.update(logits, labels)

    return Arm(f"{PEER}{', sharing one state' if shared else ''}", update)


def _sklearn(logits: object, labels: object) -> Arm:
    from sklearn.metrics import accuracy_score, precision_recall_fscore_support

    def score(count: int) -> None:
        for _ in range(count):
            decided = logits.argmax(1).numpy()
            accuracy_score(labels.numpy(), decided)
            precision_recall_fscore_support(labels.numpy(), decided, average="macro", zero_division=0)

    return Arm("scikit-learn accuracy, precision, recall", score)
