"""What is being trained: a model's structure, whatever framework it is of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ModelDescription:
    """Structure of a model.

    Attributes:
        architecture: Digest of its layers and their configuration, 12 hexadecimal digits: the same for two models that are
            built alike, whatever they are called.
        trainable: Parameters that training changes.
        frozen: Parameters that it does not.
        optimizer: Name of the optimizer, empty if there is none.
        loss: Name of the loss, empty if there is none.
        facts: More for people, by title: layers, shapes, dtypes, schedule, metrics.
    """

    architecture: str
    trainable: int
    frozen: int
    optimizer: str
    loss: str
    facts: Mapping[str, str]
