"""Features of images and token ids inside of a TensorFlow graph: those of :mod:`traingauge.stats.drift.extractors`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import tensorflow as tf

from traingauge.stats.drift.images import channel_axis
from traingauge.stats.drift.tokens import PADDING, UNKNOWN

#: Length of a side of which a graph does not know how long it is: no number of channels.
_UNKNOWN_SIDE = 1 << 30


def table(samples: Any) -> Any:
    """Samples of any shape (n, …) as float64, shape (n, F); ``None`` if F is not known."""
    if samples.shape.rank in (None, 0) or None in samples.shape[1:]:
        return None
    return tf.cast(tf.reshape(samples, [-1, int(np.prod(samples.shape[1:]))]), tf.float64)


def image_features(images: Any) -> Any:
    """As :func:`traingauge.stats.drift.images.image_features`; ``None`` if the shape is not that of images.

    >>> image_features(tf.ones((2, 8, 8))).numpy()
    array([[1., 0., 0., 1.],
           [1., 0., 0., 1.]])
    """
    if images.shape.rank not in (3, 4):
        return None
    if images.shape.rank == 3:
        images = images[..., None]
    elif channel_axis([_UNKNOWN_SIDE if side is None else side for side in images.shape]) == 1:
        images = tf.transpose(images, [0, 2, 3, 1])
    if images.shape[3] is None or any(side is not None and side < 3 for side in images.shape[1:3]):
        return None
    pixels = tf.cast(images, tf.float64)
    grey = tf.reduce_mean(pixels, axis=3)
    center = grey[:, 1:-1, 1:-1]
    edges = grey[:, :-2, 1:-1] + grey[:, 2:, 1:-1] + grey[:, 1:-1, :-2] + grey[:, 1:-1, 2:] - 4 * center
    channels = tf.reduce_mean(pixels, axis=[1, 2])
    rest = [
        tf.reduce_mean(channels, axis=1),
        tf.math.reduce_std(pixels, axis=[1, 2, 3]),
        tf.math.reduce_std(edges, axis=[1, 2]),
    ]
    return tf.concat([tf.stack(rest, axis=1), channels], axis=1)


def token_features(tokens: Any) -> Any:
    """As :func:`traingauge.stats.drift.tokens.token_features`; ``None`` if the shape is not that of sequences.

    >>> token_features(tf.constant([[7, 7, 1, 9, 0, 0]])).numpy()
    array([[4.  , 0.25, 0.75, 7.  ]])
    """
    if tokens.shape.rank != 2 or tokens.shape[1] == 0:
        return None
    ids = tf.cast(tokens, tf.float64)
    real = tf.not_equal(ids, PADDING)
    length = tf.reduce_sum(tf.cast(real, tf.int32), axis=1)
    ordered = tf.sort(tf.where(real, ids, tf.constant(np.inf, tf.float64)), axis=1)
    first = tf.concat([tf.ones_like(real[:, :1]), ordered[:, 1:] > ordered[:, :-1]], axis=1)
    count = tf.cast(length, tf.float64)
    distinct = _share(first & tf.math.is_finite(ordered), count)
    last = tf.shape(ids)[1] - 1
    low, high = (
        tf.gather(ordered, tf.clip_by_value(place, 0, last), axis=1, batch_dims=1)
        for place in ((length - 1) // 2, length // 2)
    )
    median = tf.where(length > 0, (low + high) / 2, tf.constant(np.nan, tf.float64))
    return tf.stack([count, _share(real & tf.equal(ids, UNKNOWN), count), distinct, median], axis=1)


def _share(which: Any, count: Any) -> Any:
    return tf.reduce_sum(tf.cast(which, tf.float64), axis=1) / count


#: By what the reference is of: maps samples to features of float64, shape (n, F), or to ``None`` if they are something else.
EXTRACTED: Mapping[str, Callable[[Any], Any]] = MappingProxyType(
    {"table": table, "images": image_features, "tokens": token_features}
)
