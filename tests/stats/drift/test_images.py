"""Features of images."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits

from traingauge.errors import ShapeError
from traingauge.stats.drift.images import channels_of, image_feature_names, image_features

DIGITS = load_digits().images
COLOURED = np.stack([DIGITS, 16 - DIGITS, DIGITS / 2], axis=3)


def blurred(images):
    return (images[:, 1:, 1:] + images[:, :-1, 1:] + images[:, 1:, :-1] + images[:, :-1, :-1]) / 4


def by_name(images, channels):
    return dict(zip(image_feature_names(channels), image_features(images).T, strict=True))


def test_brightness_contrast_and_channels_are_moments_of_the_pixels():
    features = by_name(COLOURED, 3)
    np.testing.assert_allclose(features["brightness"], COLOURED.mean(axis=(1, 2, 3)))
    np.testing.assert_allclose(features["contrast"], COLOURED.std(axis=(1, 2, 3)))
    np.testing.assert_allclose(features["channel_2"], COLOURED[..., 2].mean(axis=(1, 2)))


def test_blur_lowers_sharpness_and_light_raises_brightness():
    images = DIGITS
    plain, blurry, light = (by_name(each, 1) for each in (images, blurred(images), images + 3))
    assert (blurry["sharpness"] < plain["sharpness"]).all()
    np.testing.assert_allclose(light["brightness"], plain["brightness"] + 3)
    np.testing.assert_allclose(light["contrast"], plain["contrast"])


def test_a_nan_pixel_affects_only_its_own_image():
    images = DIGITS[:2].copy()
    images[0, 3, 3] = np.nan
    features = image_features(images)
    assert np.isnan(features[0]).all()
    assert np.isfinite(features[1]).all()


@pytest.mark.parametrize(
    ("size", "channels"), [((8, 8), 3), ((5, 7), 1), ((32, 9), 4), ((32, 32), 13), ((48, 64), 13)]
)
def test_channels_come_last_or_first_as_in_pytorch(size, channels):
    images = np.random.default_rng(0).random((4, *size, channels))
    first = np.moveaxis(images, 3, 1)
    assert channels_of(images.shape) == channels_of(first.shape) == channels
    np.testing.assert_allclose(image_features(first), image_features(images))


def test_few_square_feature_maps_of_many_channels_keep_their_channels_last():
    assert channels_of((5, 8, 8, 16)) == 16


@pytest.mark.parametrize("shape", [(5, 64), (5, 2, 8), (5, 8, 8, 3, 1)])
def test_another_shape_raises(shape):
    with pytest.raises(ShapeError, match="images have shape"):
        image_features(np.zeros(shape))
