"""``python -m docs.release``: everything of a release but the upload.

It builds the source distribution and from it the wheel, checks their page, installs the wheel with its dependencies in a
fresh environment outside of the checkout, tries it there, and prints the notes of the release.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Sequence
from pathlib import Path

from traingauge.bundle.platforms import PLATFORMS
from traingauge.version import __version__

ROOT = Path(__file__).resolve().parents[1]

#: What the core installs, with what that needs itself.
CORE = {
    "certifi",
    "charset-normalizer",
    "idna",
    "numpy",
    "prometheus-client",
    "requests",
    "traingauge",
    "urllib3",
}

_UPLOAD = """\
Left to do by hand:
  1. In CHANGELOG.md, rename Unreleased to {version} with the date, and commit.
  2. git tag --sign v{version} && git push origin v{version}
  3. twine upload dist/*"""


class ReleaseError(Exception):
    """Something keeps the release from being made."""


def notes(changelog: str, version: str) -> str:
    r"""What the changelog says about a version, or, before it has a section of its own, about what is unreleased.

    Raises:
        ReleaseError: It says nothing.

    >>> notes("# Changelog\n\n## 1.1.0 - 2030-01-01\n\n* new\n\n## 1.0.0 - 2029-01-01\n\n* old\n", "1.1.0")
    '* new'
    """
    for name in (re.escape(version), "Unreleased"):
        found = re.search(rf"^## {name}(?![.\w]).*\n((?:(?!## ).*\n?)*)", changelog, re.MULTILINE)
        if found is not None and found[1].strip():
            return found[1].strip()
    raise ReleaseError(f"CHANGELOG.md has neither a section for {version} nor one for what is unreleased")


def build(target: Path) -> Path:
    """Build into a folder, and check what the package page shows; returns the wheel."""
    shutil.rmtree(target, ignore_errors=True)
    _run([sys.executable, "-m", "build", "--outdir", target], ROOT)
    _run([sys.executable, "-m", "twine", "check", "--strict", *sorted(target.iterdir())], ROOT)
    (wheel,) = target.glob(f"traingauge-{__version__}-*.whl")
    return wheel


def try_out(wheel: Path, folder: Path) -> None:
    """Install the wheel in a fresh environment in a folder, and use it there.

    Raises:
        ReleaseError: A command fails, the version is another one, or something is installed that the core need not have.
    """
    venv.create(folder / "venv", with_pip=True)
    python = folder / "venv/bin/python"
    _run([python, "-m", "pip", "install", "--quiet", wheel], folder)
    listed = _run([python, "-m", "pip", "list", "--format=freeze"], folder).lower().splitlines()
    extra = (
        {line.partition("==")[0].replace("_", "-") for line in listed} - CORE - {"pip", "setuptools", "wheel"}
    )
    if extra:
        raise ReleaseError(f"the core installs {', '.join(sorted(extra))}, too")
    command = folder / "venv/bin/traingauge"
    said = _run([command, "--version"], folder).strip()
    if said != f"traingauge {__version__}":
        raise ReleaseError(f"the wheel says {said!r}: expected version {__version__}")
    for platform in PLATFORMS:
        _run([command, "bundle", "export", folder / platform, "--for", platform], folder)
        _run([command, "bundle", "diff", folder / platform], folder)
    script = (
        "from traingauge import ModelMonitor; m = ModelMonitor('m', delivery=[]); m.step(loss=0.5); m.close()"
    )
    _run([python, "-c", script], folder)


def _run(command: Sequence[str | Path], folder: Path) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        list(map(str, command)), cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ReleaseError(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


def main() -> int:
    """Do it; the exit code is 1 if something keeps the release from being made."""
    parser = argparse.ArgumentParser(prog="python -m docs.release", description=__doc__)
    parser.add_argument(
        "--output", type=Path, default=ROOT / "dist", help="where the files go (default: dist)"
    )
    target = parser.parse_args().output
    try:
        said = notes((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), __version__)
        wheel = build(target)
        with tempfile.TemporaryDirectory(prefix="traingauge-release-") as folder:
            try_out(wheel, Path(folder))
    except ReleaseError as error:
        print(error, file=sys.stderr)
        return 1
    print(
        f"{said}\n\ntraingauge {__version__} is built and was tried: {', '.join(one.name for one in target.iterdir())}"
    )
    print(_UPLOAD.format(version=__version__))
    return 0


if __name__ == "__main__":
    sys.exit(main())
