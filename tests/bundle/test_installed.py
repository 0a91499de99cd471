"""What a user gets who installs the package and has no checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
from pathlib import Path
from typing import Any

import pytest

from traingauge.bundle import places, platforms
from traingauge.bundle.options import Options

ROOT = Path(__file__).resolve().parents[2]

#: Prints every shipped path by its name, as the installed package finds them.
REPORT = """
import json
from traingauge.bundle import places
print(json.dumps({place: str(places.shipped(place)) for place in places.PLACES}))
"""


class Installed:
    """A fresh environment with the wheel, outside the checkout, that sees the dependencies of this one.

    The wheel is built from the source distribution, as installers without a fitting wheel do.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        self._environment = environment
        self.archive = self._built("sdist", ROOT, "*.tar.gz")
        with tarfile.open(self.archive) as archive:
            archive.extractall(folder / "source", filter="data")
        (source,) = (folder / "source").iterdir()
        wheel = self._built("wheel", source, "*.whl")
        venv.create(folder / "venv", with_pip=False)
        self.python = folder / "venv/bin/python"
        install = ["install", "--quiet", "--no-deps", "--no-index", wheel]
        subprocess.run(
            [sys.executable, "-m", "pip", "--python", self.python, *install], env=environment, check=True
        )
        (packages,) = (folder / "venv/lib").glob("python*/site-packages")
        # A path in a .pth file is searched after the environment's own packages, and its own .pth files are not read: the
        # dependencies are found, the checkout is not.
        (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"))

    def _built(self, target: str, source: Path, pattern: str) -> Path:
        folder = self.folder / target
        build = [sys.executable, "-m", "hatchling", "build", "--target", target, "--directory", folder]
        subprocess.run(build, cwd=source, env=self._environment, check=True, capture_output=True)
        (built,) = folder.glob(pattern)
        return built

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
    found = (
        [path]
        if path.is_file()
        else [one for one in path.rglob("*") if one.is_file() and one.parent.name != "__pycache__"]
    )
    return {str(one.relative_to(path)): one.read_bytes() for one in found}


def test_an_installed_wheel_holds_every_shipped_file_as_it_is_in_the_checkout(installed: Installed) -> None:
    found: dict[str, Any] = json.loads(installed.run("-c", REPORT))
    assert found.keys() == places.PLACES.keys()
    for place, path in found.items():
        assert Path(path).is_relative_to(installed.folder / "venv"), place
        assert files(Path(path)) == files(ROOT / places.PLACES[place]) != {}, place


def test_an_installed_wheel_can_install_servers(installed: Installed) -> None:
    answer = installed.run(
        "-c",
        "import os; from traingauge.stack.programs import APT_INSTALL; print(os.access(APT_INSTALL, os.X_OK))",
    )
    assert answer == "True\n"


def test_the_installed_command_exports_what_the_checkout_exports(installed: Installed) -> None:
    installed.run("-m", "traingauge", "bundle", "export", "exported", "--for", "kubernetes")
    exported = files(installed.folder / "exported")
    exported.pop(".traingauge-bundle.json")
    expected = platforms.files("kubernetes", Options())
    assert exported == {path: text.encode() for path, text in expected.items()}


def test_the_wheel_is_built_from_the_places_that_the_package_looks_in() -> None:
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["force-include"] == {
        source: f"traingauge/bundle/files/{place}" for place, source in places.PLACES.items()
    }


@pytest.mark.parametrize("place", places.PLACES)
def test_in_a_checkout_every_shipped_file_is_read_where_it_is_edited(place: str) -> None:
    assert places.shipped(place) == ROOT / places.PLACES[place]
    assert places.shipped(place).exists()
