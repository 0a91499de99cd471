"""Without the framework these tests are left out; one thread computes, as several wait for each other on a busy machine."""

from __future__ import annotations

from importlib.util import find_spec

if find_spec("transformers") is not None:
    import torch

    torch.set_num_threads(1)
