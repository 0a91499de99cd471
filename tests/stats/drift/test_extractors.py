"""References of images and tokens, through the features extracted from them."""

import numpy as np
import pytest

from traingauge.core.collectors.drift import FeatureDrift
from traingauge.core.reference_bins import ReferenceBins
from traingauge.errors import InvalidArgumentError, ShapeError, UnknownNameError
from traingauge.options import Drift
from traingauge.reference import Reference
from traingauge.stats.drift.extractors import EXTRACTORS
from traingauge.stats.drift.images import image_features
from traingauge.stats.drift.tokens import token_features

rng = np.random.default_rng(0)
SAMPLES = {"images": rng.random((2000, 8, 8, 3)), "tokens": rng.integers(0, 50, (2000, 12))}


@pytest.mark.parametrize("of", EXTRACTORS)
def test_every_extracted_feature_has_a_name(of):
    assert EXTRACTORS[of].extract(SAMPLES[of]).shape[1] == len(EXTRACTORS[of].names(SAMPLES[of].shape))


@pytest.mark.parametrize("of", EXTRACTORS)
def test_reference_and_batches_are_reduced_to_the_same_features(of):
    reference = Reference.from_data(SAMPLES[of], of=of)
    assert reference.names == EXTRACTORS[of].names(SAMPLES[of].shape)
    table = EXTRACTORS[of].extract(SAMPLES[of][:300])
    plain = FeatureDrift(Drift(Reference.from_data(EXTRACTORS[of].extract(SAMPLES[of])))).encode(table)
    np.testing.assert_array_equal(
        FeatureDrift(Drift(reference)).encode(SAMPLES[of][:300]).counts, plain.counts
    )


def test_a_reference_from_batches_of_images_equals_that_of_the_whole():
    images = SAMPLES["images"]
    batches = Reference.from_batches([images[:700], images[700:]], of="images")
    whole = Reference.from_data(images, of="images")
    np.testing.assert_allclose(batches.edges, whole.edges)
    assert batches.of == "images"


def test_a_saved_reference_keeps_its_kind_of_data(tmp_path):
    Reference.from_data(SAMPLES["tokens"], of="tokens").save(tmp_path / "tokens.reference")
    loaded = Reference.load(tmp_path / "tokens.reference")
    assert loaded.of == "tokens"
    np.testing.assert_array_equal(loaded.reduce(SAMPLES["tokens"]), token_features(SAMPLES["tokens"]))


def test_grey_images_have_one_channel():
    assert Reference.from_data(SAMPLES["images"][..., 0], of="images").names[-1] == "channel_0"


def test_only_the_sampled_share_of_the_images_is_reduced():
    drift = FeatureDrift(Drift(Reference.from_data(SAMPLES["images"], of="images"), sampling=0.1))
    binned = drift.encode(SAMPLES["images"][:300])
    own = drift.encode(SAMPLES["images"][:300:10])
    assert binned.samples == 30
    assert own.samples == 3


def test_darker_images_have_drifted_in_brightness():
    drift = FeatureDrift(Drift(Reference.from_data(SAMPLES["images"], of="images")))
    drift.add([drift.encode(SAMPLES["images"][:1000] * 0.95)])
    scores = {
        key.labels: value
        for family in drift.families()
        if family.metric.name == "model_feature_drift"
        for key, value in zip(family.keys, family.values, strict=True)
    }
    assert scores["brightness", "psi"] > 0.2


@pytest.mark.parametrize("of", SAMPLES)
def test_samples_are_reduced_before_they_are_counted_elsewhere(of):
    samples = SAMPLES[of]
    reference = Reference.from_data(samples, of=of)
    bins = ReferenceBins(FeatureDrift(Drift(reference)))
    np.testing.assert_array_equal(bins.table(samples), reference.reduce(samples))
    assert len(bins.features) == len(reference.names)


def test_references_of_different_kinds_of_data_cannot_be_added():
    images = SAMPLES["images"]
    with pytest.raises(InvalidArgumentError, match="of images and of table"):
        Reference.from_data(images, of="images") + Reference.from_data(image_features(images))


def test_unknown_kinds_and_wrong_shapes_raise():
    with pytest.raises(UnknownNameError, match="'sounds': expected one of 'table', 'images', 'tokens'"):
        Reference.from_data(SAMPLES["images"], of="sounds")
    with pytest.raises(ShapeError, match="images have shape"):
        Reference.from_data(SAMPLES["tokens"], of="images")
