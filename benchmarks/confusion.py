"""Keeping a confusion matrix up to date; :mod:`benchmarks.confusion_matrix` has who does it how."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.confusion_matrix import PEERS, PENDING, SHAPES, Steps, contenders_of
from benchmarks.harness import Arm, Check, Row, race
from benchmarks.peers import missing

_SCORES = "torchmetrics accuracy, precision, recall"
_READY, _VALIDATED = "traingauge, ready codes", "traingauge, labels validated"


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
        f"probabilities are what a step gives: checked, kept, and every {PENDING} steps counted into window and counters; "
        "probabilities are reduced further when somebody looks. In three runs at loads of 17 to 24 the ratio of validated "
        "labels was 2.64, 2.67 and 3.10 for 256 samples of 2 classes, and 2.92, 2.94 and 3.03 for 4096: other programs in "
        "the cache move it.",
    )


def _arm(name: str, update: Callable[[], object], steps: int) -> Arm:
    def run(count: int) -> None:
        for _ in range(count):
            update()

    return Arm(name, run, ours=name.startswith("traingauge"), each=steps)
