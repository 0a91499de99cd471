"""One thread computes: several wait for each other where the machine is busy."""

from __future__ import annotations

import keras
import pytest

if keras.backend.backend() == "torch":
    import torch

    torch.set_num_threads(1)


@pytest.fixture
def session():
    """A run in memory."""
    from tests.integrations.keras.watched import KerasSession

    return KerasSession()
