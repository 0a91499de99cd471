"""Real data for real models."""

from __future__ import annotations

import os

import numpy as np
import pytest
from sklearn import datasets, preprocessing

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


@pytest.fixture(scope="session")
def digits():
    """Handwritten digits: 1 797 images of 64 pixels, 10 classes."""
    x, y = datasets.load_digits(return_X_y=True)
    return (x / 16).astype("float32"), y.astype("int32")


@pytest.fixture(scope="session")
def tumours():
    """Breast tumours: 569 of 30 measurements, malignant or benign."""
    x, y = datasets.load_breast_cancer(return_X_y=True)
    return preprocessing.scale(x).astype("float32"), y.astype("int32")


@pytest.fixture(scope="session")
def diabetes():
    """Diabetes: 442 patients, 10 measurements, progression after a year."""
    x, y = datasets.load_diabetes(return_X_y=True)
    return (x * 20).astype("float32"), (y / 100).astype("float32")


@pytest.fixture(scope="session")
def many_digits(digits):
    """100 000 samples: the digits in ever new order."""
    x, y = digits
    order = np.random.default_rng(0).integers(0, len(x), 100_000)
    return x[order], y[order]
