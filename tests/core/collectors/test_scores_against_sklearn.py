"""Published scores equal scikit-learn's on the same samples, in every form."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import special
from sklearn import metrics

from traingauge.core.collectors.scores import Scores
from traingauge.options import Scoring

NEAR = {"rel": 1e-12, "abs": 1e-12, "nan_ok": True}
NAMES = ["ant", "bee", "cat", "dog", "eel", "fox", "gnu"]


@st.composite
def classified(draw, classes):
    """True codes, logits and weights of a pass; every class occurs, so that every score of scikit-learn's is defined."""
    rows = draw(st.integers(classes, 40))
    true = draw(hnp.arrays(np.intp, rows, elements=st.integers(0, classes - 1)))
    true[:classes] = np.arange(classes)
    logits = np.random.default_rng(draw(st.integers(0, 2**32))).normal(0, 2, (rows, classes))
    return true, logits, draw(st.none() | hnp.arrays(np.float64, rows, elements=st.floats(0.1, 3)))


MULTI_CLASS_FORMS = {
    "codes": lambda true, logits: (true, logits.argmax(axis=1)),
    "names": lambda true, logits: (np.array(NAMES)[true], np.array(NAMES)[logits.argmax(axis=1)]),
    "probabilities": lambda true, logits: (true, special.softmax(logits, axis=1)),
    "logits": lambda true, logits: (true, logits),
    "one-hot": lambda true, logits: (np.eye(7)[true], special.softmax(logits, axis=1)),
    "columns": lambda true, logits: (true[:, np.newaxis].astype(np.float32), logits),
    "lists": lambda true, logits: (true.tolist(), logits.tolist()),
}

BINARY_FORMS = {
    "labels": lambda true, logits: (true, (logits > 0).astype(int)),
    "truths": lambda true, logits: (true.astype(bool), logits > 0),
    "probabilities": lambda true, logits: (true, special.expit(logits)),
    "columns": lambda true, logits: (true[:, np.newaxis], special.expit(logits)[:, np.newaxis]),
    "logits": lambda true, logits: (true.astype(float), logits),
    "two probabilities": lambda true, logits: (
        true,
        np.stack([special.expit(-logits), special.expit(logits)], 1),
    ),
}


def published(form, batches, **arguments):
    """Scores of a pass of two batches."""
    part = Scores(Scoring(**arguments))
    part.add_pass("test", [part.encode(*form(true, logits), weight) for true, logits, weight in batches])
    return part.current("test")


def batches(true, logits, weight):
    half = len(true) // 2
    return [
        (true[at], logits[at], None if weight is None else weight[at])
        for at in (slice(half), slice(half, None))
    ]


@pytest.mark.parametrize("form", MULTI_CLASS_FORMS)
@settings(max_examples=30)  # of each form
@given(drawn=classified(7), average=st.sampled_from(["macro", "weighted", "micro"]))
def test_multi_class_scores_equal_scikit_learns(form, drawn, average):
    true, logits, weight = drawn
    told = {"classes": NAMES} if form == "names" else {"classes": 7, "task": "multiclass"}
    scores = published(MULTI_CLASS_FORMS[form], batches(*drawn), average=average, **told)
    predicted = logits.argmax(axis=1)
    how = {"average": average, "sample_weight": weight, "zero_division": np.nan}
    assert scores["accuracy"] == pytest.approx(
        metrics.accuracy_score(true, predicted, sample_weight=weight), **NEAR
    )
    assert scores["recall"] == pytest.approx(metrics.recall_score(true, predicted, **how), **NEAR)
    assert scores["precision"] == pytest.approx(metrics.precision_score(true, predicted, **how), **NEAR)
    assert scores["f1"] == pytest.approx(metrics.f1_score(true, predicted, **how), **NEAR)
    kappa = metrics.cohen_kappa_score(true, predicted, sample_weight=weight)
    assert scores["cohen_kappa"] == pytest.approx(kappa, **NEAR)
    if form in ("probabilities", "logits", "one-hot", "columns", "lists"):
        loss = metrics.log_loss(true, special.softmax(logits, axis=1), sample_weight=weight)
        assert scores["log_loss"] == pytest.approx(loss, rel=1e-9)
        top = metrics.top_k_accuracy_score(true, logits, k=5, sample_weight=weight)
        assert scores["top_k_accuracy"] == pytest.approx(top, **NEAR)
        how = {"average": average, "sample_weight": weight}
        every, probability = np.eye(7)[true], special.softmax(logits, axis=1)
        assert scores["roc_auc"] == pytest.approx(metrics.roc_auc_score(every, probability, **how), **NEAR)
        precision = metrics.average_precision_score(every, probability, **how)
        assert scores["average_precision"] == pytest.approx(precision, **NEAR)


@pytest.mark.parametrize("form", BINARY_FORMS)
@settings(max_examples=30)  # of each form
@given(drawn=classified(2))
def test_binary_scores_equal_scikit_learns(form, drawn):
    true, logits, weight = drawn
    logits = logits[:, 1]
    told = True if form == "logits" else None  # a first batch of a single logit may well lie in [0, 1]
    scores = published(BINARY_FORMS[form], batches(true, logits, weight), task="binary", from_logits=told)
    predicted = logits > 0
    how = {"sample_weight": weight, "zero_division": np.nan}
    assert scores["recall"] == pytest.approx(metrics.recall_score(true, predicted, **how), **NEAR)
    assert scores["precision"] == pytest.approx(metrics.precision_score(true, predicted, **how), **NEAR)
    assert scores["f1"] == pytest.approx(metrics.f1_score(true, predicted, **how), **NEAR)
    if form not in ("labels", "truths"):
        probability = special.expit(logits)
        loss = metrics.log_loss(true, probability, sample_weight=weight)
        assert scores["log_loss"] == pytest.approx(loss, rel=1e-9)
        brier = metrics.brier_score_loss(true, probability, sample_weight=weight)
        assert scores["brier_score"] == pytest.approx(brier, **NEAR)
        area = metrics.roc_auc_score(true, probability, sample_weight=weight)
        assert scores["roc_auc"] == pytest.approx(area, **NEAR)
        precision = metrics.average_precision_score(true, probability, sample_weight=weight)
        assert scores["average_precision"] == pytest.approx(precision, **NEAR)


@given(
    hnp.arrays(np.bool_, st.tuples(st.integers(2, 12), st.just(3))),
    st.integers(0, 2**32),
    st.sampled_from(["macro", "weighted", "micro"]),
)
def test_multi_label_scores_equal_scikit_learns(true, seed, average):
    logits = np.random.default_rng(seed).normal(size=true.shape)
    true[0] = True
    part = Scores(Scoring(task="multilabel", average=average))
    part.add_pass("test", [part.encode(true.astype(int), special.expit(logits))])
    scores, predicted = part.current("test"), logits > 0
    how = {"average": average, "zero_division": np.nan}
    assert scores["accuracy"] == pytest.approx(metrics.accuracy_score(true, predicted), **NEAR)
    assert scores["recall"] == pytest.approx(metrics.recall_score(true, predicted, **how), **NEAR)
    assert scores["f1"] == pytest.approx(metrics.f1_score(true, predicted, **how), **NEAR)
    assert "matthews_correlation" not in scores
