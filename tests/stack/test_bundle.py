"""What a user gets who installs the wheel and has no checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import tomllib
import venv
from pathlib import Path
from typing import Any

import pytest

from traingauge.stack import bundle

ROOT = Path(__file__).resolve().parents[2]

#: Prints every shipped path by its name, as the installed package finds them.
REPORT = """
import json
from traingauge.stack import bundle
print(json.dumps({place: str(bundle.shipped(place)) for place in bundle.PLACES}))
"""


class Installed:
    """A fresh environment with the wheel, outside the checkout, that sees the dependencies of this one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        wheels = folder / "wheels"
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        self._environment = environment
        build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", wheels]
        subprocess.run(build, cwd=ROOT, env=environment, check=True, capture_output=True)
        venv.create(folder / "venv", with_pip=False)
        self.python = folder / "venv/bin/python"
        (wheel,) = wheels.glob("*.whl")
        install = ["install", "--quiet", "--no-deps", "--no-index", wheel]
        subprocess.run(
            [sys.executable, "-m", "pip", "--python", self.python, *install], env=environment, check=True
        )
        (packages,) = (folder / "venv/lib").glob("python*/site-packages")
        # A path in a .pth file is searched after the environment's own packages, and its own .pth files are not read: the
        # dependencies are found, the checkout is not.
        (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"))

    def run(self, *arguments: str) -> str:
        command = [self.python, *arguments]
        return subprocess.run(
            command, cwd=self.folder, env=self._environment, check=True, capture_output=True, text=True
        ).stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return Installed(tmp_path_factory.mktemp("installed"))


def files(path: Path) -> dict[str, bytes]:
    """Content by relative path; a file alone has the path ``.``."""
    found = [path] if path.is_file() else [one for one in path.rglob("*") if one.is_file()]
    return {str(one.relative_to(path)): one.read_bytes() for one in found}


def test_an_installed_wheel_holds_every_shipped_file_as_it_is_in_the_checkout(installed: Installed) -> None:
    found: dict[str, Any] = json.loads(installed.run("-c", REPORT))
    assert found.keys() == bundle.PLACES.keys()
    for place, path in found.items():
        assert Path(path).is_relative_to(installed.folder / "venv"), place
        assert files(Path(path)) == files(ROOT / bundle.PLACES[place]) != {}, place


def test_an_installed_wheel_can_install_servers(installed: Installed) -> None:
    answer = installed.run(
        "-c",
        "import os; from traingauge.stack.programs import APT_INSTALL; print(os.access(APT_INSTALL, os.X_OK))",
    )
    assert answer == "True\n"


def test_the_wheel_is_built_from_the_places_that_the_package_looks_in() -> None:
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["force-include"] == {
        source: f"traingauge/bundle/{place}" for place, source in bundle.PLACES.items()
    }


@pytest.mark.parametrize("place", bundle.PLACES)
def test_in_a_checkout_every_shipped_file_is_read_where_it_is_edited(place: str) -> None:
    assert bundle.shipped(place) == ROOT / bundle.PLACES[place]
    assert bundle.shipped(place).exists()
