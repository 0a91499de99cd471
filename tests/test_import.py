"""Importing traingauge costs nothing and does nothing."""

import subprocess
import sys

import pytest

import traingauge

PROBE = """
import sys, threading, socket, os
opened = []
sys.addaudithook(lambda event, args: opened.append(event) if event.startswith("socket.") else None)
class Refusing(dict):
    def __getitem__(self, key): raise AssertionError(f"read the environment: {key}")
environment, os.environ = os.environ, Refusing()
import traingauge
os.environ = environment
heavy = {"keras", "tensorflow", "torch", "numpy", "pandas", "prometheus_client", "requests"} & set(sys.modules)
assert not heavy, heavy
assert threading.active_count() == 1
assert not opened, opened
"""


def test_import_loads_no_framework_starts_no_thread_opens_no_port_and_reads_no_environment() -> None:
    done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_monitor_loads_no_framework() -> None:
    code = (
        "import sys; from traingauge import ModelMonitor\n"
        "with ModelMonitor('m', delivery=[]) as m: m.step(loss=1.0, y_true=[0, 1], y_pred=[0, 1])\n"
        "assert not {'keras', 'tensorflow', 'torch', 'pandas', 'sklearn', 'scipy'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_an_integration_without_its_framework_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['keras'] = None\nfrom traingauge.integrations.keras import MonitorCallback"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.endswith("ImportError: keras is not installed: pip install 'traingauge[keras]'\n")


@pytest.mark.parametrize("name", traingauge.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(traingauge, name) is not None
    assert name in dir(traingauge)


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Monitor'"):
        traingauge.Monitor  # noqa: B018 the access is the test


def test_the_version_is_that_of_the_distribution() -> None:
    from importlib.metadata import version

    assert version("traingauge") == traingauge.__version__


def test_a_plain_run_loads_all_that_it_uses_before_it_starts_and_nothing_else() -> None:
    code = (
        "import sys; from traingauge import ModelMonitor\n"
        "before = set(sys.modules)\n"
        "with ModelMonitor('m') as m: m.step(loss=1.0, y_true=[0, 1], y_pred=[0, 1])\n"
        "unused = {'numpy.ma', 'ssl', 'zipfile', 'hashlib', 'tempfile', 'urllib.request', 'traingauge.archive', "
        "'traingauge.reference.reference', 'traingauge.reference.run', 'traingauge.state.store', "
        "'traingauge.delivery.alertmanager', 'traingauge.delivery.http.web_config'}\n"
        "assert not unused & set(sys.modules), unused & set(sys.modules)\n"
        "late = {name for name in set(sys.modules) - before if name.startswith('traingauge')}\n"
        "assert not late, late"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
