"""Features of images, which are compared instead of pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from traingauge.errors import ShapeError


def image_features(images: NDArray[Any]) -> NDArray[np.float64]:
    """Brightness, contrast, sharpness and the mean of every channel, of each image.

    Brightness is the mean over pixels and channels, contrast their standard deviation, and sharpness the standard
    deviation of the discrete Laplacian (4 neighbours) of the grey image, a measure of blur (Pech-Pacheco et al., 2000). All
    are in the unit of the pixels. Pixels themselves would be too many, and too dependent on each other, to compare.

    Args:
        images: Shape (n, height, width) or (n, height, width, channels), at least 3 × 3 pixels, any real dtype.

    Returns:
        Float64, shape (n, 3 + channels), in the order of :func:`image_feature_names`; NaN for images with a NaN pixel.

    Raises:
        ShapeError: The images have another shape.

    >>> image_features(np.ones((2, 8, 8)))
    array([[1., 0., 0., 1.],
           [1., 0., 0., 1.]])
    """
    if images.ndim not in (3, 4) or min(images.shape[1:3]) < 3:
        raise ShapeError(
            f"images have shape {images.shape}: expected (n, height, width) or (n, height, width, channels)"
        )
    pixels = images.reshape(*images.shape[:3], -1).astype(np.float64)
    grey = pixels.mean(axis=3)
    center = grey[:, 1:-1, 1:-1]
    edges = grey[:, :-2, 1:-1] + grey[:, 2:, 1:-1] + grey[:, 1:-1, :-2] + grey[:, 1:-1, 2:] - 4 * center
    channels = pixels.mean(axis=(1, 2))
    rest = (channels.mean(axis=1), pixels.std(axis=(1, 2, 3)), edges.std(axis=(1, 2)))
    return np.column_stack([*rest, channels])


def image_feature_names(channels: int = 1) -> tuple[str, ...]:
    """Names of the columns of :func:`image_features`.

    >>> image_feature_names(3)
    ('brightness', 'contrast', 'sharpness', 'channel_0', 'channel_1', 'channel_2')
    """
    return ("brightness", "contrast", "sharpness", *(f"channel_{channel}" for channel in range(channels)))
