"""Features of images, which are compared instead of pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from traingauge.errors import ShapeError

#: Channels that an image usually has at most: red, green, blue and opacity.
FEW_CHANNELS = 4


def image_features(images: NDArray[Any]) -> NDArray[np.float64]:
    """Brightness, contrast, sharpness and the mean of every channel, of each image.

    Brightness is the mean over pixels and channels, contrast their standard deviation, and sharpness the standard
    deviation of the discrete Laplacian (4 neighbours) of the grey image, a measure of blur (Pech-Pacheco et al., 2000). All
    are in the unit of the pixels. Pixels themselves would be too many, and too dependent on each other, to compare.

    Args:
        images: Shape (n, height, width), (n, height, width, channels) or (n, channels, height, width), at least 3 × 3
            pixels, any real dtype. :func:`channel_axis` says which axis is that of the channels.

    Returns:
        Float64, shape (n, 3 + channels), in the order of :func:`image_feature_names`; NaN for images with a NaN pixel.

    Raises:
        ShapeError: The images have another shape.

    >>> image_features(np.ones((2, 8, 8)))
    array([[1., 0., 0., 1.],
           [1., 0., 0., 1.]])
    """
    if images.ndim == 4 and channel_axis(images.shape) == 1:
        images = np.moveaxis(images, 1, 3)
    if images.ndim not in (3, 4) or min(images.shape[1:3]) < 3:
        raise ShapeError(
            f"images have shape {images.shape}: expected (n, height, width), (n, height, width, channels) or "
            "(n, channels, height, width)"
        )
    pixels = images.reshape(*images.shape[:3], images.shape[3] if images.ndim > 3 else 1).astype(np.float64)
    grey = pixels.mean(axis=3)
    center = grey[:, 1:-1, 1:-1]
    edges = grey[:, :-2, 1:-1] + grey[:, 2:, 1:-1] + grey[:, 1:-1, :-2] + grey[:, 1:-1, 2:] - 4 * center
    channels = pixels.mean(axis=(1, 2))
    rest = (channels.mean(axis=1), pixels.std(axis=(1, 2, 3)), edges.std(axis=(1, 2)))
    return np.column_stack([*rest, channels])


def channel_axis(shape: Sequence[int]) -> int:
    """Axis of the channels in images of a four-dimensional shape: 3, or 1 as in PyTorch.

    It is the one with at most four channels; if neither or both have that, the one that is not as long as its neighbour, as
    images are mostly square; else the shorter one.

    >>> channel_axis((64, 32, 48, 3)), channel_axis((64, 3, 32, 48)), channel_axis((64, 13, 32, 32))
    (3, 1, 1)
    """
    _, first, middle, last = shape
    if min(first, last) <= FEW_CHANNELS < max(first, last):
        return 1 if first < last else 3
    if (first == middle) != (middle == last):
        return 3 if first == middle else 1
    return 1 if first < last else 3


def channels_of(shape: Sequence[int]) -> int:
    """Number of channels in images of a shape.

    >>> channels_of((64, 8, 8)), channels_of((64, 3, 8, 8))
    (1, 3)
    """
    return shape[channel_axis(shape)] if len(shape) > 3 else 1


def image_feature_names(channels: int = 1) -> tuple[str, ...]:
    """Names of the columns of :func:`image_features`.

    >>> image_feature_names(3)
    ('brightness', 'contrast', 'sharpness', 'channel_0', 'channel_1', 'channel_2')
    """
    return ("brightness", "contrast", "sharpness", *(f"channel_{channel}" for channel in range(channels)))
