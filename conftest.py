"""What is left out where a framework is not installed; the summary of the tests says so."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import Any

# Tests run in a process a core or more. Further threads of numpy, scikit-learn and PyTorch would mostly spin, on cores that
# others wait for. The libraries read it when they are loaded, also in the processes that tests start.
os.environ.setdefault("OMP_NUM_THREADS", "1")

#: Tests and doctests that need a framework, by their folder.
NEEDING = {
    f"{folder}/{framework}": framework
    for folder in ("tests/integrations", "exporter/traingauge/integrations")
    for framework in ("accelerate", "torch", "lightning", "transformers")
}
NEEDING |= {
    f"exporter/traingauge/integrations/keras/backends/{framework}.py": framework
    for framework in ("jax", "tensorflow", "torch")
}
NEEDING["tests/integrations/keras/backends/test_keras_tuner.py"] = "keras_tuner"

collect_ignore = [folder for folder, framework in NEEDING.items() if find_spec(framework) is None]

#: Keras runs on one backend in a process: tests of the others, which the variable chooses.
OTHER_BACKENDS = "tests/integrations/keras/backends"

if os.environ.get("KERAS_BACKEND", "tensorflow") == "tensorflow":
    collect_ignore.append(OTHER_BACKENDS)
    NEEDING[OTHER_BACKENDS] = "Keras on another backend (KERAS_BACKEND=torch or jax)"


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say which folders were left out."""
    for folder in collect_ignore:
        terminalreporter.write_line(
            f"SKIPPED {folder}: {NEEDING[folder]} is not installed; make test-integrations installs it"
        )
