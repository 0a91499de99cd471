"""Notebooks: one that is executed ends with its first failed cell, one that a person uses does not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from jupyter_client.manager import KernelManager
from nbformat.v4 import new_code_cell, new_notebook

from tests.waiting import PATIENCE, wait_until

START = """
from pathlib import Path
from traingauge import ModelMonitor
from traingauge.testing import samples

class Told:
    url, linger = None, 0.0

    def start(self, run):
        self.run = run
        return self

    def finish(self, ended, deadline):
        found = samples(self.run.families(lambda: None))
        (info,) = (dict(labels) for name, labels in found if name == "model_run_info")
        (state,) = (dict(labels)["state"] for (name, labels), value in found.items() if name == "model_run_state" and value)
        Path({told!r}).write_text(f"{{state}} {{info.get('exception', '')}}".strip())

    def close(self):
        pass

monitor = ModelMonitor("m", run="r", delivery=[Told()])
monitor.step(loss=1.0)
"""


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        (["monitor.step(loss=0.5)"], "finished"),
        (["raise ValueError", "monitor.step(loss=0.5)"], "failed ValueError"),
        (["with monitor: raise ValueError"], "failed ValueError"),
        (["raise KeyboardInterrupt"], "interrupted"),
    ],
)
def test_a_notebook_that_nbconvert_executes_ends_as_its_last_cell(
    tmp_path: Path, cells: list[str], told: str
) -> None:
    file = tmp_path / "told"
    notebook = new_notebook(cells=[new_code_cell(cell) for cell in (START.format(told=str(file)), *cells)])
    nbformat.write(notebook, tmp_path / "train.ipynb")
    command = [sys.executable, "-m", "nbconvert", "--to", "notebook", "--execute", "train.ipynb"]
    done = subprocess.run(
        [*command, "--output", "done.ipynb"],
        cwd=tmp_path,
        env=os.environ | {"JUPYTER_PLATFORM_DIRS": "1"},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert file.read_text() == told, done.stderr


def test_a_cell_that_fails_before_a_person_ends_no_run(tmp_path: Path) -> None:
    file = tmp_path / "told"
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel()
    client = manager.blocking_client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=PATIENCE)
        for cell in (START.format(told=str(file)), "raise ValueError"):
            client.execute_interactive(
                cell, allow_stdin=True, timeout=PATIENCE, stdin_hook=print, output_hook=lambda _: None
            )
        assert not file.exists()
        client.execute_interactive("monitor.step(loss=0.5)", timeout=PATIENCE, output_hook=lambda _: None)
        client.execute_interactive(
            "raise ValueError",
            allow_stdin=True,
            timeout=PATIENCE,
            stdin_hook=print,
            output_hook=lambda _: None,
        )
        client.shutdown()
        wait_until(lambda: not manager.is_alive())
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    assert file.read_text() == "finished"
