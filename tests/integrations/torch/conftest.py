"""One thread computes: several wait for each other where the machine is busy."""

from __future__ import annotations

import torch

torch.set_num_threads(1)
