"""Packages that traingauge is compared with: which of them are installed, and how to get the others.

Most come with the extra ``bench``. Those that do not go together with a current numpy have an environment of their own each,
under ``build/peers``: ``python -m benchmarks.peers`` makes them.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

#: Environments of their own.
PEERS = Path(__file__).parent.parent / "build" / "peers"

#: Peers that have one, by the module to import, and what is installed in it.
APART = {
    "alibi_detect": ("alibi-detect",),
    "evidently": ("evidently", "pandas<3"),
    "nannyml": ("nannyml", "statsmodels"),  # which it imports and does not name
    "opentelemetry": ("opentelemetry-exporter-prometheus-remote-write",),
    "gangplank": ("gangplank", "keras", "jax", "prometheus-client"),
    "wandb": ("wandb", "numpy"),
    "mlflow": ("mlflow",),
}

#: Peers that are installed without what they ask for: they import a small part of it.
_ALONE = {"gangplank"}

#: How to get the peers that have no environment of their own, and those that have one.
_ADVICE, _ADVICE_APART = (
    "not installed: pip install 'traingauge[bench]'",
    "not installed: python -m benchmarks.peers",
)


def missing(modules: Iterable[str]) -> dict[str, str]:
    """Those of the modules that are not installed here, each with how to get it."""
    return {module: _ADVICE for module in modules if find_spec(module) is None}


def missing_apart(modules: Iterable[str]) -> dict[str, str]:
    """Those that are not installed here, of an environment with a framework that the others do without."""
    advice = "not installed: make test-integrations, then .venv-integrations/bin/python -m benchmarks.cost"
    return dict.fromkeys(missing(modules), advice)


class PeerError(Exception):
    """A peer is not installed or does not run; the message says which, and what to do."""


def program_apart(module: str, name: str = "python") -> Path:
    """A program in the environment of a peer.

    Raises:
        PeerError: There is none.
    """
    program = PEERS / APART[module][0] / "bin" / name
    if not program.exists():
        raise PeerError(_ADVICE_APART)
    return program


def run_apart(module: str, code: str, arrays: Mapping[str, Any]) -> Any:
    """Run code with arrays under their names in the environment of a peer, and return its ``result``.

    Raises:
        PeerError: It cannot be run.
    """
    python = program_apart(module)
    with tempfile.TemporaryDirectory() as folder:
        data, script = Path(folder) / "data.npz", Path(folder) / "peer.py"
        np.savez(data, **arrays)
        script.write_text(
            f"import json, warnings\nimport numpy as np\nwarnings.simplefilter('ignore')\n"
            f"globals().update(np.load({str(data)!r}))\n{code}\nprint('\\n' + json.dumps(result))\n"
        )
        done = subprocess.run([python, script], capture_output=True, text=True, check=False)
    if done.returncode:
        raise PeerError(f"does not run: {done.stderr.strip().splitlines()[-1]}")
    return json.loads(done.stdout.splitlines()[-1])


def _install() -> None:
    for packages in APART.values():
        folder = PEERS / packages[0]
        print(f"{packages[0]} → {folder}")
        venv.create(folder, with_pip=True, clear=True)
        pip = [folder / "bin" / "pip", "install", "--quiet"]
        subprocess.run([*pip, *(one for one in packages if one not in _ALONE)], check=False)
        for one in _ALONE.intersection(packages):
            subprocess.run([*pip, "--no-deps", one], check=False)


if __name__ == "__main__":
    sys.exit(_install())
