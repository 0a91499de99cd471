"""Class counters give, in PromQL, exactly the scores of the samples."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from sklearn import metrics
from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier

from traingauge import Endpoint, ModelMonitor
from traingauge.stack.pace import Pace
from traingauge.stack.stack import Stack

pytestmark = pytest.mark.servers

PIXELS, DIGITS = load_digits(return_X_y=True)
RANKS = ("rank-0", "rank-1")
COUNTER = "model_class_{}_total{{model='digits', split='train'}}"
FALSE = {"precision": "false_positives", "recall": "false_negatives"}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(pace=Pace(60), discovery_dir=tmp_path_factory.mktemp("runs")) as stack:
        yield stack


class Rank:
    """One of several processes that train the same model, each on its own shuffle of the digits."""

    def __init__(self, name: str, discovery: Path, seed: int) -> None:
        self.monitor = ModelMonitor(
            "digits", run=name, delivery=[Endpoint(discovery_dir=discovery, linger=0)]
        )
        self.true: list[np.ndarray] = []
        self.predicted: list[np.ndarray] = []
        self._random = np.random.default_rng(seed)
        self._model = SGDClassifier(loss="log_loss", random_state=seed)

    def train(self, steps: int) -> None:
        for _ in range(steps):
            chosen = self._random.choice(len(DIGITS), 32)
            self._model.partial_fit(PIXELS[chosen], DIGITS[chosen], classes=np.arange(10))
            predicted = self._model.predict(PIXELS[chosen])
            self.monitor.step(y_true=DIGITS[chosen], y_pred=predicted)
            self.true.append(DIGITS[chosen])
            self.predicted.append(predicted)


def wait_for_steps(stack: Stack, steps: int) -> float:
    """Poll until Prometheus has that many steps of every rank; returns the time of that moment."""

    def scraped() -> bool:
        counted = stack.prometheus.query("model_steps_total{model='digits', split='train'}")
        return [sample.value for sample in counted] == [steps] * len(RANKS)

    stack.wait_for(scraped, f"{steps} steps of every rank are scraped")
    return time.time()


def by_class(stack: Stack, kind: str, since: float | None = None) -> np.ndarray:
    """Precision or recall over all ranks, by class; from the start, or since a moment."""
    right, wrong = (_counted(COUNTER.format(name), since) for name in ("true_positives", FALSE[kind]))
    answer = stack.prometheus.query(
        f"sum by (class) ({right}) / (sum by (class) ({right}) + sum by (class) ({wrong}))"
    )
    values = {sample.labels["class"]: sample.value for sample in answer}
    return np.array([values[str(code)] for code in range(10)])


def _counted(counter: str, since: float | None) -> str:
    """Increase of a counter; the range bridges a scrape that failed on a busy machine."""
    now = f"last_over_time({counter}[5m])"
    return now if since is None else f"({now} - last_over_time({counter}[5m] @ {since:.3f}))"


def expected(ranks: list[Rank], kind: str, first: int = 0) -> np.ndarray:
    score = {"precision": metrics.precision_score, "recall": metrics.recall_score}[kind]
    true, predicted = (
        np.concatenate([labels for rank in ranks for labels in getattr(rank, name)[first:]])
        for name in ("true", "predicted")
    )
    return score(true, predicted, labels=range(10), average=None, zero_division=np.nan)


def test_scores_in_promql_equal_scikit_learns_over_any_range_and_all_ranks(stack: Stack):
    ranks = [Rank(name, stack.discovery_dir, seed) for seed, name in enumerate(RANKS)]
    try:
        for rank in ranks:
            rank.train(40)
        early = wait_for_steps(stack, 40)
        for rank in ranks:
            rank.train(60)
        wait_for_steps(stack, 100)
        for kind in FALSE:
            assert by_class(stack, kind) == pytest.approx(expected(ranks, kind), abs=1e-12, nan_ok=True)
            since = by_class(stack, kind, early)
            assert since == pytest.approx(expected(ranks, kind, 40), abs=1e-12, nan_ok=True)
    finally:
        for rank in ranks:
            rank.monitor.close()
