"""Names of categories, and what a table may hold."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from traingauge import Reference
from traingauge.core.collectors.drift import FeatureDrift
from traingauge.options import Drift
from traingauge.reference.categories import category, is_absent

WHOLE = [1, 2, 1, 3] * 500


def _psi(reference, batch):
    drift = FeatureDrift(Drift(reference, window=1000))
    drift.add([drift.encode(batch)])
    families = {family.metric.name: family for family in drift.families()}
    return dict(
        zip(
            [key.labels for key in families["model_feature_drift"].keys],
            families["model_feature_drift"].values,
            strict=True,
        )
    )[reference.names[0], "psi"]


@pytest.mark.parametrize(
    "one", [1, 1.0, True, np.True_, np.int8(1), np.float16(1), np.float32(1), Decimal(1)]
)
def test_one_is_the_same_category_in_every_type(one):
    assert category(one) == "1"


@pytest.mark.parametrize("kind", [np.float16, np.float32])
def test_a_fraction_is_the_same_category_in_every_precision(kind):
    assert category(kind(0.1)) == category(0.1) == "0.1"


@pytest.mark.parametrize("absent", [None, pd.NA, pd.NaT, np.nan, np.float32("inf"), Decimal("NaN")])
def test_a_missing_value_is_recognised_in_every_type(absent):
    assert is_absent(absent)


@pytest.mark.parametrize("given", ["category", "object", "float64", "Int64"])
@pytest.mark.parametrize("known", ["category", "object", "int64"])
def test_a_gap_in_a_column_of_whole_numbers_does_not_rename_its_categories(known, given):
    reference = Reference.from_data(
        pd.DataFrame({"size": pd.Series(WHOLE).astype(known)}), categorical=["size"]
    )
    batch = pd.Series([*map(float, WHOLE[:-1]), np.nan]).astype("Int64" if given == "Int64" else "float64")
    assert _psi(reference, pd.DataFrame({"size": batch.astype(given)})) < 0.01


@pytest.mark.parametrize("given", ["category", "object", "bool", "int64"])
@pytest.mark.parametrize("known", ["category", "object", "bool"])
def test_true_is_the_same_category_in_every_column(known, given):
    truth = pd.Series([True, False, True] * 500)
    reference = Reference.from_data(pd.DataFrame({"new": truth.astype(known)}), categorical=["new"])
    assert _psi(reference, pd.DataFrame({"new": truth.astype(given)})) < 0.01


@pytest.mark.parametrize("empty", [[None, None], [np.nan, np.nan], pd.array([pd.NA, pd.NA], dtype="string")])
@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_chunk_without_any_text_is_a_gap_in_a_column_of_text(empty, at):
    chunks = [pd.DataFrame({"colour": ["red", "blue"], "size": [1.0, 2.0]}) for _ in range(2)]
    chunks.insert(at, pd.DataFrame({"colour": empty, "size": [3.0, 4.0]}))
    whole = Reference.from_batches(chunks).features.summary
    assert whole.schema.categories == (("blue", "red"), None)
    assert whole.missing.tolist() == [2, 0]


def test_references_of_which_one_has_no_text_add_up():
    empty = Reference.from_data(pd.DataFrame({"colour": [None, None]}))
    assert (empty + Reference.from_data(pd.DataFrame({"colour": ["red"]}))).samples == 3


def test_a_categorical_feature_without_any_value_takes_later_data():
    reference = Reference.from_data([[np.nan], [np.nan]], categorical=["f0"])
    schema = reference.features.summary.schema
    np.testing.assert_array_equal(schema.encode([[7.0], [np.nan]]), [[0.0], [np.nan]])
