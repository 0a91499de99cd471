"""Selection of the classes that are published by name."""

from __future__ import annotations

import numpy as np

from traingauge.stats.classification.counts import Counts
from traingauge.stats.classification.selection import MARGIN, lowest_recall


def counted(recalls, support=100):
    support = np.full(len(recalls), support)
    return Counts(np.array(recalls) * support, support, support, 0, support.sum())


NONE = np.zeros(0, np.intp)


def test_the_classes_with_the_lowest_recall_are_chosen():
    assert lowest_recall(counted([0.9, 0.1, 0.5, 0.3]), 2, NONE).tolist() == [1, 3]


def test_classes_without_samples_come_last():
    counts = counted([0.9, 0.0, 0.5, 0.3])
    counts.support[1] = 0
    assert lowest_recall(counts, 3, NONE).tolist() == [0, 2, 3]


def test_a_chosen_class_stays_until_another_is_lower_by_more_than_the_margin():
    chosen = np.array([0])
    assert lowest_recall(counted([0.5, 0.5 - 0.9 * MARGIN]), 1, chosen).tolist() == [0]
    assert lowest_recall(counted([0.5, 0.5 - 1.1 * MARGIN]), 1, chosen).tolist() == [1]


def test_noise_does_not_change_the_selection():
    random = np.random.default_rng(0)
    level = np.linspace(0, 1, 200)
    chosen = lowest_recall(counted(level), 50, NONE)
    for _ in range(50):
        noisy = np.clip(level + random.normal(0, MARGIN / 8, 200), 0, 1)
        again = lowest_recall(counted(noisy), 50, chosen)
        assert again.tolist() == chosen.tolist()
