"""One thread computes; the state that Accelerate keeps in the process is that of one test."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

if find_spec("accelerate") is not None:
    import accelerate
    import torch

    torch.set_num_threads(1)


@pytest.fixture
def accelerator():
    """Makes an ``Accelerator`` with a window of accumulation."""
    yield lambda window=1, **settings: accelerate.Accelerator(
        cpu=True, gradient_accumulation_steps=window, **settings
    )
    accelerate.state.AcceleratorState._reset_state(reset_partial_state=True)
    accelerate.state.GradientState._reset_state()
