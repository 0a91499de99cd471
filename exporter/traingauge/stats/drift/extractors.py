"""Feature extractors: reduce samples that are not tabular, images and token ids, to a table of features."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from traingauge.stats.drift.images import channels_of, image_feature_names, image_features
from traingauge.stats.drift.tokens import TOKEN_FEATURE_NAMES, token_features


class FeatureExtractor(NamedTuple):
    """How one kind of samples is reduced to features.

    Attributes:
        extract: Maps samples, shape (n, ...), to features, shape (n, F).
        names: Maps the shape of the samples to the names of the F features.
    """

    extract: Callable[[NDArray[Any]], NDArray[np.float64]]
    names: Callable[[Sequence[int]], tuple[str, ...]]


#: Every extractor by kind of samples. To add one, write a file and its test, and add a line here.
EXTRACTORS: Mapping[str, FeatureExtractor] = MappingProxyType(
    {
        "images": FeatureExtractor(image_features, lambda shape: image_feature_names(channels_of(shape))),
        "tokens": FeatureExtractor(token_features, lambda shape: TOKEN_FEATURE_NAMES),
    }
)
